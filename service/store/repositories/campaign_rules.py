"""The rules of campaigns, in columns."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

import orjson
from sqlalchemy import Connection, select, update

from service.domain.campaigns import OnLapse, OnRelease, RedeemBy, Rules
from service.domain.code_formats import CodeFormat
from service.store.tables import campaign
from service.usecases.keys import PoolKey

RULES = tuple(each.name for each in fields(Rules))
"""The columns of the rules."""
_PLAIN = ("discount", "low_at", "metadata")
_JSON = (*_PLAIN, "code_format")
_FLAGS = ("reserved_events", "paused", "archived")


def find_rules(connection: Connection, pool: PoolKey, *, lock: bool = False) -> Rules:
    """Return the rules of a campaign; `lock` makes others that change them wait."""
    own = (campaign.c.brand_id == pool.brand_id) & (campaign.c.id == pool.campaign_id)
    statement = select(*(campaign.c[name] for name in RULES)).where(own)
    statement = statement.with_for_update() if lock else statement
    return rules_of({**connection.execute(statement).mappings().one()})


def set_rules(connection: Connection, pool: PoolKey, rules: Rules) -> None:
    """Replace the rules of a campaign."""
    own = (campaign.c.brand_id == pool.brand_id) & (campaign.c.id == pool.campaign_id)
    changed = {**_columns_of(rules), "version": campaign.c.version + 1}
    connection.execute(update(campaign).where(own).values(changed))


def format_of(text: str | None) -> CodeFormat | None:
    """Return the format of codes in a column."""
    return CodeFormat(**orjson.loads(text)) if text else None


def rules_of(row: Mapping[str, Any]) -> Rules:
    """Return the rules in the columns of a campaign, as SQLAlchemy or a driver returns them."""
    values: dict[str, Any] = {name: row[name] for name in RULES}
    values |= {name: orjson.loads(values[name] or "null") for name in _PLAIN}
    values |= {name: bool(values[name]) for name in _FLAGS}
    return Rules(
        **values
        | {
            "on_lapse": OnLapse(values["on_lapse"]),
            "on_release": OnRelease(values["on_release"]),
            "redeem_by": RedeemBy(values["redeem_by"]),
            "code_format": format_of(row["code_format"]),
            "low_at": tuple(values["low_at"]),
        }
    )


def _columns_of(rules: Rules) -> dict[str, Any]:
    values = asdict(rules)
    values |= {name: orjson.dumps(values[name]).decode() for name in _JSON}
    for name in ("discount", "code_format"):
        if values[name] == "null":
            values[name] = None
    return values
