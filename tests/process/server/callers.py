"""Calls of a running service, and of its metrics."""

import requests

from tests.support.running import Running
from tests.support.tokens import bearer


def create(service: Running, brand: str, number: int = 10) -> list[str]:
    """Create codes."""
    answer = requests.post(
        f"{service.url}/v1/discount/create",
        json={"brand": brand, "number_to_create": number},
        headers=bearer(),
        timeout=30,
    )
    assert 200 == answer.status_code
    codes: list[str] = answer.json()
    return codes


def metric(service: Running, line_part: str) -> float:
    """Sum the samples whose line contains `line_part`, parsed as Prometheus would."""
    text = requests.get(service.metrics_url, timeout=30).text
    lines = [line for line in text.splitlines() if line_part in line and not line.startswith("#")]
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)
