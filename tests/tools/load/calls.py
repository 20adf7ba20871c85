"""The measured calls of one server, and its answers to users."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count, cycle
from random import Random

from tests.tools.load.client import CONNECTIONS, Request, Slice, drive
from tests.tools.load.errors import BenchmarkError
from tests.tools.load.pools import holder
from tests.tools.load.reports.measures import Load
from tests.tools.load.servers import Server, tokens

HELD = 1000
"""Users who hold a code before repeats are measured."""
PAGE = 100
"""Codes on a page of a list."""
MIXED = 10
"""One in so many reservations is new in the mix of new and repeated ones."""
_LONGEST_S = 60
_MANY, _FEW = 100, 8
"""Connections for creates of many codes: the naive service takes seconds for one."""
_users = count()


@dataclass
class Calls:
    """Measurements of one server, with its answers."""

    server: Server
    answered: dict[str, dict[str, str]] = field(default_factory=dict)
    """The code that each user got, by brand."""
    created: dict[str, set[str]] = field(default_factory=dict)
    """The codes of each brand in answers to creations."""
    answered_twice: list[str] = field(default_factory=list)
    """Users who got two codes."""
    _heads: list[str] = field(default_factory=lambda: tokens(CONNECTIONS))

    def new(self, name: str, brand: str, most: int) -> Load:
        """Measure new reservations; `{}` in the brand's name stands for the round."""
        return Load(name, self.server, lambda turn: self._new(brand.format(turn)), self.take, most)

    def repeated(self, name: str, brand: str) -> Load:
        """Measure repeated reservations of the codes that `hold` reserved."""
        return Load(name, self.server, lambda turn: self._repeated(brand, turn), self.take)

    def mixed(self, name: str, held: str, fresh: str, most: int) -> Load:
        """Measure nine repeated reservations for each new one."""

        def both(turn: int) -> Iterator[Request]:
            again, first = self._repeated(held, turn), self._new(fresh.format(turn))
            return (next(again if n % MIXED else first) for n in count())

        return Load(name, self.server, both, self.take, most)

    def hold(self, brand: str) -> None:
        """Reserve codes for `HELD` users."""
        self.take(drive(self.server.port, self._new(brand), _LONGEST_S, most=HELD))

    def create(self, name: str, brand: str, number: int) -> Load:
        """Measure creating codes; each must be new."""
        body = json.dumps({"brand": brand, "number_to_create": number})
        path = "/v1/discount/create"
        asked = [(brand, self._send("POST", path, body, n)) for n in range(CONNECTIONS)]
        made = self.created.setdefault(brand, set())

        def check(took: Slice) -> None:
            before = len(made)
            for _, codes in took.answers:
                made.update(json.loads(codes))
            if len(made) - before != number * len(took.answers):
                raise BenchmarkError("a code was created twice, or not at all")

        asking = CONNECTIONS if number < _MANY else _FEW
        return Load(name, self.server, lambda _: cycle(asked), check, connections=asking)

    def pages(self, name: str, brand: str, cursor: str | None = None) -> Load:
        """Measure pages of a listing, the first one or the one after a cursor."""
        path = f"/v1/brands/{brand}/campaigns/default/codes?limit={PAGE}"
        if cursor:
            path += f"&cursor={cursor}"

        def check(took: Slice) -> None:
            if any(len(json.loads(body)["items"]) != PAGE for _, body in took.answers):
                raise BenchmarkError("a page is not full")

        asked = [(brand, self._get(path, turn)) for turn in range(CONNECTIONS)]
        return Load(name, self.server, lambda _: cycle(asked), check)

    def redeem(self, name: str, brand: str, codes: Sequence[str], most: int) -> Load:
        """Measure redemptions of codes that were reserved, each by an order of its own."""
        left = iter(codes)

        def requests() -> Iterator[Request]:
            for turn, code in enumerate(left):
                body = json.dumps({"reference": f"order of {code}", "user": holder(code)})
                path = f"/v1/brands/{brand}/codes/{code}/redemption"
                yield code, self._send("PUT", path, body, turn)

        return Load(name, self.server, lambda _: requests(), check_code, most, wanted=(201,))

    def look_up(self, name: str, brand: str, codes: Sequence[str]) -> Load:
        """Measure look-ups of codes without their campaign."""
        asked = [
            (code, self._get(f"/v1/brands/{brand}/codes/{code}", turn))
            for turn, code in enumerate(codes)
        ]
        return Load(name, self.server, lambda _: cycle(asked), check_code)

    def take(self, took: Slice) -> None:
        """Record the answers to users, who must always get the same code."""
        for about, body in took.answers:
            brand, user = about.split("/")
            code = json.loads(body)["discount_code"]
            if self.answered.setdefault(brand, {}).setdefault(user, code) != code:
                self.answered_twice.append(about)

    def _new(self, brand: str) -> Iterator[Request]:
        return (self._ask(brand, f"u{next(_users)}") for _ in count())

    def _repeated(self, brand: str, turn: int) -> Iterator[Request]:
        users = sorted(self.answered[brand])
        Random(turn).shuffle(users)  # noqa: S311 - no secret
        return (self._ask(brand, user) for user in cycle(users))

    def _ask(self, brand: str, user: str) -> Request:
        path = f"/v1/discount/fetch/{brand}/{user}"
        return f"{brand}/{user}", self._get(path, hash(user))

    def _get(self, path: str, turn: int) -> bytes:
        """Encode a GET of one of the callers."""
        head = self._heads[turn % CONNECTIONS]
        return f"GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: {head}\r\n\r\n".encode()

    def _send(self, method: str, path: str, body: str, turn: int) -> bytes:
        """Encode a call with a JSON body of one of the callers."""
        return (
            f"{method} {path} HTTP/1.1\r\nHost: bench\r\n"
            f"Authorization: {self._heads[turn % CONNECTIONS]}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        ).encode()


def check_code(took: Slice) -> None:
    """Check that each answer is about the code of its call.

    Raises:
        BenchmarkError: One is not.
    """
    if any(json.loads(body)["code"] != code for code, body in took.answers):
        raise BenchmarkError("an answer is about another code")
