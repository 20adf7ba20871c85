"""`discount status`: what is there, at a glance or for scripts."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from service.cli import streams
from service.cli.failures import failures_of
from service.domain.model import State
from service.settings import load_settings

if TYPE_CHECKING:
    from service.container.storage import Storage
    from service.domain.model import Page

MOST_SHOWN = 1000
"""Most campaigns that are shown."""
PAGE = 200
_MEGABYTE = 1_000_000
_HEADS = ("brand", "campaign", *State)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for scripts.")
def status(*, as_json: bool) -> None:
    """Show the campaigns with their codes, the open jobs and the database."""
    from service.container.storage import build_storage

    settings = load_settings()
    failures_of(settings).require_database()
    storage = build_storage(settings, threads=1)
    with closing(storage.database):
        found = _found(storage, failures_of(settings).name)
    for line in [json.dumps(found)] if as_json else _lines(found):
        streams.write_line(line)


def _found(storage: "Storage", name: str) -> dict[str, Any]:
    """Return what there is, as the JSON object."""
    seen = list(islice(_campaigns(storage), MOST_SHOWN + 1))
    jobs, room = storage.status.open_jobs(), storage.status.room()
    return {
        "database": name,
        "revision": storage.status.revision(),
        "newest_revision": storage.status.wanted_revision(),
        "free_bytes": room.disk + room.reusable if room else None,
        "open_jobs": {"queued": jobs.queued, "running": jobs.running},
        "campaigns": seen[:MOST_SHOWN],
        "more_campaigns": len(seen) > MOST_SHOWN,
    }


def _campaigns(storage: "Storage") -> Iterator[dict[str, Any]]:
    store = storage.store
    for brand in _all(partial(store.brands, None, limit=PAGE)):
        for campaign in _all(partial(store.campaigns, brand.name, limit=PAGE)):
            counts = store.campaign(brand.name, campaign.name).counts
            yield {
                "brand": brand.name,
                "campaign": campaign.name,
                "archived": campaign.archived,
                "counts": {state.value: count for state, count in counts.items()},
            }


def _all(page_after: "Callable[[str | None], Page[Any]]") -> Iterator[Any]:
    """Yield the items of all pages."""
    after: str | None = None
    while True:
        page = page_after(after)
        yield from page.items
        if not page.more:
            return
        after = page.items[-1].name


def _lines(found: dict[str, Any]) -> Iterator[str]:
    current = found["revision"] == found["newest_revision"]
    newest = "" if current else f" of {found['newest_revision']}: run `discount db upgrade`"
    free, jobs = found["free_bytes"], found["open_jobs"]
    yield f"Database  {found['database']}, revision {found['revision']}{newest}"
    if free is not None:
        yield f"Free      {free / _MEGABYTE:,.0f} MB"
    yield f"Jobs      {jobs['running']:,} running, {jobs['queued']:,} queued"
    if not found["campaigns"]:
        yield "Campaigns none yet: the first codes of a brand make its campaign `default`"
        return
    yield ""
    yield from _table([_HEADS, *map(_row, found["campaigns"])])
    if found["more_campaigns"]:
        yield f"… and more than these {MOST_SHOWN:,}"


def _row(campaign: dict[str, Any]) -> Sequence[str]:
    name = campaign["campaign"] + (" (archived)" if campaign["archived"] else "")
    return campaign["brand"], name, *(f"{count:,}" for count in campaign["counts"].values())


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield aligned rows: two columns of names, then figures."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row[:2], widths[:2], strict=True)]
        cells += [cell.rjust(width) for cell, width in zip(row[2:], widths[2:], strict=True)]
        yield "  ".join(cells).rstrip()
