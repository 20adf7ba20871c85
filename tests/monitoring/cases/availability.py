"""Processes that are gone, hang, or serve nobody."""

from tests.monitoring.cases.series import within
from tests.tools.monitoring.promtool import Case, Only, Series


def targets(server: str, worker: str, job: str = "discount") -> Series:
    return {
        f'up{{job="{job}",component="api",instance="a"}}': server,
        f'up{{job="{job}",component="worker",instance="c"}}': worker,
        f'discount_database_up{{job="{job}",component="api",instance="a"}}': server,
    }


def ready(*checks: str, instance: str = "a") -> Series:
    return {
        f'discount_readiness_check{{instance="{instance}",check="{number}"}}': values
        for number, values in enumerate(checks)
    }


def limits(connections: str, files: str = "9x40") -> Series:
    return {
        "discount_connections_open": connections,
        "discount_connections_max": "1000x40",
        "discount_worker_open_files": files,
        "discount_worker_open_files_max": "1024x40",
        "discount_accept_failures_total": "0x40",
    }


CASES = {
    ("DiscountDown", "critical"): Case(
        "5m",
        [
            targets("1 0x10", "1x10"),  # no server answers, and a worker does
            targets("1x10", "1 0x10"),
            {'up{job="node"}': "1x10"},
            targets("1 0x10", "1x10", job="acme-discount-metrics"),  # with a `namePrefix`
            Only(  # one installation of two is deleted
                within(targets("1 1 1 stale", "1 1 1 stale"), 'namespace="b"')
                | within(targets("1x10", "1x10"), 'namespace="a"'),
                'namespace="b"',
            ),
            Only(  # two clusters under one ruler
                within(targets("1 1 1 stale", "1 1 1 stale"), 'cluster="b",namespace="n"')
                | within(targets("1x10", "1x10"), 'cluster="a",namespace="n"'),
                'cluster="b"',
            ),
            Only(
                within(targets("1 0x10", "1 0x10"), 'cluster="b",namespace="n"')
                | within(targets("1x10", "1x10"), 'cluster="a",namespace="n"'),
                'cluster="b"',
            ),
            Only(  # its servers are deleted, and its workers are not
                targets("1 1 1 stale", "1x10"), 'component="api"'
            ),
            Only(  # a job of another name
                within({"discount_database_up": "1 1 1 stale"}, 'namespace="b",job="shop"')
                | within({"discount_database_up": "1x10"}, 'namespace="a",job="shop"'),
                'namespace="b"',
            ),
        ],
        [
            targets("1x10", "1x10"),
            targets("1 1 1 0 1 1 1", "1x10"),
            targets("0x10", "1x10")
            | {
                'up{job="discount",component="api",instance="b"}': "1x10",
                "discount_database_up": "1x10",
            },
            targets("1x10", "1x10") | {'up{job="n/discount-db"}': "0x10"},  # PostgreSQL
            targets("1x10", "1x10", job="shop"),
        ],
    ),
    ("DiscountNotReady", "critical"): Case(
        "2m",  # within a minute after the second value, which is the first bad one
        [
            ready("1 1 1 1 0x20", "1x20"),
            ready("0x20") | ready("0x20", instance="b"),
            Only(
                within(ready("0x20"), 'namespace="b"') | within(ready("1x20"), 'namespace="a"'),
                'namespace="b"',
            ),
        ],
        [
            ready("1x20", "1x20"),
            ready("0x20") | ready("1x20", instance="b"),
            ready("1 1 1 1 0 1x20"),
            {'discount_readiness_check{check="drain"}': "0x20"},  # it ends
        ],
        interval="15s",
    ),
    ("DiscountNotReady", "warning"): Case(
        "9m",
        [ready("0x10") | ready("1x10", instance="b")],
        [ready("0 0 0 0 1x10"), ready("1x10")],
    ),
    ("DiscountHang", "critical"): Case(
        "4m",  # two minutes after the fault
        [
            {"discount_workers": "2x7 0x20", "up": "1x30"},
            {
                'discount_workers{instance="a"}': "2x7 0x20",
                'discount_workers{instance="b"}': "2x30",
            },
            # gunicorn kills it every 30 s.
            {"discount_worker_heartbeat_age_seconds": "1x7 15 30 15 30 15 30 15 30 15 30"},
            {"discount_worker_heartbeat_age_seconds": "1x7 15+15x20"},
            {"discount_oldest_call_seconds": "0x7 15+15x20"},
        ],
        [
            {"discount_workers": "2x40", "up": "1x30"},
            {"discount_workers": "2x12 0 2x20", "up": "1x30"},  # both were killed
            {"discount_worker_heartbeat_age_seconds": "1x10 15 1x20"},
            {"discount_oldest_call_seconds": "5x40"},
            {"discount_oldest_call_seconds": "0x12 30 0x20"},
        ],
        interval="15s",
    ),
    ("DiscountConnectionLimit", "critical"): Case(
        "10m",
        [
            {"discount_accept_failures_total": "0x7 100+100x20"},
            limits("1000x40"),
        ],
        [
            {"discount_accept_failures_total": "0x5 1x30"},
            {"discount_accept_failures_total": "900x30"},
            limits("999x40"),
        ],
    ),
    ("DiscountConnectionLimit", "warning"): Case(
        "10m",
        [limits("801x40"), limits("10x40", "1000x40")],
        [limits("800x40"), limits("10x40", "700x40"), limits("0x8 900 0x20")],
    ),
    ("DiscountRestartLoop", "warning"): Case(
        "6m",
        [
            {"discount_start_time_seconds": "1 2 3 4 5x20", "discount_workers_ended_total": "0x20"},
            {"discount_start_time_seconds": "1x20", "discount_workers_ended_total": "0 2 4 6x20"},
        ],
        [
            {"discount_start_time_seconds": "1 2 3x20", "discount_workers_ended_total": "0x20"},
            {"discount_start_time_seconds": "1x20", "discount_workers_ended_total": "0 1 2 3x20"},
        ],
    ),
    ("DiscountMemoryHigh", "warning"): Case(
        "10m",
        [
            {"discount_worker_resident_bytes": "200000000+50000000x20"},
            {  # a job worker
                'process_resident_memory_bytes{instance="a"}': "500000000x20",
                'discount_build_info{instance="a",version="1"}': "1x20",
            },
        ],
        [
            {"discount_worker_resident_bytes": "399000000x20"},
            {  # of another service
                'process_resident_memory_bytes{instance="a"}': "500000000x20",
                'discount_build_info{instance="b",version="1"}': "1x20",
            },
            {"discount_worker_resident_bytes": "1e8x8 5e8 1e8x9"},
        ],
    ),
}
