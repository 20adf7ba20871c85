"""Counters on a full disk: the process survives, and stored counters are shown."""

import os
from pathlib import Path

import pytest
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector

from service.observability.metrics.reserved_counters import ReservedDict


@pytest.fixture
def file(tmp_path):
    return str(tmp_path / "counter_1.db")


@pytest.fixture
def room(monkeypatch):
    """Limit the space of files."""
    reserve = os.posix_fallocate

    def limit(most):
        def reserving(descriptor, offset, size):
            if size > most:
                raise OSError(28, "No space left on device")
            reserve(descriptor, offset, size)

        monkeypatch.setattr(os, "posix_fallocate", reserving)

    return limit


def shown(file):
    return {key: value for key, value, *_ in MmapedDict.read_all_values_from_file(file)}


def test_values_are_where_prometheus_client_looks_for_them(file):
    counters = ReservedDict(file)
    for number in range(2000):  # more than fits into its initial size
        counters.write_value(f"key{number}" * 10, number, 0.0)
    assert 2000 == len(shown(file))
    assert (7.0, 0.0) == counters.read_value("key7" * 10)
    found = Path(file).stat()
    assert found.st_blocks * 512 >= found.st_size  # no holes
    counters.close()
    again = ReservedDict(file)
    assert (7.0, 0.0) == again.read_value("key7" * 10)
    again.close()


def test_what_has_no_room_is_counted_all_the_same(file, room):
    room(1 << 16)
    counters = ReservedDict(file)
    for number in range(2000):
        counters.write_value(f"key{number}" * 10, number, 0.0)
    assert 0 < len(shown(file)) < 2000
    assert (1999.0, 0.0) == counters.read_value("key1999" * 10)
    counters.close()


def test_without_any_room_nothing_is_shown_and_nobody_fails(file, room):
    room(0)
    counters = ReservedDict(file)
    assert (0.0, 0.0) == counters.read_value("key")
    counters.write_value("key", 5.0, 1.0)
    assert (5.0, 1.0) == counters.read_value("key")
    assert not Path(file).exists()
    counters.close()


def test_a_process_that_is_killed_as_it_begins_fails_no_scrape(tmp_path, file, monkeypatch):
    """Its file would stay empty: a file gets its name only once it can be read."""

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "posix_fallocate", killed)
    with pytest.raises(KeyboardInterrupt):
        ReservedDict(file)
    assert [] == list(MultiProcessCollector(None, str(tmp_path)).collect())
    monkeypatch.undo()
    ReservedDict(file).close()
    assert {} == shown(file)
