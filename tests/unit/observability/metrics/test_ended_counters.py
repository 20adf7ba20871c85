"""Counters of ended processes are merged into one file of each kind, without losses."""

import os

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.mmap_dict import mmap_key
from prometheus_client.multiprocess import MultiProcessCollector

from service.observability.metrics.ended_counters import merge_ended
from service.observability.metrics.reserved_counters import ReservedDict


def key(metric, name, **labels):
    return mmap_key(metric, name, list(labels), list(labels.values()), "Text.")


def write(folder, kind, pid, values):
    counters = ReservedDict(str(folder / f"{kind}_{pid}.db"))
    for name, value in values.items():
        counters.write_value(name, value, 0.0)
    counters.close()


def counted(folder, pid):
    """Count in another process."""
    by_status = {key("calls", "calls_total", status=str(pid % 3)): pid}
    write(folder, "counter", pid, {key("all", "all_total"): 1, **by_status})
    buckets = {key("took", "took_bucket", le=le): 2 for le in ("0.1", "1.0", "+Inf")}
    write(folder, "histogram", pid, {**buckets, key("took", "took_sum"): 0.5})
    write(folder, "gauge_livesum", pid, {key("waits", "waits"): 7})


def shown(folder):
    registry = CollectorRegistry()
    MultiProcessCollector(registry, str(folder))
    return sorted(generate_latest(registry).decode().splitlines())


def test_the_counts_of_many_workers_are_in_a_few_files(tmp_path):
    for pid in range(1, 61):
        counted(tmp_path, pid)
        merge_ended(tmp_path, pid)
    assert {"counter_ended.db", "histogram_ended.db"} == {path.name for path in tmp_path.iterdir()}
    lines = shown(tmp_path)
    assert "all_total 60.0" in lines
    assert f'calls_total{{status="0"}} {float(sum(range(0, 61, 3)))}' in lines
    assert 'took_bucket{le="+Inf"} 360.0' in lines
    assert "took_sum 30.0" in lines


def test_what_is_shown_does_not_change(tmp_path):
    for pid in (1, 2, 3):
        counted(tmp_path, pid)
    for path in tmp_path.glob("gauge*"):
        path.unlink()
    before = shown(tmp_path)
    for pid in (1, 2, 3):
        merge_ended(tmp_path, pid)
        assert before == shown(tmp_path)


def test_gauges_and_a_file_that_was_never_finished_go(tmp_path):
    counted(tmp_path, 1)
    counted(tmp_path, 11)
    (tmp_path / "counter_1.new").touch()
    merge_ended(tmp_path, 1)
    left = {"counter_ended.db", "histogram_ended.db"}
    of_another = {"counter_11.db", "histogram_11.db", "gauge_livesum_11.db"}
    assert left | of_another == {path.name for path in tmp_path.iterdir()}


def test_where_there_is_no_room_the_counts_stay_where_they_are(tmp_path, monkeypatch):
    def full(_descriptor, _offset, _size):
        raise OSError(28, "No space left on device")

    for pid in (1, 2):
        counted(tmp_path, pid)
    merge_ended(tmp_path, 1)
    before = shown(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(os, "posix_fallocate", full)
        with pytest.raises(OSError, match="No space"):
            merge_ended(tmp_path, 2)
    assert [line for line in before if "waits" not in line] == shown(tmp_path)
    merge_ended(tmp_path, 2)
    assert {"counter_ended.db", "histogram_ended.db"} == {path.name for path in tmp_path.iterdir()}
