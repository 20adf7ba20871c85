"""The series that cases are made of."""

from tests.tools.monitoring.promtool import Series


def within(series: Series, labels: str) -> Series:
    """Return series with further labels."""
    return {
        name.replace("{", f"{{{labels},") if "{" in name else f"{name}{{{labels}}}": values
        for name, values in series.items()
    }


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


def refusals(reason: str, refused: str, served: str, status: str = "401") -> Series:
    """Calls that are refused for their tokens, and calls that are served."""
    return {
        f'discount_auth_refusals_total{{reason="{reason}"}}': refused,
        f'discount_http_requests_total{{route="unmatched",status="{status}"}}': refused,
        'discount_http_requests_total{route="/a",status="200"}': served,
    }
