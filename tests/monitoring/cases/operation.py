"""Jobs, keys, tokens, limits, logs and traces."""

from tests.monitoring.cases.series import refusals
from tests.tools.monitoring.promtool import Case, Series


def ended(failed: str) -> Series:
    return {
        'discount_jobs_ended_total{kind="generate",state="failed"}': failed,
        'discount_jobs_ended_total{kind="generate",state="succeeded"}': "0+1x40",
        "up": "1x40",
    }


def limited(rejected: str, served: str) -> Series:
    name = 'discount_http_requests_total{method="GET",route="/a",status="%s"}'
    return {name % "429": rejected, name % "200": served}


CASES = {
    ("DiscountJobStuck", "warning"): Case(
        "5m",
        [
            {"discount_jobs_oldest_queued_seconds": "121x10"},
            {"discount_jobs_overdue_seconds": "121x10"},
            {"discount_jobs_stalled_seconds": "601x10"},  # a worker has it, and does nothing
        ],
        [
            {
                "discount_jobs_oldest_queued_seconds": "120x10",
                "discount_jobs_overdue_seconds": "9x10",
                "discount_jobs_stalled_seconds": "600x10",
            },
            {"discount_jobs_stalled_seconds": "0 0 0 601 0x9"},
        ],
    ),
    ("DiscountJobsFailing", "warning"): Case(
        "25m",
        [
            ended("0x20 1x20"),
            ended("_x20 1x20"),  # the first one
            {"discount_jobs_given_up_total": "0x20 1x20"},
        ],
        [ended("1x40"), ended("0 1x40"), {"discount_jobs_given_up_total": "1x40"}],
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
    ("DiscountRateLimited", "warning"): Case(
        "12m",
        [limited("0+30x20", "0+120x20"), limited("0+3000x20", "0+120x20")],
        [
            limited("0+30x20", "0+1200x20"),
            limited("0+1x20", "0+3x20"),
            limited("0 99x20", "0+9x20"),
        ],
    ),
    ("DiscountRedisAway", "warning"): Case(
        "5m",
        [
            {"discount_redis_up": "1 0x10"},
            {'discount_redis_up{instance="a"}': "0x9", 'discount_redis_up{instance="b"}': "1x9"},
        ],
        [{"discount_redis_up": "1x10"}, {"discount_redis_up": "1 1 1 1 0 1"}],
    ),
    ("DiscountLogLinesDropped", "warning"): Case(
        "13m",
        [{"discount_log_lines_dropped_total": "0+1x20"}],
        [
            {"discount_log_lines_dropped_total": "7x20"},
            {"discount_log_lines_dropped_total": "0 1 2x20"},  # it is over
        ],
    ),
    ("DiscountSpansDropped", "warning"): Case(
        "13m",
        [{"discount_spans_dropped_total": "0+1x20"}],
        [{"discount_spans_dropped_total": "7x20"}, {"discount_spans_dropped_total": "0 1 2x20"}],
    ),
}
