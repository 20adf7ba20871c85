"""`make bench-growth` measures each call of the store as pools grow and drain.

One thread without HTTP measures the database's part, on fresh pools, and again after draining.
"""

import json
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from statistics import median

import click

from service.container.storage import Storage
from service.domain import codes
from service.usecases.ports.clock import system_clock
from tests.support.creating import add_codes
from tests.tools.load import pools, postgres, servers
from tests.tools.load.reports import plots

VAR = Path("var")
DRAINED = (0, 50, 90, 99)
"""Reserved codes in per cent."""
CALLS = 50
"""Calls of each kind on each pool; the cost is their median."""
CREATED = 100
LISTED = 100
_users = count()

Costs = Mapping[tuple[int, int], Mapping[str, float]]
"""Costs in µs by call, size and per cent drained."""


def calls(storage: Storage, brand: str) -> Mapping[str, Callable[[], object]]:
    """Return the measured calls."""
    store, now, campaign = storage.store, system_clock(), pools.DEFAULT
    store.reserve(brand, campaign, "held", now)
    before = pools.late_code(storage, brand, LISTED)
    return {
        "claim": lambda: store.reserve(brand, campaign, f"u{next(_users)}", now),
        "repeat": lambda: store.reserve(brand, campaign, "held", now),
        "list": lambda: store.codes(brand, campaign, None, before, LISTED, now),
        "count": lambda: store.campaign(brand, campaign),
        f"create {CREATED}": lambda: add_codes(store, brand, campaign, CREATED, codes.mint, now),
    }


def costs(storage: Storage, brand: str) -> dict[str, float]:
    """Return the median cost of each call, in µs."""
    found = {}
    for name, call in calls(storage, brand).items():
        took = []
        for _ in range(CALLS):
            began = time.perf_counter()
            call()
            took.append(time.perf_counter() - began)
        found[name] = median(took) * 1e6
    return found


def grow(url: str, engine: str, sizes: list[int]) -> Costs:
    """Fill pools of every size, drain them step by step, and measure."""
    found = {}
    with pools.opened(url) as storage:
        for size in sizes:
            brand, before = f"pool{size}", 0
            for drained in DRAINED:
                click.echo(f"{engine}: {size:,} codes, {drained} % drained", err=True)
                if not drained:
                    pools.fill(storage, brand, size)
                pools.drain(storage, brand, size * (drained - before) // 100)
                before = drained
                pools.settle(url)
                found[size, drained] = costs(storage, brand)
    return found


def table(engine: str, found: Costs) -> str:
    """Show the costs of one engine."""
    names = list(next(iter(found.values())))
    lines = [
        f"| {engine}: codes | drained | {' | '.join(f'{name}, µs' for name in names)} |",
        f"|--:|--:|{'--:|' * len(names)}",
    ]
    for (size, drained), each in found.items():
        cells = " | ".join(f"{each[name]:,.0f}" for name in names)
        lines.append(f"| {size:,} | {drained} % | {cells} |")
    return "\n".join(lines)


def plot(engine: str, found: Costs) -> None:
    """Draw a line for each call at each share drained, over the sizes."""
    lines = {
        f"{name}, {share} % drained": [
            (size, each[name]) for (size, drained), each in found.items() if drained == share
        ]
        for name in next(iter(found.values()))
        for share in DRAINED
    }
    plots.growth(VAR / f"bench-growth-{engine.lower()}.png", engine, lines)


@click.command()
@click.option("--largest", type=int, default=10_000_000, show_default=True, help="Codes.")
def main(largest: int) -> None:
    """Measure both engines at 10^4 codes and every power of ten up to the largest."""
    sizes = [10**power for power in range(4, 9) if 10**power <= largest]
    VAR.mkdir(exist_ok=True)
    content = {}
    with ExitStack() as stack:
        temporary = tempfile.TemporaryDirectory(prefix="growth-", dir=VAR)
        folder = Path(stack.enter_context(temporary)).absolute()
        server = stack.enter_context(postgres.postgresql(folder))
        for engine, url in {"SQLite": None, "PostgreSQL": postgres.new_database(server)}.items():
            found = grow(servers.upgraded(folder, url), engine, sizes)
            click.echo(table(engine, found) + "\n")
            content[engine] = [
                {"codes": size, "drained_percent": drained, "us": each}
                for (size, drained), each in found.items()
            ]
            (VAR / "bench-growth.json").write_text(json.dumps(content, indent=2) + "\n")
            if servers.installed("matplotlib"):
                plot(engine, found)


if __name__ == "__main__":
    main()
