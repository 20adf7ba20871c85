"""Campaigns that were asked in vain: counted over processes, and never too many."""

import json

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from service.observability.metrics.exhausted_pools import ExhaustedCollector, ExhaustedPools


@pytest.fixture
def collector(tmp_path):
    return ExhaustedCollector(tmp_path, 2)


def shown(collector):
    registry = CollectorRegistry()
    registry.register(collector)
    lines = generate_latest(registry).decode().splitlines()
    return {line.removeprefix("discount_pool_exhausted") for line in lines if line[0] != "#"}


def of(campaign, number):
    return f'_total{{brand="b",campaign="{campaign}"}} {number}.0'


def test_nothing_is_shown_of_pools_that_nobody_asked_in_vain(collector, tmp_path):
    ExhaustedPools(2).write(tmp_path, 1)
    assert set() == shown(collector)
    assert [] == list(tmp_path.iterdir())


def test_processes_are_added_up_and_those_that_have_ended_stay(collector, tmp_path):
    for pid in (1, 2):
        pools = ExhaustedPools(2)
        pools.add("b", "c")
        pools.add("b", "c")
        pools.write(tmp_path, pid)
    assert {of("c", 4)} == shown(collector)
    collector.forget(1)
    collector.forget(3)
    assert {of("c", 4)} == shown(collector)
    assert ["exhausted_2.json"] == [file.name for file in tmp_path.iterdir()]


def test_those_that_were_asked_last_are_kept_and_shown(collector, tmp_path):
    pools = ExhaustedPools(2)
    for campaign in ("x", "y", "x", "z"):
        pools.add("b", campaign)
    pools.write(tmp_path, 1)
    assert {of("x", 2), of("z", 1)} == shown(collector)
    collector.forget(1)
    other = ExhaustedPools(2)
    other.add("b", "w")
    other.write(tmp_path, 2)
    assert {of("z", 1), of("w", 1)} == shown(collector)


def test_a_file_is_written_when_something_has_changed_and_again_if_that_failed(tmp_path):
    pools = ExhaustedPools(2)
    pools.add("b", 'c"\n')
    with pytest.raises(OSError, match="No such file"):
        pools.write(tmp_path / "full", 1)
    pools.write(tmp_path, 1)
    file = tmp_path / "exhausted_1.json"
    assert [["b", 'c"\n', 1]] == [row[:3] for row in json.loads(file.read_text())]
    file.unlink()
    pools.write(tmp_path, 1)
    assert not file.exists()
