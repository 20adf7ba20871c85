"""Plots of the measurements; their library is installed by `make bench` alone."""

from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

from tests.tools.load.reports.report import RATIOS, Results, ratios

_PICTURES = {
    "rate": ("answers a second", ("rate",)),
    "latency": ("latency at 32 connections, ms", ("p50_ms", "p99_ms")),
    "cpu": ("processor time of the server, µs a request", ("cpu_us",)),
}


def plot(folder: Path, results: Results) -> None:
    """Draw rates, latencies, processor time and ratios, with the spread over rounds."""
    for name, (title, keys) in _PICTURES.items():
        shown = {one: rounds for one, rounds in results.items() if getattr(rounds[0], keys[0])}
        if shown:
            _bars(folder / f"bench-{name}.png", title, keys, shown)
    found = ratios(results)
    if found:
        _ratios(folder / "bench-ratios.png", found)


def growth(path: Path, title: str, lines: Mapping[str, list[tuple[int, float]]]) -> None:
    """Draw the cost by the size of pools; it should be a flat line."""

    def draw(axes: Any) -> None:
        for name, points in lines.items():
            axes.plot(*zip(*points, strict=True), marker="o", label=name)
        axes.set(xscale="log", yscale="log", xlabel="codes", ylabel="µs", title=title)
        axes.legend(fontsize="x-small", ncols=2)

    _figure(path, (9, 6), draw)


def _bars(path: Path, title: str, keys: tuple[str, ...], results: Results) -> None:
    def draw(axes: Any) -> None:
        for key in keys:
            values = [[getattr(one, key) for one in rounds] for rounds in results.values()]
            middles = [median(one) for one in values]
            spread = _spread(middles, [min(one) for one in values], [max(one) for one in values])
            axes.barh(list(results), middles, xerr=spread, alpha=0.6, label=key, capsize=2)
        axes.invert_yaxis()
        axes.set(xscale="log", title=title)
        axes.legend()

    _figure(path, (10, 0.35 * len(results) + 1.5), draw)


def _ratios(path: Path, found: Mapping[str, Mapping[str, float]]) -> None:
    """Draw each ratio relative to its goal, 1."""

    def draw(axes: Any) -> None:
        goals = {name: goal for name in found if (goal := RATIOS[name][3])}
        middles = [found[name]["median"] / goal for name, goal in goals.items()]
        least = [found[name]["min"] / goal for name, goal in goals.items()]
        most = [found[name]["max"] / goal for name, goal in goals.items()]
        spread = _spread(middles, least, most)
        axes.barh(list(goals), middles, xerr=spread, alpha=0.6, capsize=2)
        axes.axvline(1.0)
        axes.invert_yaxis()
        axes.set(title="ratios / goals; right of 1 is better, but for p99")

    _figure(path, (10, 0.35 * len(found) + 1.5), draw)


def _spread(middles: list[float], least: list[float], most: list[float]) -> list[list[float]]:
    return [
        [middle - low for middle, low in zip(middles, least, strict=True)],
        [high - middle for middle, high in zip(middles, most, strict=True)],
    ]


def _figure(path: Path, size: tuple[float, float], draw: Callable[[Any], None]) -> None:
    from matplotlib import use

    use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=size)
    draw(axes)
    figure.tight_layout()
    figure.savefig(path)
    plt.close(figure)
