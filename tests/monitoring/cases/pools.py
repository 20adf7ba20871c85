"""Pools that are empty, or will be."""

from tests.tools.monitoring.promtool import Case, Only, Series

POOL = '{brand="b",campaign="c"}'
OTHER = '{brand="b",campaign="finished"}'


def pool(available: str, taken: str = "0x2000", exhausted: str = "") -> Series:
    series = {f"discount_codes_available{POOL}": available, f"discount_codes_taken{POOL}": taken}
    return series | ({f"discount_pool_exhausted_total{POOL}": exhausted} if exhausted else {})


CASES = {
    ("DiscountPoolRunningDry", "critical"): Case(
        "20m",
        [pool("1000-10x30", "0+10x30"), pool("100+10x30", "0+10x30")],  # the latter is refilled
        [
            pool("100000-10x30", "0+10x30"),
            pool("5x30"),
            pool("0x30", "0+1x3 3x27"),
            pool("10x15 9x20", "0x15 1x20"),  # the README's quick start: one of ten codes
            pool("_x15 10 9x20", "_x15 0 1x20"),
            pool("_x10 10-1x5 4x20", "_x10 0+1x5 6x20"),  # a few users of a small pool
            pool("100x15 40x20", "0x15 60x20"),  # a burst, such as a test
            pool("1x30", "9x30"),
        ],
    ),
    ("DiscountPoolRunningDry", "warning"): Case(
        "2h",
        [pool("5000-5x140", "0+5x140")],
        [
            pool("100000-5x140", "0+5x140"),
            pool("5000-5x60 4700x120", "0+5x60 300x120"),
            pool("_x100 10 9x40", "_x100 0 1x40"),
        ],
    ),
    ("DiscountPoolEmpty", "critical"): Case(
        "30h",
        [
            pool("3 2 1 0x400", "0 1 2 3x400", "_ _ _ 5+5x400"),  # after a day as well
            pool("0x400", "0x400", "_x356 5+5x20"),  # it never had a code
            pool("0x400", "3x400", "_x359 50x20") | {"up": "1x400"},  # within one scrape
            {f"discount_pool_exhausted_total{POOL}": "_x356 5+5x20"},  # not shown among pools
            pool("0x400", "3x400", "1 1 1+1x400"),  # one call every 5 minutes
            Only(
                pool("0x400", "9x400", "0+5x400")
                | {
                    f"discount_codes_available{OTHER}": "1x200 0x200",
                    f"discount_codes_taken{OTHER}": "8x200 9x200",
                    f"discount_pool_exhausted_total{OTHER}": "_x200 5x200",
                },
                'campaign="c"',
            ),
        ],
        [
            pool("3 2 1 0x400", "0 1 2 3x400"),  # nobody asks
            pool("3 2 1 0x400", "0 1 2 3x400", "0x3 9x400"),  # nobody asks any more
            pool("0x358 50x40", "3x400", "0+5x358 1790x40"),  # it was refilled
            pool("0x400", "3x400", "0x358 1x40"),  # one call
            {f"discount_pool_exhausted_total{POOL}": "_x359 50x40"},  # Prometheus has just begun
        ],
        interval="5m",
    ),
}
