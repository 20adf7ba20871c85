"""Merged counters of ended processes, so that each scrape reads few files.

prometheus-client keeps the files of every process that ever counted, and reads all of them in each
scrape: thousands after weeks of restarted workers.
"""

from collections import defaultdict
from contextlib import suppress
from pathlib import Path

from prometheus_client.mmap_dict import _INITIAL_MMAP_SIZE, MmapedDict

from service.observability.metrics.reserved_counters import MOST_OF_AN_ENTRY, reserve

_ADDED_UP = ("counter", "histogram")
"""Types of metrics that outlive their process; gauges do not."""
ENDED = "ended"
"""The replacement of the process id in file names."""


def merge_ended(folder: Path, pid: int) -> None:
    """Merge and remove the files of an ended process, while no scrape reads.

    Raises:
        OSError: There is no space for a merged file, and the original stays.
    """
    for file in (*folder.glob(f"gauge_*_{pid}.db"), *folder.glob(f"*_{pid}.new")):
        file.unlink(missing_ok=True)
    for kind in _ADDED_UP:
        file = folder / f"{kind}_{pid}.db"
        if file.exists():
            _add_up(folder / f"{kind}_{ENDED}.db", file)
            file.unlink()


def _add_up(total: Path, file: Path) -> None:
    values: defaultdict[str, float] = defaultdict(float)
    for source in (total, file):
        with suppress(FileNotFoundError):
            for key, value, *_ in MmapedDict.read_all_values_from_file(source):  # type: ignore[no-untyped-call]
                values[key] += value
    unnamed = total.with_suffix(".new")
    try:
        _write(unnamed, values)
        unnamed.rename(total)
    except OSError:
        unnamed.unlink(missing_ok=True)
        raise


def _write(file: Path, values: dict[str, float]) -> None:
    size = sum(len(key.encode()) + MOST_OF_AN_ENTRY for key in values)
    with file.open("wb") as made:
        reserve(made.fileno(), size)
        made.truncate(max(size, _INITIAL_MMAP_SIZE))
    counters = MmapedDict(str(file))  # type: ignore[no-untyped-call]
    for key, value in values.items():
        counters.write_value(key, value, 0.0)  # type: ignore[no-untyped-call]
    counters.close()  # type: ignore[no-untyped-call]
