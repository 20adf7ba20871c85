"""The contestants and their measurements, which alternate."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import SubprocessError

import click
import psycopg

from tests.tools.load import limits, pools, postgres, servers
from tests.tools.load.apps import naive_pools
from tests.tools.load.calls import HELD, PAGE, Calls
from tests.tools.load.errors import BenchmarkError
from tests.tools.load.reports.measures import Limit, Measure, hello

HALF, HALF_USED = 600_000, 500_000
REDEEMED = 100_000
"""Most codes that are redeemed, of those that are used."""
_FAILURES = (BenchmarkError, AssertionError, OSError, SubprocessError, psycopg.Error, ImportError)
"""What keeps a contestant from taking part."""


@dataclass(frozen=True)
class Sizes:
    """The extent of a benchmark; no pool may run empty, however fast a contestant is."""

    rounds: int
    seconds: float
    """Seconds of each measurement in each round."""
    fresh: int
    """Codes of a fresh pool, and of one that is 90 % drained."""
    nearly_empty: int
    """Codes of a pool that is 99 % drained; 0 for none."""
    huge: int
    """Codes of the largest pool; 0 for none."""

    @property
    def turns(self) -> range:
        """The number of rounds, and one to warm up."""
        return range(self.rounds + 1)

    def share(self, left: int) -> int:
        """Return how many of the remaining codes a round may take."""
        return left // len(self.turns)

    @property
    def raw(self) -> int:
        """Codes that the limits of an engine may take."""
        return int(len(self.turns) * (self.seconds + 1) * limits.PER_SECOND)


class Contestants:
    """The running contestants."""

    def __init__(self, sizes: Sizes, folder: Path) -> None:
        self.sizes = sizes
        self.measures: list[Measure] = []
        self.missing: dict[str, str] = {}
        """The contestants that could not take part, and why."""
        self.notes: list[str] = []
        self._folder = folder
        self._checks: list[Callable[[], None]] = []

    @contextmanager
    def running(self) -> Iterator[None]:
        """Start all contestants; those that cannot start are reported."""
        with ExitStack() as stack:
            self._have("Flask hello", lambda: self._add_hello(stack))
            self._have("the service on SQLite", lambda: self._add_service(stack, "sqlite", None))
            self._have("the naive service", lambda: self._add_naive(stack))
            self._have("PostgreSQL", lambda: self._add_postgresql(stack))
            yield

    def compare(self) -> None:
        """Compare the databases with the answers.

        Raises:
            BenchmarkError: They differ.
        """
        for check in self._checks:
            check()

    def _have(self, name: str, add: Callable[[], None]) -> None:
        say(f"preparing {name}")
        try:
            add()
        except _FAILURES as error:
            self.missing[name] = f"{type(error).__name__}: {error}"
            say(f"{name} is missing: {error}")

    def _add_hello(self, stack: ExitStack) -> None:
        self.measures.append(hello(stack.enter_context(servers.hello(self._folder))))

    def _add_service(self, stack: ExitStack, engine: str, url: str | None) -> None:
        sizes, folder = self.sizes, self._new_folder(engine)
        url = servers.upgraded(folder, url)
        self._fill(url)
        server = stack.enter_context(servers.service(engine, folder, url))
        begins = server.memory()
        calls = Calls(server)
        calls.hold("held")
        self.measures += [
            calls.new(f"{engine}_new", "fresh{}", sizes.fresh * 8 // 10),
            calls.repeated(f"{engine}_repeat", "held"),
            calls.mixed(f"{engine}_mixed", "held", "fresh{}", sizes.fresh),
            calls.new(f"{engine}_drained90", "drained{}", sizes.fresh * 8 // 100),
            calls.new(f"{engine}_half_used", "half", sizes.share(HALF - HALF_USED)),
            calls.create(f"{engine}_create10", "made10", 10),
            calls.create(f"{engine}_create1000", "made1000", 1000),
            calls.pages(f"{engine}_list_begin", "half"),
            calls.pages(f"{engine}_list_end", "half", pools.late_cursor(url, "half", 2 * PAGE)),
        ]
        codes = pools.drained(url, "half", REDEEMED)
        self.measures += [
            calls.redeem(f"{engine}_redeem", "half", codes, sizes.share(REDEEMED)),
            calls.look_up(f"{engine}_lookup", "half", codes[:HELD]),
        ]
        if sizes.nearly_empty:
            most = sizes.share(sizes.nearly_empty // 100)
            self.measures.append(calls.new(f"{engine}_drained99", "nearly", most))
        if sizes.huge:
            self.measures.append(calls.new(f"{engine}_huge", "huge", sizes.share(sizes.huge)))
        self._add_limit(engine, url)

        def check() -> None:
            self.notes.append(
                f"the worker on {engine}: {begins} when it was ready, "
                f"{server.memory()} after {server.answered:,} requests"
            )
            compare(calls, url)
            servers.verify(folder, url)

        self._checks.append(check)

    def _fill(self, url: str) -> None:
        sizes = self.sizes
        with pools.opened(url) as storage:
            for turn in sizes.turns:
                pools.fill(storage, f"fresh{turn}", sizes.fresh)
                pools.fill(storage, f"drained{turn}", sizes.fresh, sizes.fresh * 9 // 10)
            pools.fill(storage, "held", 2 * HELD)
            pools.fill(storage, "half", HALF, HALF_USED)
            pools.fill(storage, "raw", sizes.raw)
            pools.fill(storage, "nearly", sizes.nearly_empty, sizes.nearly_empty * 99 // 100)
            pools.fill(storage, "huge", sizes.huge)
        pools.settle(url)

    def _add_limit(self, engine: str, url: str) -> None:
        """Measure the engine itself, with the service's statements."""

        def rate(seconds: float) -> float:
            if engine == "sqlite":
                path = Path(url.removeprefix("sqlite:///"))
                return limits.sqlite_claims(path, "raw", seconds)
            return limits.pgbench(url, "raw", self._folder, seconds)

        self.measures.append(Limit(f"{engine}_raw_claim", rate))

    def _add_naive(self, stack: ExitStack) -> None:
        sizes, settings = self.sizes, servers.naive_settings(self._folder)
        fresh = {f"fresh{turn}": (sizes.fresh, 0) for turn in sizes.turns}
        naive_pools.fill_naive(settings, fresh | {"half": (HALF, HALF_USED)})
        calls = Calls(stack.enter_context(servers.naive(self._folder, settings)))
        self.measures += [
            calls.new("naive_new", "fresh{}", sizes.fresh),
            calls.new("naive_half_used", "half", sizes.share(HALF - HALF_USED)),
            calls.create("naive_create1000", "made", 1000),
        ]
        self._checks.append(lambda: self.notes.append(naive_pools.given_twice(calls.answered)))

    def _add_postgresql(self, stack: ExitStack) -> None:
        server = stack.enter_context(postgres.postgresql(self._new_folder("postgresql")))
        self.notes.append(f"PostgreSQL {postgres.version_of(server)}, {postgres.DURABLE} on")
        url = postgres.new_database(server)
        self._have("the service on PostgreSQL", lambda: self._add_service(stack, "pg", url))
        self._have("FastAPI + asyncpg", lambda: self._add_bare(stack, server))

    def _add_bare(self, stack: ExitStack, server: str) -> None:
        url = postgres.new_database(server)
        brands = [f"fresh{turn}" for turn in self.sizes.turns]
        postgres.fill_bare(url, brands, self.sizes.fresh)
        pools.settle(url)
        calls = Calls(stack.enter_context(servers.bare(self._folder, url)))
        most = self.sizes.fresh * 8 // 10
        self.measures.append(calls.new("fastapi_new", "fresh{}", most))

        def check() -> None:
            for brand in brands:
                if postgres.held_in_bare(url, brand) != calls.answered.get(brand, {}):
                    raise BenchmarkError("the bare claim's rows are not what it answered")

        self._checks.append(check)

    def _new_folder(self, name: str) -> Path:
        folder = self._folder / name
        folder.mkdir()
        return folder


def compare(calls: Calls, url: str) -> None:
    """Compare a service's rows with its answers.

    Raises:
        BenchmarkError: They differ.
    """
    if calls.answered_twice:
        raise BenchmarkError(f"{len(calls.answered_twice)} users were told two codes")
    with pools.opened(url) as storage:
        for brand, answered in calls.answered.items():
            pools.compare(storage, brand, answered)
        for brand, created in calls.created.items():
            pools.compare_created(storage, brand, created)


def say(text: str) -> None:
    """Print the progress."""
    click.echo(text, err=True)
