"""A history: every call of the clients with its times and its answer.

Times are seconds of the monotonic clock, which all threads of a machine share.
"""

import gzip
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from math import inf
from pathlib import Path
from typing import Any

DEFAULT = "default"
"""The campaign that is created with a brand."""


class Kind(StrEnum):
    """The kind of a call."""

    FETCH = "fetch"  # GET /v1/discount/fetch/{brand}/{user}
    PUT = "put"  # PUT C/reservations/{user}
    SHOW = "show"  # GET C/reservations/{user}
    CREATE = "create"  # POST /v1/discount/create
    ADD = "add"  # POST C/codes
    CODE = "code"  # GET C/codes/{code}
    COUNTS = "counts"  # GET C
    LIST = "list"  # GET C/codes, page by page; the answer is all items
    RULES = "rules"  # PUT C
    LOOK = "look"  # GET B/codes/{code}
    PATCH = "patch"  # PATCH C/codes/{code}
    RELEASE = "release"  # DELETE C/reservations/{user}
    HOLD = "hold"  # PUT B/codes/{code}/hold
    UNHOLD = "unhold"  # DELETE B/codes/{code}/hold
    REDEEM = "redeem"  # PUT B/codes/{code}/redemption
    REDEMPTION = "redemption"  # GET B/codes/{code}/redemption
    UNDO = "undo"  # DELETE B/codes/{code}/redemption
    WALLET = "wallet"  # GET B/users/{user}/codes; the answer is one page
    ERASE = "erase"  # DELETE B/users/{user}


RESERVES = frozenset({Kind.FETCH, Kind.PUT})
CREATES = frozenset({Kind.CREATE, Kind.ADD})


class CallFailure(StrEnum):
    """The reason why there is no answer."""

    REFUSED = "refused"  # no connection: the call was never sent
    CUT = "cut"  # the connection ended before the answer did
    TIMEOUT = "timeout"  # of the client


@dataclass(frozen=True, slots=True)
class Call:
    """One call, and its answer or failure."""

    client: str
    kind: Kind
    brand: str
    began: float
    ended: float
    campaign: str = DEFAULT
    user: str = ""
    code: str = ""
    count: int = 0
    key: str = ""
    """The Idempotency-Key, empty for none."""
    status: int = 0
    """0 where there is no answer."""
    failure: CallFailure | None = None
    body: bytes = b""
    replayed: bool = False
    """The answer says `Idempotent-Replayed: true`."""
    retry_after: bool = False
    """The answer has a `Retry-After`."""
    reference: str = ""
    """The caller's order, of holds and redemptions."""
    disabled: bool | None = None
    """What a PATCH sets."""
    end: float | None = None
    """The time of the `expires_at` that a PATCH sets; infinity for null."""
    ttl_s: int = 0
    """The seconds that a hold lasts."""
    take_over: bool = False
    rules: str = ""
    """The rules that are set, as JSON."""

    @property
    def pool(self) -> tuple[str, str]:
        return self.brand, self.campaign

    @property
    def holder(self) -> tuple[str, str, str]:
        return self.brand, self.campaign, self.user

    @property
    def done(self) -> bool:
        """Whether the effect certainly happened."""
        return 200 <= self.status < 300

    @property
    def unknown(self) -> bool:
        """Whether the effect is unknown: there is no answer, or an inconclusive one."""
        return self.failure in {CallFailure.CUT, CallFailure.TIMEOUT} or self.status >= 500

    @property
    def possible(self) -> bool:
        """Whether the effect may have happened."""
        return self.done or self.unknown

    @property
    def latest(self) -> float:
        """The time by which the effect has happened, if it has."""
        return inf if self.unknown else self.ended

    @property
    def content(self) -> Any:
        return json.loads(self.body)

    @property
    def slug(self) -> str:
        """The problem of the answer."""
        try:
            return str(self.content["type"]).removeprefix("/problems/")
        except (ValueError, TypeError, KeyError):
            return ""

    def __str__(self) -> str:
        numbers = (str(number or "") for number in (self.count, self.end, self.ttl_s))
        disabled = "" if self.disabled is None else f"disabled={self.disabled}"
        words = [self.user, self.code, self.reference, *numbers, disabled, self.key, self.rules]
        asked = " ".join(filter(None, words))
        got = self.failure or f"{self.status} {self.body[:300].decode(errors='replace').strip()}"
        return (
            f"[{self.began:.4f}-{self.ended:.4f}] {self.client} {self.kind} "
            f"{self.brand}/{self.campaign} {asked} -> {got}"
        )


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a code at the end."""

    brand: str
    campaign: str
    code: str
    state: str
    user: str | None
    created_at: int
    """Milliseconds since 1970; the codes of one create share it."""

    @property
    def holder(self) -> tuple[str, str, str]:
        return self.brand, self.campaign, self.user or ""

    @property
    def key(self) -> tuple[str, str]:
        return self.brand, self.code

    @property
    def pool(self) -> tuple[str, str]:
        return self.brand, self.campaign

    @property
    def erased(self) -> bool:
        """Whether a tombstone is in the place of its user, whose id never contains a slash."""
        return self.user is not None and self.user.startswith("/")


@dataclass(frozen=True, slots=True)
class RedemptionRow:
    """A reference of a code at the end."""

    brand: str
    code: str
    reference: str
    user: str | None
    undone: bool


@dataclass(frozen=True, slots=True)
class Disturbance:
    """A fault and its times."""

    name: str
    began: float
    ended: float


@dataclass(frozen=True, slots=True)
class History:
    """All data of a drill."""

    calls: Sequence[Call]
    rows: Sequence[Row] = ()
    brands: frozenset[str] = frozenset()
    """All brands of the database, also those without codes."""
    redemptions: Sequence[RedemptionRow] = ()
    rolls: Sequence[Disturbance] = ()
    """The rolling restarts, in which no call may be lost."""


def write(calls: Iterable[Call], path: Path) -> None:
    """Write the history as compressed NDJSON."""
    with gzip.open(path, "wt", encoding="utf-8", compresslevel=1) as file:
        for call in calls:
            fields = asdict(call).items()
            known = {name: value for name, value in fields if value or value is False}
            line = known | {"body": call.body.decode(errors="replace")}
            file.write(json.dumps(line) + "\n")
