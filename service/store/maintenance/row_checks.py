"""Statements of invariants: rows with a violation, counted by brand and campaign."""

from service.domain.model import Millis

CLOCK_SKEW: Millis = 60_000
"""The tolerated difference between the clocks of machines."""
LAST_MOMENT: Millis = 253_402_300_799_999
"""The end of the year 9999: later values are not valid times."""
NO_MOMENT = f"coalesce({{0}}, 0) NOT BETWEEN 1 AND {LAST_MOMENT}"
"""The condition that a column is no valid time."""

_ROWS = """
    SELECT {keys}, count(coalesce({counted}, 0)) FROM {table} WHERE {condition} GROUP BY 1, 2
"""
_BY_BRAND = "SELECT brand_id, NULL, count(*) FROM ({found}) AS found GROUP BY brand_id"
_KEYS = {
    "brand": "id, NULL",
    "campaign": "brand_id, id",
    "code": "brand_id + 0, campaign_id + 0",
    "job": "brand_id + 0, campaign_id + 0",
    "idempotency": "brand_id + 0, NULL",
    "redemption": "brand_id + 0, NULL",
}


def rows(table: str, condition: str) -> str:
    """Return a statement that finds rows for which `condition` is true."""
    counted = "undone_at" if table == "redemption" else "created_at"
    return _ROWS.format(keys=_KEYS[table], table=table, condition=condition, counted=counted)


def by_brand(found: str) -> str:
    """Return a statement that counts what a select finds, whose first column is a brand's id."""
    return _BY_BRAND.format(found=found)
