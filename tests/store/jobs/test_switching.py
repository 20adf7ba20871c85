"""Jobs that disable and enable codes of a selection or a list, on both engines."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import text

from service.domain.campaigns import OnLapse, Rules
from service.domain.code_selection import Selection
from service.domain.jobs import JobKind, JobState
from service.domain.model import State
from service.domain.states import DisabledBy, Hold, StoredCode
from service.store.jobs import switching
from service.store.jobs.leases import SQLWork
from service.store.jobs.repository import SQLJobs
from service.store.opening import code_moves_in
from service.usecases.jobs import switch_codes
from service.usecases.keys import PoolKey
from service.usecases.ports.clock import system_clock
from service.usecases.ports.code_moves import Move
from tests.store.repositories.adding import fixed
from tests.support.creating import add_codes
from tests.support.engines import on_postgresql, on_sqlite
from tests.support.waiting import wait_until
from tests.support.working import do_all

POOL = ("brand", "default")
NOW = system_clock()
HOUR = 3_600_000
HELD = StoredCode(user="u", reserved_at=NOW - 9, expires_at=NOW + HOUR)
CALL = {"disabled_at": 7, "disabled_by": DisabledBy.CALL}
FACTS = {
    "FREE": StoredCode(),
    "HELD": HELD,
    "OVER": replace(HELD, user="v", expires_at=NOW - 1),
    "LAPSED": replace(
        HELD, user="w", expires_at=NOW - 1, on_lapse=OnLapse.RECYCLE, hold=Hold("o", 1, 2)
    ),
    "CHECKOUT": replace(HELD, user="h", expires_at=NOW - 1, hold=Hold("o", 1, NOW + HOUR)),
    "REDEEMED": replace(HELD, user="r", redeemed_at=NOW - 5),
    "OFF": replace(HELD, user="x", disabled_at=7, disabled_by=DisabledBy.CALL),
    "OFF-FREE": StoredCode(disabled_at=7, disabled_by=DisabledBy.CALL),
    "RETIRED": StoredCode(disabled_at=7, disabled_by=DisabledBy.RELEASE),
    "ERASED": replace(HELD, user="/1.2", disabled_at=7, disabled_by=DisabledBy.ERASURE),
}
STATES = {
    State.AVAILABLE: {"FREE", "LAPSED"},
    State.RESERVED: {"HELD", "CHECKOUT"},
    State.EXPIRED: {"OVER"},
    State.DISABLED: {"OFF", "OFF-FREE", "RETIRED", "ERASED"},
}


@pytest.fixture
def moves(database):
    return code_moves_in(database)


@pytest.fixture
def facts(store, moves):
    """A code of each kind."""
    add_codes(store, *POOL, len(FACTS), fixed(*FACTS), NOW - HOUR)
    for name, stored in FACTS.items():
        found = moves.find_code("brand", name)
        assert moves.move_code(found, Move(stored), NOW)
    return FACTS


@pytest.fixture
def stored(moves, facts):
    return lambda: {name: moves.find_code("brand", name).stored for name in facts}


@pytest.fixture
def switch(database, facts):
    """Run a job, and return it."""
    jobs = SQLJobs(database)

    def run(kind, *, dry_run=False, **where):
        asked = switch_codes(
            jobs, *POOL, kind, Selection(**where), dry_run=dry_run, requested_by="tests"
        )
        assert len(facts) == asked.job.total
        do_all(database)
        return jobs.find(*POOL, asked.key.id)

    return run


@pytest.fixture
def counted(database):
    """Check that the tally is true, and return it."""

    def count():
        sums = ", ".join(f"sum({state})" for state in State)
        with database.read() as connection:
            rows = connection.execute(text("SELECT state, count(*) FROM code GROUP BY state"))
            true = {State(state): number for state, number in rows}
            tally = connection.execute(text(f"SELECT {sums} FROM tally")).one()
        assert true == {state: int(n) for state, n in zip(State, tally, strict=True) if n}
        return true

    return count


def names_of(changed, before):
    return {name for name in before if before[name] != changed[name]}


@pytest.mark.parametrize("state", STATES)
def test_each_state_is_selected_as_it_is_now(switch, stored, state):
    before = stored()
    kind = JobKind.ENABLE if state is State.DISABLED else JobKind.DISABLE
    job = switch(kind, state=state)
    wanted = STATES[state] - {"RETIRED", "ERASED"}
    assert wanted == names_of(stored(), before)
    assert (JobState.SUCCEEDED, len(wanted), len(wanted), 0) == (
        job.state,
        job.done,
        job.total,
        job.failed,
    )


def test_a_disabled_code_keeps_what_is_below_and_a_lapsed_one_is_nobodys(switch, stored, counted):
    before = stored()
    switch(JobKind.DISABLE, created_after=0)
    after = stored()
    for name in ("FREE", "HELD", "OVER", "CHECKOUT"):
        kept = replace(after[name], disabled_at=None, disabled_by=None)
        assert replace(before[name], version=before[name].version + 1) == kept
        assert DisabledBy.CALL is after[name].disabled_by
    assert before["LAPSED"].nobodys().user is after["LAPSED"].user is None
    assert after["LAPSED"].hold is None
    for name in ("REDEEMED", "OFF", "RETIRED", "ERASED"):
        assert before[name] == after[name]
    assert {State.REDEEMED: 1, State.DISABLED: 9} == counted()


def test_to_enable_brings_back_what_is_below(switch, stored, counted):
    before = stored()
    job = switch(JobKind.ENABLE, created_before=NOW)
    after = stored()
    assert 2 == job.done
    assert {"OFF", "OFF-FREE"} == names_of(after, before)
    back = {"disabled_at": None, "disabled_by": None, "version": before["OFF"].version + 1}
    assert replace(before["OFF"], **back) == after["OFF"]
    counted()


def test_a_dry_run_counts_and_changes_nothing(switch, stored):
    before = stored()
    job = switch(JobKind.DISABLE, dry_run=True, created_after=0)
    assert (JobState.SUCCEEDED, 5) == (job.state, job.done)
    assert "dry run" in job.detail
    assert before == stored()
    assert 5 == switch(JobKind.DISABLE, created_after=0).done
    assert 0 == switch(JobKind.DISABLE, created_after=0).done, "the same again changes nothing"


@pytest.mark.parametrize(
    ("where", "names"),
    [
        ({"created_before": NOW - HOUR}, set()),
        ({"created_before": NOW - HOUR + 1}, {"FREE", "HELD", "OVER", "LAPSED", "CHECKOUT"}),
        ({"created_after": NOW - HOUR + 1}, set()),
        ({"created_after": NOW - HOUR, "state": State.RESERVED}, {"HELD", "CHECKOUT"}),
        ({"reserved_before": NOW - 9}, set()),
        ({"reserved_before": NOW - 8}, {"HELD", "OVER", "CHECKOUT"}),
        ({"reserved_after": NOW - 9}, {"HELD", "OVER", "CHECKOUT"}),
        ({"reserved_after": NOW - 8}, set()),
    ],
)
def test_moments_select_half_open(switch, stored, where, names):
    before = stored()
    switch(JobKind.DISABLE, **where)
    assert names == names_of(stored(), before)


def test_under_the_end_of_the_campaign_all_are_expired(switch, stored, store, moves):
    rules = Rules(ends_at=NOW - 1)
    pool = moves.find_code("brand", "FREE").pool
    store.write(lambda tx: tx.set_rules(pool, rules), NOW)
    before = stored()
    switch(JobKind.DISABLE, state=State.EXPIRED)
    assert {"FREE", "HELD", "OVER", "LAPSED"} == names_of(stored(), before)


def test_a_chunk_takes_up_where_the_last_one_ended(database, stored, facts):
    """And what another worker did, or somebody else, is not done again."""
    jobs, work = SQLJobs(database), SQLWork(database)
    before = stored()
    asked = switch_codes(
        jobs, *POOL, JobKind.DISABLE, Selection(created_after=0), dry_run=False, requested_by="t"
    )
    for _ in range(4):
        (key,) = work.due(1)
        leased = work.take(key, NOW)
        assert leased
        step = work.step(leased.lease, 4, NOW)
        work.give_back(leased.lease)
        if step.job.finished_at:
            break
        assert 4 == step.rows, "it looked at so many codes"
    job = jobs.find(*POOL, asked.key.id)
    assert (JobState.SUCCEEDED, 5, 5) == (job.state, job.done, job.total)
    assert 5 == len(names_of(stored(), before))


@on_sqlite
def test_given_codes_are_looked_up_by_their_key(database, facts):
    """However many the campaign has: a chunk that read them all took a thousand times as long."""
    pool = PoolKey(1, 1)
    with database.transaction() as connection:
        for disabled in (True, False):
            statement = switching.statement_of(connection, disabled=disabled)
            values = {**pool._asdict(), "codes": "[]", "now": NOW}
            plan = connection.execute(text(f"EXPLAIN QUERY PLAN {statement}"), values)
            (step,) = [row[3] for row in plan if "TABLE code" in row[3] or " code " in row[3]]
            assert "(brand_id=? AND code=?)" in step


@on_postgresql
def test_a_code_that_is_redeemed_meanwhile_is_passed_over(database, moves, stored, counted, facts):
    """The job waits for the transaction that moves the code, and sees what that has done."""
    jobs = SQLJobs(database)
    asked = switch_codes(
        jobs, *POOL, JobKind.DISABLE, Selection(created_after=0), dry_run=False, requested_by="t"
    )
    waits = text("SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'")

    def waiting():
        with database.read() as connection:
            return connection.execute(waits).scalar()

    with database.transaction() as redeeming, ThreadPoolExecutor(1) as worker:
        redeeming.execute(
            text(
                "UPDATE code SET state = 'redeemed', redeemed_at = 5, version = version + 1 "
                "WHERE code = 'HELD'"
            )
        )
        redeeming.execute(
            text(
                "UPDATE tally SET reserved = reserved - 1, redeemed = redeemed + 1 "
                "WHERE ctid = (SELECT max(ctid) FROM tally)"
            )
        )
        done = worker.submit(do_all, database)
        wait_until(waiting)
        redeeming.commit()
        done.result()
    assert 4 == jobs.find(*POOL, asked.key.id).done
    assert (5, None) == (stored()["HELD"].redeemed_at, stored()["HELD"].disabled_at)
    assert {State.REDEEMED: 2, State.DISABLED: 8} == counted()


def test_a_scan_that_another_engine_began_begins_anew(database, stored):
    jobs = SQLJobs(database)
    asked = switch_codes(
        jobs, *POOL, JobKind.DISABLE, Selection(created_after=0), dry_run=False, requested_by="t"
    )
    single = str(not database.dialect.single_writer).lower()
    cursor = f'{{"after": "ZZZZ", "single_writer": {single}, "new": 1}}'
    with database.transaction() as connection:
        connection.execute(text("UPDATE job SET cursor = :cursor"), {"cursor": cursor})
    do_all(database)
    assert 5 == jobs.find(*POOL, asked.key.id).done
