"""Calls that fail, are slow, or are refused."""

from tests.monitoring.cases.series import calls, refusals, timed, within
from tests.tools.monitoring.promtool import Case, Only

EXPORT = "/v1/brands/{brand}/campaigns/{campaign}/export"

CASES = {
    ("DiscountErrorBudgetBurn", "critical"): Case(
        "65m",
        [
            calls("0+98x70", "0+2x70"),
            calls("0+992x70", "0+8x70"),
            calls("0+100x70", "_x63 500x6"),  # the series begins with the failures
            {  # a fresh server has failed before it has served anybody
                'discount_http_requests_total{route="/readyz",status="503"}': "0+4x70",
                'discount_http_requests_total{route="/a",status="500"}': "_x63 500x6",
            },
            Only(
                within(calls("0+98x70", "0+2x70"), 'cluster="a",namespace="n"')
                | within(calls("0+1000000x70", "0x70"), 'cluster="b",namespace="n"'),
                'cluster="a"',
            ),
            Only(
                within(calls("0+98x70", "0+2x70"), 'namespace="n",job="x-discount"')
                | within(calls("0+1000000x70", "0x70"), 'namespace="n",job="y-discount"'),
                'job="x-discount"',
            ),
        ],
        [
            calls("0+199x70", "0+1x70"),
            calls("0+98x70", "0+2x25 50x45"),  # it is over
            calls("0+1x70", "0 0 0 4x70"),  # too few to wake anybody
            calls("0+98x70", "0+2x70", route="/readyz"),
            calls("0+98x70", "_x20 500x50"),  # it is over, and it was within one scrape
        ],
    ),
    ("DiscountErrorBudgetBurn", "warning"): Case(
        "30m", [calls("0+249x40", "0+1x40")], [calls("0+1999x40", "0+1x40")]
    ),
    ("DiscountLatencyBudgetBurn", "critical"): Case(
        "65m",
        [
            timed("0+100x70", "0+80x70"),
            timed("0+100x70", "0+93x70"),
            timed("0+100x70", "0+100x70") | timed("_x62 1000x7", "_x62 0x7", route="/b"),
        ],
        [
            timed("0+100x70", "0+95x70"),
            timed("0+100x70", "0+80x25 2100+100x45"),
            timed("0+1x70", "0+0x70"),
            timed("0+100x70", "0+10x70", route=EXPORT),
            # One slow call, among probes that are not timed.
            timed("0x62 1x8", "0x70") | timed("0+24x70", "0+24x70", route="/readyz"),
        ],
    ),
    ("DiscountLatencyBudgetBurn", "warning"): Case(
        "30m", [timed("0+100x40", "0+96x40")], [timed("0+1000x40", "0+995x40")]
    ),
    ("DiscountErrorShare", "warning"): Case(
        "11m",
        [calls("0+90x20", "0+10x20") | calls("0+900x20", "0x20", route="/b")],
        [
            calls("0+96x20", "0+4x20"),
            calls("0+90x20", "0+10x2 20x18"),
            calls("0+90x20", "0x4 100 200 300x20"),  # it was bad, and is over
            calls("0+90x20", "0x5 400x20"),
        ],
    ),
    ("DiscountCallersRefused", "critical"): Case(
        "40m",
        [
            refusals("invalid", "0+48x60", "0x60"),  # all calls, 0.8 a second
            refusals("no_token", "0+48x60", "0x60"),
            refusals("scope", "0+48x60", "0x60", status="403"),
            refusals("unknown_key", "0x36 48+48x20", "0+48x36 1728x20"),  # for three minutes
            refusals("no_token", "0x36 48+48x20", "0+48x36 1728x20"),
            refusals("expired", "0+5x60", "0+43x60"),  # one caller of ten
            refusals("elsewhere", "0+48x60", "0+432x60"),
            refusals("invalid", "_x20 1+5x40", "0+43x60"),
            {
                'discount_auth_refusals_total{reason="brand"}': "0x36 48+48x20",
                'discount_http_requests_total{route="/a",status="404"}': "0x36 48+48x20",
                'discount_http_requests_total{route="/a",status="200"}': "0+48x36 1728x20",
            },
        ],
        [
            refusals("no_token", "0+4800x60", "0+48x60"),  # an attack, and all are served
            refusals("no_token", "0x37 48+48x20", "0+48x60"),
            refusals("expired", "0+1x60", "0+48x60"),  # who renews a token when it is refused
            refusals("expired", "0x20 200x40", "0+48x60"),  # it is over
            refusals("scope", "0+12x60", "0+48x60", status="403"),
            refusals("invalid", "0x38 3x20", "0x60"),  # a few tries at night
            refusals("no_token", "0x37 40x20", "0x60"),
            refusals("invalid", "0x60", "0+48x37 1776x20"),  # nobody calls any more
        ],
    ),
}
