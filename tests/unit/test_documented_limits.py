"""Every written copy of a limit is the limit of the code."""

import ast
import re
from pathlib import Path

import pytest

from service.api.openapi.document import build_document
from service.api.parsing import MAX_BODY_BYTES
from service.api.schemas.requests import DEFAULT_LIMIT, MAX_IDEMPOTENCY_KEY, MAX_LIMIT, MAX_TYPED
from service.auth.token_cache import LEEWAY_S
from service.domain import codes, names
from service.domain.errors import TooManyJobs, TooManyTransfers, Unavailable
from service.domain.jobs import MAX_GENERATED, MAX_OPEN
from service.observability.metrics.database_monitor import JOB_WAITS_S, QUERY_TIMEOUT_S
from service.observability.metrics.instruments import SLOW_S
from service.observability.slow_log import INTERVAL_S
from service.settings import HOME, PRODUCTION_DRAIN_S, Settings
from service.store.group_commit import DEADLINE_S, MAX_BATCH
from service.store.postgresql.connection import STATEMENT_S
from service.store.postgresql.conninfo import SERVER_SETTINGS
from service.store.postgresql.database import MIGRATION_LOCK_MS
from service.store.postgresql.pool import BORROW_TIMEOUT_S, FAIL_FAST_TIMEOUT_S
from service.usecases.codes import MAX_PER_CALL
from service.usecases.idempotency import KEPT_MS
from service.usecases.ports.work import LEASE_MS
from service.worker.loop import RETRY_S
from tests.tools.history.rules import contract as rules_contract

RATE = Settings(database_url="", jwt_secret="", pseudonym_key="").rate_limit
assert RATE
KEPT_H = KEPT_MS / 3_600_000
LOCK_S = float(SERVER_SETTINGS["lock_timeout"].removesuffix("s"))
IDLE_S = float(SERVER_SETTINGS["idle_in_transaction_session_timeout"].removesuffix("s"))
API, SETTINGS = "docs/api.md", "docs/settings.md"
COPIES = [
    (API, r"creates 1 to # codes", MAX_PER_CALL),
    (API, r"are for more than # codes", MAX_PER_CALL),
    ("docs/runbooks/pool-running-dry.md", r"Up to # ", MAX_PER_CALL),
    (API, r"creates up to # codes in the background", MAX_GENERATED),
    (API, r"has up to # open jobs", MAX_OPEN),
    (API, r"again for # hours", KEPT_H),
    (API, r"1 to # visible ASCII", MAX_IDEMPOTENCY_KEY),
    (API, r"\*\*Codes\*\* have # characters", codes.LENGTH),
    (API, r"alphabet of # without", len(codes.ALPHABET)),
    (API, r": # bits from", codes.LENGTH * 5),
    (API, r"q=#;w=10", RATE.calls),
    (API, r"q=50000;w=#", RATE.seconds),
    (API, r"means # calls in", RATE.calls),
    (API, r"calls in # seconds", RATE.seconds),
    (SETTINGS, r"`#/10s`", RATE.calls),
    (SETTINGS, r"in production `#`", PRODUCTION_DRAIN_S),
    ("docs/operation.md", r"takes up within # s", JOB_WAITS_S),
    ("deploy/k8s/base/worker.yaml", r"takes up within # s", JOB_WAITS_S),
    ("deploy/k8s/base/api.yaml", r"# s drain", PRODUCTION_DRAIN_S),
    ("docs/logs.md", r"waited for a worker for more than # s", JOB_WAITS_S),
    ("docs/runbooks/job-stuck.md", r"take\s+up within # s", JOB_WAITS_S),
    ("docs/runbooks/job-stuck.md", r"taken up # s later", LEASE_MS / 1000),
    ("docs/runbooks/commit-queue-growing.md", r"near #\)", MAX_BATCH),
    ("docs/runbooks/commit-queue-growing.md", r"After # s they", DEADLINE_S),
    ("docs/logs.md", r"a write waited # s", DEADLINE_S),
    ("deploy/k8s/components/monitoring/rules.yaml", r"After # seconds its caller", DEADLINE_S),
    ("docs/logs.md", r"operations took # s or longer", SLOW_S),
    ("docs/logs.md", r"at most every # s from", INTERVAL_S),
    ("docs/metrics.md", r"waits # s for that", QUERY_TIMEOUT_S),
    ("docs/runbooks/database-unreachable.md", r"answer within # s", QUERY_TIMEOUT_S),
    ("docs/runbooks/database-unreachable.md", r"own query has # s", QUERY_TIMEOUT_S),
    ("docs/runbooks/clock-skew.md", r"more than # s ahead", LEEWAY_S),
    ("deploy/k8s/components/monitoring/rules.yaml", r"are more than # seconds", LEEWAY_S),
    ("docs/postgresql.md", r"`statement_timeout` \(# s\)", STATEMENT_S),
    ("docs/postgresql.md", r"`lock_timeout` \(# s\)", LOCK_S),
    ("docs/postgresql.md", r"session_timeout` \(# s\)", IDLE_S),
    ("docs/postgresql.md", r"statement_timeout = '#ms'", STATEMENT_S * 1000),
    ("docs/postgresql.md", r" lock_timeout = '#s'", LOCK_S),
    ("docs/postgresql.md", r"session_timeout = '#s'", IDLE_S),
    ("docs/postgresql.md", r"503 within # s;", BORROW_TIMEOUT_S),
    ("docs/postgresql.md", r"in a row within # s each", FAIL_FAST_TIMEOUT_S),
    (
        "deploy/k8s/components/postgres/cluster.yaml",
        r"statement_timeout = '#ms'",
        STATEMENT_S * 1000,
    ),
    ("deploy/k8s/components/postgres/cluster.yaml", r" lock_timeout = '#s'", LOCK_S),
    ("deploy/k8s/components/postgres/cluster.yaml", r"session_timeout = '#s'", IDLE_S),
    ("docs/runbooks/connection-pool-saturated.md", r"longer than # s", STATEMENT_S),
    ("docs/runbooks/connection-pool-saturated.md", r"pass after # s", MIGRATION_LOCK_MS / 1000),
]


