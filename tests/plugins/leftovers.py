"""A pytest plugin: nothing that a test starts outlives it, or the run fails and names it.

Threads are looked for after each test; processes and listening ports when the last test of a file
is over, as the fixtures of a module may have some; threads and databases at the end as well. With
pytest-xdist each worker looks at its own, and the controller at what outlived its workers.
"""

import ctypes
import functools
import gc
import os
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from multiprocessing import resource_tracker

import psutil
import psycopg
import pytest

from tests.support import forked, postgresql

Finder = Callable[[], Sequence[str]]
"""Returns what is left, by name."""
SETTLED_WITHIN_S = 10.0
"""How long terminated processes may take to end."""
PR_SET_CHILD_SUBREAPER = 36
OF_AN_APPLICATION = ("readyz", "writer", "pool-")
"""Threads that an application starts when they are first needed. One that all tests share keeps
them from one test to the next: they are looked for at the end.
"""
_DATABASES = "SELECT datname FROM pg_database WHERE datname LIKE 'discount%'"

_threads_before: set[threading.Thread] = set()
_databases_before: set[str] = set()


def pytest_configure() -> None:
    """Adopt every orphaned process, so that all are found: see prctl(2)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def pytest_sessionstart() -> None:
    """Record the state before the first test."""
    _threads_before.update(threading.enumerate())
    if postgresql.NAMED and not _is_xdist_worker():
        _databases_before.update(_databases())


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    """Fail a test that leaves threads, other than those of fixtures of a wider scope."""
    before = set(threading.enumerate())
    yield
    if left := _settled(lambda: _threads_besides(before, OF_AN_APPLICATION)):
        pytest.fail(_sentence(left), pytrace=False)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(
    item: pytest.Item, nextitem: pytest.Item | None
) -> Generator[None, None, None]:
    """Check for leftovers when the fixtures of a module, or of the session, are gone."""
    find = _find_at_end_of(item, nextitem)
    try:
        yield
    except BaseException as error:
        _fail_if_left(find, str(error))
        raise
    _fail_if_left(find)


def _find_at_end_of(item: pytest.Item, nextitem: pytest.Item | None) -> Finder:
    if nextitem is None:
        return _left_by_session
    return _left_by_module if nextitem.path != item.path else list


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Check in the controller of pytest-xdist for leftovers of its workers, which are gone."""
    if session.config.getoption("numprocesses", None) and (left := _settled(_left_by_workers)):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        sys.stderr.write(f"\n{_sentence(left)}\n")


def _left_by_module() -> list[str]:
    return [*_processes(), *_ports()]


def _left_by_session() -> list[str]:
    gc.collect()  # pools of threads end when nothing refers to them any more
    # On a server that others share, what is new may be theirs: the controller looks there.
    own = not (postgresql.NAMED and _is_xdist_worker())
    databases = _new_databases() if own else []
    return [*_left_by_module(), *_threads_besides(_threads_before), *databases]


def _left_by_workers() -> list[str]:
    return [*_processes(), *(_new_databases() if postgresql.NAMED else ())]


def _fail_if_left(find: Finder, failure: str = "") -> None:
    """Fail with the leftovers, and with the test's own failure."""
    if left := _settled(find):
        for process in _running_processes():  # else each later file would be blamed for it
            process.kill()
        pytest.fail(f"{_sentence(left)}\n{failure}".strip(), pytrace=False)


def _settled(find: Finder) -> Sequence[str]:
    """Return leftovers that do not end in time."""
    deadline = time.monotonic() + SETTLED_WITHIN_S
    while (left := find()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left


def _sentence(left: Sequence[str]) -> str:
    return f"left behind: {', '.join(left)}"


def _threads_besides(known: set[threading.Thread], let_be: tuple[str, ...] = ()) -> list[str]:
    return [
        f"thread {thread.name}"
        for thread in threading.enumerate()
        if thread not in known and not thread.name.startswith(let_be)
    ]


def _ports() -> list[str]:
    """Return the ports of this process; other listening processes are found as processes."""
    found = psutil.Process().net_connections("inet")
    return [f"port {each.laddr.port}" for each in found if each.status == psutil.CONN_LISTEN]


def _processes() -> list[str]:
    return [f"process {process.pid} ({_command(process)})" for process in _running_processes()]


def _command(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return " ".join(process.cmdline())[:200]
    return "gone by now"


def _running_processes() -> list[psutil.Process]:
    """Return all descendants, except those that end with the interpreter."""
    tracker = resource_tracker._resource_tracker._pid  # type: ignore[attr-defined] # noqa: SLF001
    known = {tracker, forked.server_pid()}
    return [
        process
        for child in psutil.Process().children()
        if child.pid != _postmaster()
        for process in (child, *_descendants(child))
        if process.pid not in known and _runs(process)
    ]


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return process.children(recursive=True)
    return []


def _runs(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.status() != psutil.STATUS_ZOMBIE
    return False


def _new_databases() -> list[str]:
    template = {postgresql.migrated()} if postgresql.migrated.cache_info().currsize else set()
    return [f"database {name}" for name in _databases() - _databases_before - template]


def _databases() -> set[str]:
    if not (postgresql.NAMED or postgresql.server_url.cache_info().currsize):
        return set()  # no test has asked for a server
    with psycopg.connect(postgresql.server_url()) as connection:
        return {name for (name,) in connection.execute(_DATABASES)}


def _postmaster() -> int | None:
    """Return the process id of the tests' own PostgreSQL server, where there is one."""
    if postgresql.NAMED or not postgresql.server_url.cache_info().currsize:
        return None
    return _parent_of_backend(postgresql.server_url())


@functools.cache
def _parent_of_backend(url: str) -> int:
    with psycopg.connect(url) as connection:
        return psutil.Process(connection.info.backend_pid).ppid()


def _is_xdist_worker() -> bool:
    return "PYTEST_XDIST_WORKER" in os.environ
