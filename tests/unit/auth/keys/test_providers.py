"""Keys at a URL: fetched from a real server within limits, and kept."""

import os
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from service.auth.keys.fetch import MAX_BYTES, fetch
from service.auth.keys.jwks import KeysRefused
from service.auth.keys.loading import read_published_keys
from service.auth.keys.providers import RefreshIntervals, RemoteKeys
from service.auth.keys.shared_document import SharedDocument
from service.auth.tokens import Verifier
from service.domain.errors import Unauthenticated, Unavailable
from tests.support.issuer import Issuer, answer, serving
from tests.support.running import free_port

FAST = RefreshIntervals(refresh_s=0.1, on_demand_s=0.05, retry_s=0.02)
ON_DEMAND = RefreshIntervals(refresh_s=60, on_demand_s=0.2)
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


@pytest.fixture
def issuer():
    return Issuer()


@pytest.fixture
def url(issuer):
    with serving(issuer) as address:
        yield address


class Log:
    """A log that keeps its lines."""

    def __init__(self):
        self.lines = []

    def info(self, event, **fields):
        self.lines.append((event, fields))

    warning = info

    def reasons(self):
        return [fields["reason"] for event, fields in self.lines if event == "keys_not_renewed"]


@pytest.fixture
def log():
    return Log()


@pytest.fixture
def ring_from(log):
    """Make a key ring, which is stopped after the test."""
    made = []

    def make(fetch_document, intervals=FAST):
        made.append(RemoteKeys(fetch_document, log, intervals))
        return made[-1]

    yield make
    for ring in made:
        ring.stop()


@pytest.fixture
def ring_of(ring_from, url):
    """Make a key ring that fetches from the issuer."""
    return lambda pace: ring_from(partial(fetch, url), pace)


def until(condition, within_s=10):
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def kids(ring):
    return set(ring.current())


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
        assert {"The URL cannot be fetched: ConnectionRefusedError."} == set(log.reasons())
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


class TestLimits:
    def test_a_document_that_is_too_long_is_not_read_to_its_end(self, url, issuer):
        issuer.say = lambda handler: answer(handler, b" " * (MAX_BYTES + 1))
        with pytest.raises(KeysRefused, match="more than"):
            fetch(url)
        issuer.say = lambda handler: answer(handler, b" " * MAX_BYTES)
        assert MAX_BYTES == len(fetch(url))

    def test_an_endless_document(self, url, issuer):
        def without_end(handler):
            handler.send_response(200)
            handler.end_headers()
            while True:
                handler.wfile.write(b" " * 65536)

        issuer.say = without_end
        with pytest.raises(KeysRefused, match="more than"):
            fetch(url)

    def test_a_server_that_says_nothing(self, url, issuer):
        given_up = threading.Event()
        issuer.say = lambda _: given_up.wait(60)
        self.is_given_up(url, read_timeout_s=0.2)
        given_up.set()

    def test_a_server_that_drips_its_document(self, url, issuer):
        def drip(handler):
            handler.send_response(200)
            handler.send_header("Content-Length", "1000")
            handler.end_headers()
            for _ in range(1000):
                handler.wfile.write(b" ")
                time.sleep(0.05)

        issuer.say = drip
        self.is_given_up(url, deadline_s=0.3)

    def test_a_server_that_drips_its_head(self, url, issuer):
        def drip(handler):
            handler.wfile.write(b"HTTP/1.0 200 OK\r\n")
            for number in range(1000):
                handler.wfile.write(f"X-{number}: y\r\n".encode())
                time.sleep(0.05)

        issuer.say = drip
        self.is_given_up(url, deadline_s=0.3)

    def is_given_up(self, url, **limits):
        began = time.monotonic()
        with pytest.raises(KeysRefused):
            fetch(url, **limits)
        assert time.monotonic() - began < 2

    def test_a_document_that_ends_early(self, url, issuer):
        def promise_more(handler):
            handler.send_response(200)
            handler.send_header("Content-Length", "1000")
            handler.end_headers()
            handler.wfile.write(b'{"keys": []}')

        issuer.say = promise_more
        with pytest.raises(KeysRefused, match="IncompleteRead"):
            fetch(url)

    def test_who_is_no_http_server(self):
        with pytest.raises(KeysRefused):
            fetch(f"http://127.0.0.1:{free_port()}/")

    def test_a_server_without_tls_where_it_was_asked_for(self, url):
        with pytest.raises(KeysRefused, match="SSLError"):
            fetch(url.replace("http:", "https:"))

    def test_a_certificate_counts_only_if_somebody_vouches_for_it(
        self, issuer, tmp_path, monkeypatch
    ):
        """Certificates are verified by SSL_CERT_FILE, and for the requested host."""
        server = certified(tmp_path, "127.0.0.1")
        with serving(issuer, tls=server) as url:
            with pytest.raises(KeysRefused, match="SSLCertVerificationError"):
                fetch(url)
            monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
            assert issuer.document() == fetch(url)
        other = certified(tmp_path, "127.0.0.2")
        with (
            serving(issuer, tls=other) as url,
            pytest.raises(KeysRefused, match="SSLCertVerificationError"),
        ):
            fetch(url)


def certified(folder, address):
    """Return a server's TLS context with a certificate of its own making."""
    key = generate_private_key(SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "issuer of the tests")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), critical=False
        )
        .sign(key, SHA256())
    )
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    return context


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


class TestHandingDown:
    """A worker that replaces a dead one must know what its siblings know."""

    def test_a_process_forked_during_an_outage_has_the_last_good_set(self, issuer, ring_from):
        calls: list[None] = []

        def fetch_document():
            calls.append(None)
            if len(calls) > 1:
                raise OSError
            return issuer.document()

        ring = ring_from(fetch_document)
        in_child(lambda: until(lambda: kids(ring) == {"k1"}) or 0)
        calls.append(None)
        assert 0 == in_child(lambda: 0 if kids(ring) == {"k1"} else 1)

    def test_what_is_not_whole_is_not_there(self):
        left = SharedDocument()
        assert left.get() is None
        left.put(b"document")
        assert b"document" == left.get()
        left.memory[40] ^= 1
        assert left.get() is None
        left.memory[32:36] = b"\xff" * 4
        assert left.get() is None
        left.put(b"x" * MAX_BYTES)
        assert b"x" * MAX_BYTES == left.get()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def in_child(run):
    """Run something in a forked process, and return its status."""
    pid = os.fork()
    if pid == 0:
        status = 70
        try:
            status = run()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
