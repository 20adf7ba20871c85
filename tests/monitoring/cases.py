"""When each alert fires and when it does not: series as promtool has them, a value a minute.

A number and `x60` are that number, and 60 times more; `0+5x60` grows by 5 each time.
"""

from typing import NamedTuple

Series = dict[str, str]


class Case(NamedTuple):
    """One rule."""

    at: str
    """When the rule is evaluated."""
    fires: list[Series]
    silent: list[Series]


def calls(served: str, failed: str, route: str = "/a") -> Series:
    """Calls of one kind, answered with 200 and with 503."""
    name = 'discount_http_requests_total{method="GET",route="%s",status="%s"}'
    return {name % (route, "200"): served, name % (route, "503"): failed}


def timed(every: str, in_time: str, route: str = "/a") -> Series:
    """Calls, and those that took no longer than 250 ms."""
    name = 'discount_http_request_duration_seconds_%s{method="GET",route="%s"%s}'
    return {
        name % ("count", route, ""): every,
        name % ("bucket", route, ',le="0.25"'): in_time,
    }


def pool(available: str, taken: str = "0x2000", exhausted: str = "0x2000") -> Series:
    labels = '{brand="b",campaign="c"}'
    return {
        f"discount_codes_available{labels}": available,
        f"discount_codes_taken{labels}": taken,
        'discount_reservations_total{outcome="exhausted"}': exhausted,
    }


def connections(in_use: str) -> Series:
    return {
        'discount_database_connections{state="in_use"}': in_use,
        "discount_database_connections_max": "18x20",
    }


def queue(waiting: str, done: str) -> Series:
    return {"discount_commit_waiting": waiting, "discount_commit_batch_size_sum": done}


def writes(seconds: str, count: str) -> Series:
    name = 'discount_database_seconds_%s{operation="write"}'
    return {name % "sum": seconds, name % "count": count}


def refusals(reason: str, refused: str, served: str) -> Series:
    return {
        f'discount_auth_refusals_total{{reason="{reason}"}}': refused,
        'discount_http_requests_total{route="unmatched",status="401"}': refused,
        'discount_http_requests_total{route="/a",status="200"}': served,
    }


def targets(server: str, worker: str) -> Series:
    return {
        'up{job="discount",component="api",instance="a"}': server,
        'up{job="discount",component="worker",instance="c"}': worker,
        "discount_database_up": "1x10",
    }


def restarts(started: str, ended: str) -> Series:
    return {"discount_start_time_seconds": started, "discount_workers_ended_total": ended}


def revisions(there: str, wanted: str) -> Series:
    return {"discount_schema_revision": there, "discount_schema_revision_wanted": wanted}


