"""Callers who look up many unknown codes are guessing, and are refused for a while."""

from dataclasses import replace

import pytest
from sqlalchemy import text

from service.api.limits import misses
from service.api.limits.misses import MOST, WINDOW_S, Misses
from service.api.views.jobs import NEWS_MS
from service.app import services_of
from service.auth.caller import Caller
from service.domain.errors import TooManyMisses
from service.formats.refusals import Reason, Refusal
from service.observability.metrics.instruments import Metrics
from service.settings import Settings
from tests.api.conftest import C
from tests.support.tokens import bearer
from tests.support.working import do_all


@pytest.fixture
def engine():
    return "sqlite"


LIMIT = 5


@pytest.fixture
def settings(settings):
    return replace(settings, miss_limit=LIMIT)


@pytest.fixture
def look_up(client, codes):
    """Look codes up, and return the statuses."""

    def ask(*texts, **claims):
        headers = bearer(**claims)
        return [client.get(f"{C}/codes/{text}", headers=headers) for text in texts]

    return ask


def statuses(answers):
    return [answer.status_code for answer in answers]


def unknown(count):
    return [f"NONE-{number}" for number in range(count)]


def test_too_many_unknown_codes_end_the_look_ups_of_a_caller_in_a_brand(look_up, codes, app):
    assert [404] * LIMIT == statuses(look_up(*unknown(LIMIT)))
    assert [200] == statuses(look_up(codes[0]))
    refused = [*look_up("NONE-9"), *look_up(codes[0])]
    for answer in refused:
        assert (429, "too-many-misses") == (answer.status_code, answer.json["type"][10:])
        assert 0 < int(answer.headers["Retry-After"]) <= WINDOW_S
    assert [200] == statuses(look_up(codes[0], sub="somebody else"))
    metrics = services_of(app).metrics
    assert LIMIT + 1 == metrics.registry.get_sample_value("discount_code_misses_total")


def test_other_brands_and_other_calls_go_on(look_up, codes, client, auth):
    look_up(*unknown(LIMIT + 1))
    answer = client.post(
        "/v1/discount/create", json={"brand": "brand2", "number_to_create": 1}, headers=auth
    )
    path = f"/v1/brands/brand2/campaigns/default/codes/{answer.json[0]}"
    assert 200 == client.get(path, headers=auth).status_code
    assert 201 == client.put(f"{C}/reservations/user1", headers=auth).status_code


def test_what_a_dry_run_says_the_brand_has_counts(look_up, codes, client, auth, database):
    def dry_run(*lines):
        headers = auth | {"Content-Type": "text/csv"}
        return client.post(f"{C}/imports?dry_run=true", data="\n".join(lines), headers=headers)

    def report(job):
        return client.get(f"{job.headers['Location']}/report", headers=auth)

    job = dry_run(*codes[: LIMIT + 1], *unknown(10))
    do_all(database)
    assert LIMIT + 1 == report(job).text.count("in-brand")  # complete: an honest caller needs it
    assert [429] == statuses(look_up(codes[0]))
    assert 429 == report(job).status_code
    assert 429 == dry_run("NONE-1").status_code


def test_unknown_codes_of_a_list_to_disable_count(look_up, codes, client, auth, database):
    """A guesser would have many: the others are the codes that there are."""
    headers = auth | {"Content-Type": "text/csv"}
    lines = "\n".join([codes[0], *unknown(LIMIT + 1)])
    job = client.post(f"{C}/imports?action=disable&dry_run=true", data=lines, headers=headers)
    do_all(database)
    assert LIMIT + 1 == client.get(job.headers["Location"], headers=auth).json["failed"]
    assert [429] == statuses(look_up(codes[0]))


def test_changes_of_codes_that_there_are_go_on(look_up, codes, client, auth):
    look_up(*unknown(LIMIT + 1))

    def disable(code):
        return client.patch(f"{C}/codes/{code}", json={"disabled": True}, headers=auth).status_code

    assert (200, 429) == (disable(codes[0]), disable("NONE-9"))


@pytest.mark.parametrize("asked", ["job", "jobs"])
@pytest.mark.parametrize("query", ["?dry_run=true", ""])
def test_the_numbers_of_an_import_count_once_as_its_report_does(
    look_up, codes, client, auth, database, asked, query
):
    """One guess in each list, whose number of refused rows shows which were right."""

    def guess(*lines):
        headers = auth | {"Content-Type": "text/csv"}
        job = client.post(f"{C}/imports{query}", data="\n".join(lines), headers=headers)
        do_all(database)
        path = job.headers["Location"] if asked == "job" else f"{C}/jobs"
        for _ in range(3):
            assert 200 == client.get(path, headers=auth).status_code
        return client.get(f"{job.headers['Location']}/report", headers=auth)

    assert LIMIT - 1 == guess(*codes[: LIMIT - 1], "NOT-THERE", "x").text.count("in-brand")
    assert 200 == guess(codes[LIMIT]).status_code
    assert [200] == statuses(look_up(codes[0]))
    assert 429 == guess(codes[LIMIT]).status_code
    assert [429] == statuses(look_up(codes[0]))


def test_the_numbers_of_an_old_import_do_not_count(look_up, codes, client, auth, database):
    headers = auth | {"Content-Type": "text/csv"}
    client.post(f"{C}/imports", data="\n".join(codes[: LIMIT + 1]), headers=headers)
    do_all(database)
    with database.transaction() as connection:
        connection.execute(text(f"UPDATE job SET finished_at = finished_at - {NEWS_MS}"))
    assert LIMIT + 1 == client.get(f"{C}/jobs", headers=auth).json["items"][0]["failed"]
    assert [200] == statuses(look_up(codes[0]))


def test_what_a_report_says_of_codes_that_another_import_is_bringing_counts():
    """A guess is successful as soon as the code is stored."""
    counter, caller = Misses(1, Metrics()), Caller("i", "s", frozenset(), None)
    rows = [[Refusal(line, Reason.IN_OTHER_IMPORT) for line in (1, 2)]]
    assert rows == list(counter.counting(caller, "b", "job", iter(rows)))
    with pytest.raises(TooManyMisses):
        counter.require(caller, "b")


def test_no_limit(codes, client, auth, monkeypatch):
    free = Misses(0, Metrics())
    caller = Caller("i", "s", frozenset(), None)
    for _ in range(1000):
        free.add(caller, "b")
        free.require(caller, "b")
    assert 0 == len(free)


class TestWindow:
    """How long misses count, and for which caller."""

    now = 0.0

    @pytest.fixture
    def counter(self):
        return Misses(2, Metrics(), lambda: self.now)

    def caller(self, subject="s"):
        return Caller("i", subject, frozenset(), None)

    def test_it_ends(self, counter):
        for _ in range(3):
            counter.add(self.caller(), "b")
        with pytest.raises(TooManyMisses) as refused:
            counter.require(self.caller(), "b")
        assert WINDOW_S == refused.value.retry_after
        self.now = WINDOW_S
        counter.require(self.caller(), "b")
        counter.add(self.caller(), "b")
        counter.require(self.caller(), "b")

    def test_memory_is_bounded(self, counter):
        for number in range(MOST + 10):
            counter.add(self.caller(str(number)), "b")
        assert MOST == len(counter)


def test_the_limit_is_that_of_the_contract():
    assert 600 == Settings().miss_limit
    assert 60 == misses.WINDOW_S
