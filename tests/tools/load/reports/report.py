"""The results: tables for people, and `var/bench.json` for machines."""

import json
import os
import platform
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any

from tests.tools.load.reports.measures import Result

PACKAGES = (
    *("flask", "gunicorn", "sqlalchemy", "psycopg", "structlog", "orjson"),
    *("fastapi", "uvicorn", "asyncpg"),
)
RATIOS = {
    "sqlite_new_vs_hello": ("sqlite_new", "hello", "new reservation on SQLite / Flask hello", 0.75),
    "pg_new_vs_hello": ("pg_new", "hello", "new reservation on PostgreSQL / Flask hello", 0.75),
    "sqlite_repeat_vs_hello": ("sqlite_repeat", "hello", "repeat on SQLite / Flask hello", 0.85),
    "pg_repeat_vs_hello": ("pg_repeat", "hello", "repeat on PostgreSQL / Flask hello", 0.85),
    "sqlite_redeem_vs_hello": ("sqlite_redeem", "hello", "redeem on SQLite / Flask hello", None),
    "pg_redeem_vs_hello": ("pg_redeem", "hello", "redeem on PostgreSQL / Flask hello", None),
    "sqlite_lookup_vs_hello": ("sqlite_lookup", "hello", "look-up on SQLite / Flask hello", None),
    "pg_lookup_vs_hello": ("pg_lookup", "hello", "look-up on PostgreSQL / Flask hello", None),
    "pg_new_vs_fastapi": ("pg_new", "fastapi_new", "new on PostgreSQL / bare FastAPI claim", 1.0),
    "sqlite_new_vs_naive": ("sqlite_new", "naive_new", "new / naive service, fresh pool", 10),
    "sqlite_new_vs_naive_half_used": (
        *("sqlite_half_used", "naive_half_used"),
        *("new / naive service, half a million codes used", 100),
    ),
    "sqlite_drained90_vs_fresh": (
        *("sqlite_drained90", "sqlite_new", "90 % drained / fresh pool, SQLite", 0.95),
    ),
    "pg_drained90_vs_fresh": (
        *("pg_drained90", "pg_new", "90 % drained / fresh pool, PostgreSQL", 0.95),
    ),
    "sqlite_drained99_vs_fresh": (
        *("sqlite_drained99", "sqlite_new", "99 % drained / fresh pool, SQLite", 0.95),
    ),
    "pg_drained99_vs_fresh": (
        *("pg_drained99", "pg_new", "99 % drained / fresh pool, PostgreSQL", 0.95),
    ),
    "sqlite_huge_vs_fresh": ("sqlite_huge", "sqlite_new", "10 M codes / fresh pool, SQLite", 0.95),
    "pg_huge_vs_fresh": ("pg_huge", "pg_new", "10 M codes / fresh pool, PostgreSQL", 0.95),
    "sqlite_p99_vs_hello": ("sqlite_new", "hello", "p99 of new on SQLite / hello's p99", 1.2),
    "pg_p99_vs_hello": ("pg_new", "hello", "p99 of new on PostgreSQL / hello's p99", 1.2),
    "create1000_vs_naive": (
        *("sqlite_create1000", "naive_create1000", "create 1,000 / naive service", 10),
    ),
    "sqlite_list_end_vs_begin": (
        *("sqlite_list_end", "sqlite_list_begin", "list: last page / first, SQLite", None),
    ),
    "pg_list_end_vs_begin": (
        *("pg_list_end", "pg_list_begin", "list: last page / first, PostgreSQL", None),
    ),
    "sqlite_new_vs_raw": (
        *("sqlite_new", "sqlite_raw_claim", "new on SQLite / the engine alone", None),
    ),
    "pg_new_vs_raw": ("pg_new", "pg_raw_claim", "new on PostgreSQL / the engine alone", None),
}
"""Ratios by name: the numerator, the denominator, a description, and the goal."""

Results = Mapping[str, Sequence[Result]]


def ratios(results: Results) -> dict[str, dict[str, float]]:
    """Compare within each round, as the machine's speed changes between rounds."""
    found = {}
    for name, (of, to, _, _) in RATIOS.items():
        if of not in results or to not in results:
            continue
        key = "p99_ms" if "_p99_" in name else "rate"
        each = [
            getattr(one, key) / getattr(other, key)
            for one, other in zip(results[of], results[to], strict=True)
        ]
        found[name] = {
            "median": round(median(each), 3),
            "min": round(min(each), 3),
            "max": round(max(each), 3),
            "rounds": len(each),
        }
    return found


def everything(results: Results, notes: Sequence[str], missing: Mapping[str, str]) -> str:
    """Show all measurements, and what is missing."""
    return "\n".join(
        [
            _table(results),
            "",
            _ratio_table(ratios(results)),
            "",
            *(f"Note: {note}." for note in notes),
            *(f"NOT MEASURED: {name}: {why}" for name, why in missing.items()),
        ]
    )


def _table(results: Results) -> str:
    """Show the medians of every contestant."""
    lines = [
        "| what | answers/s | min-max | p50 ms | p99 ms | CPU µs a request | MiB |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for name, rounds in results.items():
        rates = [one.rate for one in rounds]
        row = f"| {name} | {median(rates):,.0f} | {min(rates):,.0f}-{max(rates):,.0f} "
        if not rounds[0].answers:
            lines.append(f"{row}| | | | |")
            continue
        p50, p99, cpu, mib = (
            median([getattr(one, key) for one in rounds])
            for key in ("p50_ms", "p99_ms", "cpu_us", "resident_mib")
        )
        lines.append(f"{row}| {p50:.2f} | {p99:.2f} | {cpu:.0f} | {mib:.0f} |")
    return "\n".join(lines)


def _ratio_table(found: Mapping[str, Mapping[str, float]]) -> str:
    """Show the ratios beside their goals."""
    lines = [
        "| ratio | goal | measured | min-max | name |",
        "|---|--:|--:|--:|---|",
    ]
    for name, one in found.items():
        words, goal = RATIOS[name][2:]
        lines.append(
            f"| {words} | {goal or '-'} | {one['median']:.2f} | {one['min']:.2f}-{one['max']:.2f} "
            f"| `{name}` |"
        )
    return "\n".join(lines)


def surroundings() -> dict[str, Any]:
    """Return the environment of the figures."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line for line in lines if line.startswith("model name")]
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "processor": names[0].partition(":")[2].strip() if names else "",
        "cores": os.cpu_count(),
        "memory_mib": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
        "load_before": os.getloadavg()[0],
        "sqlite": sqlite3.sqlite_version,
        **{name: _version(name) for name in PACKAGES},
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def write_json(
    path: Path,
    results: Results,
    about: Mapping[str, Any],
    notes: Sequence[str],
    missing: Mapping[str, str],
) -> None:
    """Write everything that was measured."""
    content = {
        "ratios": ratios(results),
        "results": {name: [asdict(one) for one in rounds] for name, rounds in results.items()},
        "surroundings": about,
        "notes": notes,
        "missing": missing,
    }
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