CASES = {
    ("DiscountErrorBudgetBurn", "critical"): Case(
        "65m",
        [calls("0+98x70", "0+2x70"), calls("0+992x70", "0+8x70")],
        [
            calls("0+199x70", "0+1x70"),
            calls("0+98x70", "0+2x25 50x45"),  # it is over
            calls("0+1x70", "0 0 0 4x70"),  # too few to wake anybody
            calls("0+98x70", "0+2x70", route="/readyz"),
        ],
    ),
    ("DiscountErrorBudgetBurn", "warning"): Case(
        "30m", [calls("0+249x40", "0+1x40")], [calls("0+1999x40", "0+1x40")]
    ),
    ("DiscountLatencyBudgetBurn", "critical"): Case(
        "65m",
        [timed("0+100x70", "0+80x70"), timed("0+100x70", "0+93x70")],
        [
            timed("0+100x70", "0+95x70"),
            timed("0+100x70", "0+80x25 2100+100x45"),
            timed("0+1x70", "0+0x70"),
            timed("0+100x70", "0+10x70", route="/v1/brands/{brand}/campaigns/{campaign}/export"),
        ],
    ),
    ("DiscountLatencyBudgetBurn", "warning"): Case(
        "30m", [timed("0+100x40", "0+96x40")], [timed("0+1000x40", "0+995x40")]
    ),
    ("DiscountDown", "critical"): Case(
        "5m",
        [
            targets("1 0x10", "1x10"),  # no server answers, and a worker does
            targets("1x10", "1 0x10"),
            {'up{job="node"}': "1x10"},
        ],
        [
            targets("1x10", "1x10"),
            targets("1 1 1 0 0 1 1", "1x10"),
            targets("0x10", "1x10") | {'up{job="discount",component="api",instance="b"}': "1x10"},
        ],
    ),
    ("DiscountErrorShare", "warning"): Case(
        "12m",
        [calls("0+90x20", "0+10x20") | calls("0+900x20", "0x20", route="/b")],
        [calls("0+96x20", "0+4x20"), calls("0+90x20", "0+10x2 20x18")],
    ),
    ("DiscountPoolRunningDry", "critical"): Case(
        "20m",
        [pool("1000-10x30", "0+10x30"), pool("100+10x30", "0+10x30")],  # the latter is refilled
        [pool("100000-10x30", "0+10x30"), pool("5x30"), pool("0x30", "0+1x3 3x27")],
    ),
    ("DiscountPoolRunningDry", "warning"): Case(
        "2h",
        [pool("5000-5x140", "0+5x140")],
        [pool("100000-5x140", "0+5x140"), pool("5000-5x60 4700x120", "0+5x60 300x120")],
    ),
    ("DiscountPoolEmpty", "critical"): Case(
        "10m",
        [pool("3 2 1 0x20", "0 1 2 3x20", "0 0 0 0+1x20")],
        [
            pool("3 2 1 0x20", "0 1 2 3x20"),  # nobody asks
            pool("0x20", "3x20", "0+1x20"),  # it was used up long ago
            pool("3 2 1 0 0 0 0 50x20", "0 1 2 3x20", "0 0 0 0+1x20"),
        ],
    ),
    ("DiscountDatabaseUnreachable", "critical"): Case(
        "5m",
        [{"discount_database_up": "1 0x10"}],
        [{"discount_database_up": "1x10"}, {"discount_database_up": "1 1 1 1 1 0 1"}],
    ),
    ("DiscountDiskFull", "critical"): Case(
        "4m",
        [
            {'discount_database_errors_total{error="SQLITE_FULL"}': "0 1 2 3x10"},
            {'discount_database_errors_total{error="53100"}': "0 1 2 3x10"},
            {'discount_disk_low{instance="a"}': "0 1x10"},
        ],
        [
            {'discount_disk_low{instance="a"}': "0x10"},
            {'discount_database_errors_total{error="SQLITE_BUSY"}': "0 1 2 3x10"},
        ],
    ),
    ("DiscountMigrationMissing", "critical"): Case(
        "5m",
        [revisions("3x10", "4x10"), revisions("0x10", "4x10")],
        [revisions("4x10", "4x10"), revisions("5x10", "4x10"), revisions("3 4x10", "4x10")],
    ),
    ("DiscountConnectionPoolSaturated", "warning"): Case(
        "10m", [connections("16x20")], [connections("13x20"), connections("18 2x20")]
    ),
    ("DiscountCommitQueueGrowing", "warning"): Case(
        "6m",
        [
            queue("50x10", "0+600x10"),
            queue("50x10", "7x10"),  # nothing is written any more
            writes("0+120x10", "0+60x10"),
        ],
        [queue("50x10", "0+60000x10"), queue("0x10", "7x10"), writes("0+1x10", "0+60x10")],
    ),
    ("DiscountJobStuck", "warning"): Case(
        "5m",
        [
            {"discount_jobs_oldest_queued_seconds": "121x10"},
            {"discount_jobs_overdue_seconds": "121x10"},
        ],
        [
            {
                "discount_jobs_oldest_queued_seconds": "120x10",
                "discount_jobs_overdue_seconds": "9x10",
            }
        ],
    ),
    ("DiscountKeysStale", "warning"): Case(
        "2m", [{"discount_keys_stale_seconds": "601x5"}], [{"discount_keys_stale_seconds": "600x5"}]
    ),
    ("DiscountAuthRefusalsSurging", "warning"): Case(
        "12m",
        [refusals("invalid", "0+120x20", "0+120x20"), refusals("no_token", "0+120x20", "0x20")],
        [
            refusals("scope", "0+120x20", "0+120x20"),
            refusals("invalid", "0+30x20", "0x20"),
            refusals("invalid", "0+120x20", "0+1200x20"),
        ],
    ),
    ("DiscountClockSkew", "warning"): Case(
        "13m",
        [refusals("not_yet", "0+1x20", "0x20")],
        [refusals("not_yet", "0 0 0 0 0+1x3 3x20", "0x20"), refusals("expired", "0+9x20", "0x20")],
    ),
    ("DiscountLogLinesDropped", "warning"): Case(
        "13m",
        [{"discount_log_lines_dropped_total": "0+1x20"}],
        [
            {"discount_log_lines_dropped_total": "7x20"},
            {"discount_log_lines_dropped_total": "0 1 2x20"},  # it is over
        ],
    ),
    ("DiscountRestartLoop", "warning"): Case(
        "6m",
        [restarts("1 2 3 4 5x20", "0x20"), restarts("1x20", "0 2 4 6x20")],
        [restarts("1 2 3x20", "0x20"), restarts("1x20", "0 1 2 3x20")],
    ),
}
