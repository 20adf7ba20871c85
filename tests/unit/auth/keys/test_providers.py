"""Keys at a URL: fetched from a real server within limits, and kept."""

import threading
import time
from functools import partial

import pytest

from service.auth.keys.fetch import fetch
from service.auth.keys.jwks import KeysRefused
from service.auth.keys.loading import read_published_keys
from service.auth.tokens import Verifier
from service.domain.errors import Unauthenticated, Unavailable
from tests.support.issuer import answer, serving
from tests.support.running import free_port
from tests.unit.auth.keys.rings import FAST, ON_DEMAND, kids, until

MALFORMED = [
    b"",
    b"no JSON",
    b"[]",
    b"7",
    b"null",
    b"{}",
    b'{"keys": null}',
    b'{"keys": []}',
    b'{"keys": [7]}',
    b'{"keys": ["k"]}',
    b'{"keys": {}}',
    b"[" * 100_000,
    b"\xff\xfe",
    b"<html>Sign in</html>",
]


class TestRenewal:
    def test_nothing_is_fetched_before_somebody_wants_it(self, ring_of, issuer):
        """The application is built before gunicorn forks, and threads do not survive a fork."""
        ring_of(FAST)
        time.sleep(0.1)
        assert 0 == issuer.fetches

    def test_the_first_caller_gets_no_keys_and_does_not_wait(self, ring_of, issuer):
        release = threading.Event()
        issuer.say = lambda handler: release.wait(10) and issuer.publish(handler)
        ring = ring_of(FAST)
        verifier = Verifier(ring, "discount", "discount")
        began = time.monotonic()
        with pytest.raises(Unavailable):
            verifier.verify(issuer.token())
        assert time.monotonic() - began < 0.5
        release.set()
        until(lambda: kids(ring) == {"k1"})
        assert "tests" == verifier.verify(issuer.token()).subject

    def test_a_rotation_is_followed_without_anybody_asking(self, ring_of, issuer):
        ring = ring_of(FAST)
        until(lambda: kids(ring) == {"k1"})
        issuer.rotate_to("k1", "k2")
        until(lambda: kids(ring) == {"k1", "k2"})
        issuer.rotate_to("k2")
        until(lambda: kids(ring) == {"k2"})

    def test_how_long_it_fails_is_known_until_it_succeeds(self, ring_of, issuer):
        ring = ring_of(FAST)
        until(lambda: kids(ring) == {"k1"})
        assert 0.0 == ring.stale_s()
        issuer.say = lambda handler: answer(handler, b"", 500)
        until(lambda: ring.stale_s() > 0.2)
        issuer.say = issuer.publish
        until(lambda: ring.stale_s() == 0.0)

    def test_the_same_keys_again_are_the_same_object(self, ring_of, issuer):
        """Verified tokens stay cached; another order or member changes nothing."""
        ring = ring_of(FAST)
        issuer.rotate_to("k1", "k2")
        until(lambda: kids(ring) == {"k1", "k2"})
        keys = ring.current()
        issuer.rotate_to("k2", "k1")
        issuer.published[0]["x5t"] = "new"
        before = issuer.fetches
        until(lambda: issuer.fetches > before + 2)
        assert ring.current() is keys

    def test_an_unknown_key_is_fetched_behind_the_caller_that_names_it(self, ring_of, issuer):
        ring = ring_of(ON_DEMAND)
        verifier = Verifier(ring, "discount", "discount")
        until(lambda: kids(ring) == {"k1"})
        issuer.rotate_to("k1", "k2")
        began = time.monotonic()
        with pytest.raises(Unauthenticated):
            verifier.verify(issuer.token("k2"))
        assert time.monotonic() - began < 0.2
        until(lambda: "k2" in kids(ring))
        assert "tests" == verifier.verify(issuer.token("k2")).subject

    def test_a_storm_of_unknown_keys_is_one_fetch_in_each_pause(self, ring_of, issuer):
        ring = ring_of(ON_DEMAND)
        verifier = Verifier(ring, "discount", "discount")
        until(lambda: kids(ring) == {"k1"})
        began, refused = time.monotonic(), []

        def storm(seed):
            issuer.jwk(f"stranger{seed}")
            token = issuer.token(f"stranger{seed}")
            while time.monotonic() < began + 0.5:
                with pytest.raises(Unauthenticated):
                    verifier.verify(token)
                refused.append(seed)

        threads = [threading.Thread(target=storm, args=[seed]) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took = time.monotonic() - began
        assert len(refused) > 2 * took / ON_DEMAND.on_demand_s
        assert issuer.fetches <= 1 + took / ON_DEMAND.on_demand_s + 1

    def test_a_token_without_kid_or_with_a_known_one_asks_for_nothing(self, ring_of, issuer):
        ring = ring_of(ON_DEMAND)
        verifier = Verifier(ring, "discount", "discount")
        until(lambda: kids(ring) == {"k1"})
        issuer.rotate_to("k2")
        for bad in (issuer.token()[:-8] + "AAAAAAAA", "e30.e30.AAAA", "x", ""):
            with pytest.raises(Unauthenticated):
                verifier.verify(bad)
        time.sleep(2 * ON_DEMAND.on_demand_s)
        assert 1 == issuer.fetches

    def test_a_verified_token_ends_with_its_key(self, ring_of, issuer):
        ring = ring_of(FAST)
        verifier = Verifier(ring, "discount", "discount")
        until(lambda: kids(ring) == {"k1"})
        token = issuer.token()
        verifier.verify(token)
        issuer.rotate_to("k2")
        until(lambda: kids(ring) == {"k2"})
        with pytest.raises(Unauthenticated):
            verifier.verify(token)


class TestTrouble:
    def test_an_outage_changes_nothing_and_ends_by_itself(self, issuer, log, ring_from):
        port = free_port()
        ring = ring_from(partial(fetch, f"http://127.0.0.1:{port}/keys"))
        assert not ring.current()
        until(log.reasons)
        with serving(issuer, port):
            until(lambda: kids(ring) == {"k1"})
        before = len(log.reasons())
        until(lambda: len(log.reasons()) > before + 3)
        assert {"k1"} == kids(ring)
        assert {"The URL cannot be fetched: connection refused (ConnectionRefusedError)."} == set(
            log.reasons()
        )
        issuer.rotate_to("k2")
        with serving(issuer, port):
            until(lambda: kids(ring) == {"k2"})

    @pytest.mark.parametrize("document", MALFORMED, ids=lambda document: str(document[:20]))
    def test_what_is_no_set_of_keys_is_kept_out(self, ring_of, issuer, log, document):
        ring = ring_of(FAST)
        until(lambda: kids(ring) == {"k1"})
        issuer.say = lambda handler: answer(handler, document)
        until(log.reasons)
        assert {"k1"} == kids(ring)
        issuer.rotate_to("k2")
        issuer.say = issuer.publish
        until(lambda: kids(ring) == {"k2"})

    @pytest.mark.parametrize("status", [204, 301, 302, 307, 401, 404, 500, 503])
    def test_another_answer_than_200_is_kept_out(self, ring_of, issuer, log, status, url):
        """Redirects are refused, too: they could lead anywhere."""
        issuer.say = lambda handler: answer(handler, b"", status, Location=url)
        ring = ring_of(FAST)
        assert not ring.current()
        until(log.reasons)
        assert f"The URL answers with status {status}." == log.reasons()[0]
        assert not ring.current()

    def test_whatever_a_fetch_raises_the_thread_goes_on(self, issuer, log, ring_from):
        fetches = iter([ZeroDivisionError("a secret"), RecursionError(), OSError()])

        def fetch_document():
            for error in fetches:
                raise error
            return issuer.document()

        ring = ring_from(fetch_document)
        until(lambda: kids(ring) == {"k1"})
        assert ["ZeroDivisionError", "RecursionError", "OSError"] == log.reasons()

    def test_a_log_that_cannot_be_written_does_not_end_it(self, ring_of, issuer, log, monkeypatch):
        ring = ring_of(FAST)
        monkeypatch.setattr(log, "warning", None)
        monkeypatch.setattr(log, "info", None)
        until(lambda: kids(ring) == {"k1"})
        issuer.rotate_to("k2")
        until(lambda: kids(ring) == {"k2"})


class TestPublishedSets:
    def test_keys_of_other_kinds_are_passed_over(self, issuer):
        """RFC 7517, section 5: an issuer may publish keys that this service cannot use."""
        issuer.published += [
            {"kty": "OKP", "crv": "X25519", "kid": "x", "x": "AAAA"},
            {"kty": "future", "kid": "f"},
            issuer.jwk("enc") | {"use": "enc"},
            issuer.jwk("wrap") | {"key_ops": ["wrapKey"]},
            issuer.jwk("other") | {"alg": "ES512"},
        ]
        assert {"k1"} == set(read_published_keys(issuer.document()))

    @pytest.mark.parametrize(
        "secret", [{"kty": "oct", "kid": "o", "k": "c2VjcmV0" * 8}, {"d": "AAAA"}]
    )
    def test_a_key_that_can_sign_is_passed_over(self, issuer, secret):
        """RFC 8725, section 2.1: secrets never stand beside public keys."""
        issuer.published.append(issuer.jwk("k2") | secret)
        assert {"k1"} == set(read_published_keys(issuer.document()))
        issuer.published = [issuer.jwk("k2") | secret]
        with pytest.raises(KeysRefused, match=r"private part|public set"):
            read_published_keys(issuer.document())

    def test_an_entry_that_is_passed_over_is_logged_once(self, ring_of, issuer, log):
        issuer.published.append(issuer.jwk("k2") | {"use": "enc"})
        ring = ring_of(FAST)
        until(lambda: kids(ring) == {"k1"})
        fetches = issuer.fetches
        until(lambda: issuer.fetches > fetches + 2)
        ignored = [fields for event, fields in log.lines if event == "key_ignored"]
        reason = "it is not for verifying signatures"
        assert [{"settings": ["DISCOUNT_JWT_JWKS_URL"], "kid": "'k2'", "reason": reason}] == ignored