@pytest.mark.parametrize(("file", "phrase", "limit"), COPIES)
def test_what_is_written_down_is_what_the_code_keeps(file, phrase, limit):
    found = figures((HOME / file).read_text(), phrase)
    assert found, f"{file} says nothing like {phrase!r} any more"
    assert {float(limit)} == set(found)


def figures(text, phrase):
    """Return the numbers that stand where the phrase has a `#`; lines may be broken anywhere."""
    pattern = phrase.replace("#", r"(\d[\d,_]*(?:\.\d+)?)").replace(" ", r"[\s#|]+")
    return [float(re.sub("[,_]", "", each)) for each in re.findall(pattern, text)]


def test_gunicorns_timeouts_are_as_documented():
    source = (HOME / "service/server/configuration.py").read_text()
    (hung,) = figures(source, r"\ntimeout = #")
    (accepted,) = figures(source, r"\ngraceful_timeout = #")
    assert {hung} == set(figures((HOME / "docs/logs.md").read_text(), r"one hung for # s"))
    runbook = (HOME / "docs/runbooks/restart-loop.md").read_text()
    assert {hung} == set(figures(runbook, r"it hung for # s"))
    manifest = (HOME / "deploy/k8s/base/api.yaml").read_text()
    assert {hung} == set(figures(manifest, r"stuck for # s"))
    assert {accepted} == set(figures(manifest, r"# s for accepted calls"))


def test_a_worker_takes_up_in_time_what_another_left():
    """The promised time exceeds a lease, and the interval of polls."""
    assert LEASE_MS / 1000 + RETRY_S < JOB_WAITS_S


def test_openapi_says_the_same(app):
    document = build_document(app)
    schemas = document["components"]["schemas"]
    for schema, member, limit in (
        ("CreateDiscount", "number_to_create", MAX_PER_CALL),
        ("CreateCodes", "number_to_create", MAX_PER_CALL),
        ("CreateJob", "count", MAX_GENERATED),
    ):
        count = schemas[schema]["properties"][member]
        assert (1, limit) == (count["minimum"], count["maximum"])
    assert {
        ("brand", "maxLength", names.MAX_NAME),
        ("campaign", "maxLength", names.MAX_NAME),
        ("user", "maxLength", names.MAX_USER),
        ("reference", "maxLength", names.MAX_USER),
        ("code", "minLength", codes.MIN_LENGTH),
        ("code", "maxLength", codes.MAX_LENGTH),
        ("code", "maxLength", MAX_TYPED),
        ("limit", "maximum", MAX_LIMIT),
        ("limit", "default", DEFAULT_LIMIT),
        ("Idempotency-Key", "maxLength", MAX_IDEMPOTENCY_KEY),
    } == {
        (each["name"], keyword, each["schema"][keyword])
        for each in parameters(document)
        for keyword in ("minLength", "maxLength", "maximum", "default")
        if each["schema"].get(keyword, 1) not in {1, "default", False}
        and each["name"] not in {"cursor", "job"}
    }
    text = str(document)
    assert {KEPT_H} == set(figures(text, "within # hours"))
    assert {float(codes.LENGTH)} == set(figures(text, "Each has # characters"))


def parameters(document):
    own = [
        parameter
        for path in document["paths"].values()
        for call in path.values()
        for parameter in call.get("parameters", [])
        if "$ref" not in parameter
    ]
    return [*own, *document["components"]["parameters"].values()]


def test_the_contracts_figures():
    """The limits of the contract: an intentional copy, independent of the constants."""
    assert (1000, 10_000_000, 10, 24) == (MAX_PER_CALL, MAX_GENERATED, MAX_OPEN, KEPT_H)
    assert (64, 128, 4, 64) == (names.MAX_NAME, names.MAX_USER, codes.MIN_LENGTH, codes.MAX_LENGTH)
    assert (1024 * 1024, 255, 1000, 100) == (
        MAX_BODY_BYTES,
        MAX_IDEMPOTENCY_KEY,
        MAX_LIMIT,
        DEFAULT_LIMIT,
    )
    assert (15, 10) == (JOB_WAITS_S, LEEWAY_S)
    assert (1, 10, 5) == (
        Unavailable.retry_after,
        TooManyJobs.retry_after,
        TooManyTransfers.retry_after,
    )


def test_the_checker_of_histories_has_a_copy_of_its_own_that_is_right():
    """The drill must not import the limit from the code that it judges."""
    assert rules_contract.MAX_PER_CALL == MAX_PER_CALL
    source = ast.parse(Path(rules_contract.__file__).read_text())
    imported = {node.module for node in ast.walk(source) if isinstance(node, ast.ImportFrom)}
    assert imported
    assert not [module for module in imported if module and module.startswith("service")]
