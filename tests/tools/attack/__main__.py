"""`make attack` attacks a real service, alone and behind proxies, and measures others' calls.

The exit status shows whether the guarantees held.
"""

import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import click

from tests.tools.attack.attacks import ATTACKS, Attack, allow_files
from tests.tools.attack.export import NGINX, check_exports_through_nginx
from tests.tools.attack.target import PROXIES, Target, behind, service
from tests.tools.attack.victims import Timings, observe

LIVEZ_WITHIN_S = 1.0
RESERVATIONS_P99_S = 1.5
SCRAPE_WITHIN_S = 1.0
SETTLE_S = 0.5


@click.command()
@click.option("--seconds", default=4.0, show_default=True, help="How long each one is watched.")
@click.option("--only", default="", help="Attacks whose name has this in it.")
@click.option("--behind", "through", multiple=True, help="Only behind these: none, haproxy, nginx.")
def main(seconds: float, only: str, through: tuple[str, ...]) -> None:
    """Attack, measure, judge."""
    allow_files()
    broken: list[str] = []
    chosen = [each for each in ATTACKS if only in each.name]
    with tempfile.TemporaryDirectory(prefix="attack-") as name:
        for way in through or ("none", *PROXIES):
            for number, each in enumerate(chosen):
                folder = Path(name) / f"{way}{number}"
                folder.mkdir()
                if way == "none" or each.name.startswith("A4"):
                    broken += one(each, way, folder, seconds)
            if way == "nginx" and not only:
                broken += exports_through_nginx(Path(name))
    click.echo("\n".join(["", *broken]) if broken else "\nAll that is promised has held.")
    sys.exit(bool(broken))


def one(each: Attack, way: str, folder: Path, seconds: float) -> list[str]:
    """Attack a new service once; return the violated guarantees."""
    with service(folder) as direct, ExitStack() as stack:
        target = direct if way == "none" else stack.enter_context(behind(way, direct, folder))
        if target is None:
            click.echo(f"\n{each.name}, behind {way}: not installed")
            return []
        click.echo(f"\n{each.name}" + ("" if way == "none" else f", behind {way}"))
        show("before", target, observe(target, seconds / 2))
        each.begin(target, stack)
        time.sleep(SETTLE_S)
        found = observe(target, seconds)
        show("meanwhile", target, found)
        return [f"BROKEN: {each.name} ({way}): {what}" for what in judge(each, found)]


def exports_through_nginx(folder: Path) -> list[str]:
    """Cut exports behind nginx; return whether one looked complete."""
    if not Path(NGINX).exists():
        return []
    click.echo("\nB8: exports that are cut, behind nginx")
    place = folder / "exports"
    place.mkdir()
    folder.chmod(0o755)  # nginx gives its workers another user
    try:
        check_exports_through_nginx(place)
    except AssertionError as error:
        return [f"BROKEN: B8: no part of an export looks whole: {error}"]
    return []


def show(when: str, target: Target, found: dict[str, Timings]) -> None:
    """Print the measurements."""
    for kind, timings in found.items():
        click.echo(f"  {when:9} {kind:12} {timings}")
    for process, resources in target.resources().items():
        click.echo(f"  {when:9} {process:12} {resources}")


def judge(each: Attack, found: dict[str, Timings]) -> list[str]:
    """Return the violated guarantees."""
    broken = []
    if found["livez"].percentile(1) > LIVEZ_WITHIN_S:
        broken.append(f"/livez within {LIVEZ_WITHIN_S} s")
    if each.reservations and found["reservations"].percentile(0.99) > RESERVATIONS_P99_S:
        broken.append(f"reservations' p99 within {RESERVATIONS_P99_S} s")
    if each.scrapes and found["scrapes"].percentile(1) > SCRAPE_WITHIN_S:
        broken.append(f"a scrape within {SCRAPE_WITHIN_S} s")
    promised = {"livez": True, "reservations": each.reservations, "creates": each.reservations}
    for kind, timings in found.items():
        if timings.foreign and promised.get(kind, each.scrapes):
            broken.append(f"every answer is its own, {kind}: {timings.foreign[0]}")
    return broken


if __name__ == "__main__":
    main()
