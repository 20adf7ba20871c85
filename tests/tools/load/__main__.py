"""`make bench` measures all contestants side by side, in rounds, and checks each answer."""

import os
import sys
import tempfile
from pathlib import Path

import click

from tests.tools.load import starts
from tests.tools.load.contestants import Contestants, Sizes, say
from tests.tools.load.errors import BenchmarkError
from tests.tools.load.reports import plots, report
from tests.tools.load.reports.measures import Measure, Result
from tests.tools.load.servers import CLIENT_CORE, installed, on_core

VAR = Path("var")
WARM_UP_S = 0.3


@click.command()
@click.option("--rounds", type=click.IntRange(min=1), required=True)
@click.option("--seconds", type=float, required=True, help="For each measure in each round.")
@click.option("--quick", is_flag=True, help="Leave the largest pools out.")
@click.option("--only", multiple=True, help="Measure this one; may be given several times.")
def main(rounds: int, seconds: float, quick: bool, only: tuple[str, ...]) -> None:  # noqa: FBT001 - click's
    """Measure, compare, and write the results below `var/`."""
    quick_sizes, sizes = (20_000, 0, 0), (100_000, 2_000_000, 10_000_000)
    VAR.mkdir(exist_ok=True)
    about = report.surroundings()
    with tempfile.TemporaryDirectory(prefix="bench-", dir=VAR) as name:
        folder = Path(name).absolute()
        asked = Sizes(rounds, seconds, *(quick_sizes if quick else sizes))
        bench = Contestants(asked, folder)
        with bench.running(), on_core(CLIENT_CORE):
            chosen = [each for each in bench.measures if not only or each.name in only]
            results = measured(chosen, rounds, seconds)
            say("comparing rows with answers")
            bench.compare()
        bench.notes.append(begins(folder, rounds))
    bench.notes.append(f"load of the machine in the end: {os.getloadavg()[0]:.1f}")
    report.write_json(VAR / "bench.json", results, about, bench.notes, bench.missing)
    if installed("matplotlib"):
        plots.plot(VAR, results)
    else:
        bench.missing["plots"] = "matplotlib is not installed"
    click.echo(report.everything(results, bench.notes, bench.missing))


def measured(chosen: list[Measure], rounds: int, seconds: float) -> dict[str, list[Result]]:
    """Measure everyone in every round, alternating the order.

    Raises:
        BenchmarkError: A result was not as expected.
    """
    say("warming up")
    for measure in chosen:
        one(measure, rounds, WARM_UP_S)
    results: dict[str, list[Result]] = {measure.name: [] for measure in chosen}
    for turn in range(rounds):
        say(f"round {turn + 1} of {rounds}, load {os.getloadavg()[0]:.1f}")
        for measure in chosen[:: -1 if turn % 2 else 1]:
            results[measure.name].append(one(measure, turn, seconds))
    return results


def one(measure: Measure, turn: int, seconds: float) -> Result:
    """Measure one contestant, and name it in errors.

    Raises:
        BenchmarkError: A result was not as expected.
    """
    try:
        return measure.run(turn, seconds)
    except (BenchmarkError, OSError) as error:
        raise BenchmarkError(f"{measure.name}: {error}") from error


def begins(folder: Path, times: int) -> str:
    """Measure the start of the service on all cores, after all other measurements."""
    try:
        ready = f"{starts.run_seconds(folder, times):.2f} s"
    except BenchmarkError as error:
        ready = str(error)
    return (
        f"import of the application: {starts.import_seconds(times):.2f} s; "
        f"warm `make run` to ready: {ready} (medians of {times})"
    )


if __name__ == "__main__":
    try:
        main()
    except BenchmarkError as error:
        sys.exit(f"The benchmark is worth nothing: {error}")
