"""The documents for operators agree with the code."""

import ast
import os
import re
import time

import pytest
from prometheus_client import generate_latest

from service.api.routes import served_operations
from service.domain.model import DiskSpace, Level, Levels
from service.observability.metrics.database_collector import KeysCollector, StoreCollector
from service.observability.metrics.database_monitor import StoreMetrics
from service.observability.metrics.exhausted_pools import ExhaustedCollector
from service.observability.metrics.instruments import Metrics
from service.observability.metrics.jobs import JobMetrics
from service.observability.metrics.process_collectors import BuildCollector
from service.observability.metrics.worker_collector import WorkerCollector, WorkerProcess
from service.observability.metrics.worker_vitals import Vitals
from service.settings import HOME
from service.usecases.ports.jobs import OpenJobCounts

LEVELS = {"debug", "info", "warning", "error", "critical", "exception"}


def first_cells(document):
    """Return the text in backticks at the beginning of each table row."""
    text = (HOME / "docs" / document).read_text()
    tables = text.partition("\n## Fields")[0]
    return re.findall(r"^\| `([a-z_]+)`", tables, re.MULTILINE)


def logged_events():
    """Find the event names in the code: static texts, the first argument of a logger's call."""
    events = set()
    for file in [*HOME.glob("service/**/*.py"), *HOME.glob("config/*.py")]:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and dotted(node.func) in LOGGERS:
                (name,) = node.args
                assert isinstance(name, ast.Constant), f"{file}:{node.lineno} varies its event"
                events.add(name.value)
            if isinstance(node, ast.Dict):
                pairs = zip(node.keys, node.values, strict=True)
                events |= {
                    value.value
                    for key, value in pairs
                    if isinstance(key, ast.Constant) and key.value == "event"
                    if isinstance(value, ast.Constant)
                }
    return events


def dotted(node):
    """Return a dotted name as it is written."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


LOGGERS = {"say", *(f"{owner}.{level}" for owner in ("log", "self._log") for level in LEVELS)}


def test_the_log_catalogue_lists_every_event_and_no_other():
    events = logged_events()
    assert {"request", "request_failed"} <= events
    assert sorted(events) == sorted(first_cells("logs.md"))


@pytest.fixture
def exposition(tmp_path):
    """Expose every metric of servers and job workers."""
    metrics = Metrics()
    now = StoreMetrics(
        up=True,
        revision=1,
        levels=Levels([Level("b", "c", 1, 1)], 1, 1, 1),
        room=DiskSpace(1, 1, 1),
        wal_bytes=0,
        last_backup=0.0,
        sweeper_lag_s=0.0,
        jobs=OpenJobCounts(0, 0, 0.0, 0.0, 0.0),
    )
    metrics.registry.register(StoreCollector(lambda: now, 1))
    metrics.registry.register(KeysCollector(lambda: 0.0))
    metrics.registry.register(BuildCollector())
    vitals = Vitals(time.monotonic(), redis=1)
    worker = WorkerProcess(os.getpid(), time.monotonic(), vitals)
    metrics.registry.register(WorkerCollector(lambda: [worker], lambda: 0, ["database"]))
    metrics.registry.register(ExhaustedCollector(tmp_path, 1))
    jobs = JobMetrics()
    return generate_latest(metrics.registry).decode() + generate_latest(jobs.registry).decode()


def test_the_metrics_list_has_every_metric_and_no_other(exposition):
    exposed = set(re.findall(r"^# TYPE (\w+)", exposition, re.MULTILINE))
    exposed = {name for name in exposed if not name.endswith("_created")}
    assert exposed == set(first_cells("metrics.md"))


def test_the_help_texts_of_metrics_begin_their_meanings_in_the_list(exposition):
    for name, text in re.findall(r"^# HELP (\w+) (.*)$", exposition, re.MULTILINE):
        if not name.endswith("_created"):
            meaning = documented_meaning(name)
            said = text.rstrip(".")
            assert meaning.startswith(said[0].lower() + said[1:]), f"{name}: {text}"
            assert meaning[len(said) :][:2] in {"", ". ", "; ", ": ", ", ", " ("}, f"{name}: {text}"


def documented_meaning(name):
    """Return the meaning of a metric in the list, without markup."""
    text = (HOME / "docs/metrics.md").read_text()
    (row,) = re.findall(rf"^\| `{name}` \|.*\| (.*) \|$", text, re.MULTILINE)
    return re.sub(r"\[([^]]+)\]\([^)]+\)", r"\1", row).replace("`", "")


def test_every_link_between_documents_leads_somewhere():
    for document in [*HOME.glob("*.md"), *HOME.glob("docs/**/*.md")]:
        for target in re.findall(r"\]\((?!https?://)([^)#]+)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_the_table_of_calls_is_what_is_served(app):
    text = (HOME / "docs/api.md").read_text()
    row = re.compile(r"^\| `(GET|POST|PUT|PATCH|DELETE) ([^`]+)` \| `([^`]+)`", re.MULTILINE)
    brand = "/v1/brands/{brand}"
    places = {"B": brand, "C": f"{brand}/campaigns/{{campaign}}"}
    listed = {
        (method, re.sub("^[BC](?=/|$)", lambda found: places[found[0]], path), scope)
        for method, path, scope in row.findall(text)
    }
    served = {
        (operation.method, operation.path, str(operation.scope))
        for operation in served_operations(app)
    }
    assert served == listed
