"""Calls over real HTTP, each recorded with its times, request and answer."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.support.tokens import ALL_SCOPES, token
from tests.tools.history.connection import Address, Answer, CallError, Connection, request
from tests.tools.history.history import DEFAULT, Call, Kind

DAY_S = 24 * 60 * 60
PAGE = 50
"""Small pages, so that a traversal has several."""

Where = Callable[[], Address]
"""Returns the replica to call now."""


class Recorder:
    """One client: it calls one thing after the other, and keeps all that it saw.

    Args:
        name: The client's.
        where: Tells the address of a replica.
        keep: Takes each call, answered or not.
    """

    def __init__(self, name: str, where: Where, keep: Callable[[Call], None]) -> None:
        self.name = name
        self._where = where
        self._keep = keep
        self._token = token(sub=name, scope=ALL_SCOPES, exp=int(time.time()) + DAY_S)
        self._connection: Connection | None = None

    def fetch(self, brand: str, user: str, timeout: float) -> Call:
        """Reserve with the GET."""
        call = self._new(Kind.FETCH, brand, user=user)
        return self._make(call, "GET", f"/v1/discount/fetch/{brand}/{user}", timeout)

    def put(self, brand: str, user: str, timeout: float) -> Call:
        """Reserve with the PUT."""
        call = self._new(Kind.PUT, brand, user=user)
        return self._make(call, "PUT", f"{campaign_path(call)}/reservations/{user}", timeout)

    def show(self, brand: str, user: str, timeout: float) -> Call:
        """Show a user's reservation."""
        call = self._new(Kind.SHOW, brand, user=user)
        return self._make(call, "GET", f"{campaign_path(call)}/reservations/{user}", timeout)

    def create(self, brand: str, count: int, key: str, timeout: float) -> Call:
        """Create with `POST /v1/discount/create`; an empty key is none."""
        call = self._new(Kind.CREATE, brand, count=count, key=key)
        body = {"brand": brand, "number_to_create": count}
        return self._make(call, "POST", "/v1/discount/create", timeout, body)

    def add(
        self, brand: str, count: int, key: str, timeout: float, campaign: str = DEFAULT
    ) -> Call:
        """Create with `POST C/codes`; an empty key is none."""
        call = replace(self._new(Kind.ADD, brand, count=count, key=key), campaign=campaign)
        return self._make(
            call, "POST", f"{campaign_path(call)}/codes", timeout, {"number_to_create": count}
        )

    def code(self, brand: str, code: str, timeout: float) -> Call:
        """Look a code up."""
        call = self._new(Kind.CODE, brand, code=code)
        return self._make(call, "GET", f"{campaign_path(call)}/codes/{code}", timeout)

    def counts(self, brand: str, timeout: float) -> Call:
        """Look a campaign up."""
        call = self._new(Kind.COUNTS, brand)
        return self._make(call, "GET", campaign_path(call), timeout)

    def list(self, brand: str, timeout: float) -> Call:
        """List a campaign's codes, page by page; the one call recorded has every item."""
        began = time.monotonic()
        items: list[Any] = []
        cursor = ""
        while True:
            call = self._new(Kind.LIST, brand)
            path = f"{campaign_path(call)}/codes?limit={PAGE}{cursor}"
            page = self._send(call, request("GET", path, self._token), timeout)
            if not page.done:
                break
            items += page.content["items"]
            if page.content["next_cursor"] is None:
                page = replace(page, body=json.dumps(items).encode())
                break
            cursor = f"&cursor={page.content['next_cursor']}"
        whole = replace(page, began=began)
        self._keep(whole)
        return whole

    def close(self) -> None:
        """Close the connection."""
        if self._connection:
            self._connection.close()
            self._connection = None

    def _new(self, kind: Kind, brand: str, **asked: Any) -> Call:
        return Call(self.name, kind, brand, 0.0, 0.0, **asked)

    def _make(
        self, call: Call, method: str, path: str, timeout: float, body: object = None
    ) -> Call:
        content = b"" if body is None else json.dumps(body).encode()
        made = self._send(call, request(method, path, self._token, content, call.key), timeout)
        self._keep(made)
        return made

    def _send(self, call: Call, sent: bytes, timeout: float) -> Call:
        connection = self._connected()
        began = time.monotonic()
        try:
            answer = connection.call(sent, timeout)
        except CallError as error:
            return replace(call, began=began, ended=time.monotonic(), failure=error.failure)
        return answered(call, began, answer)

    def _connected(self) -> Connection:
        """Stay with a replica for as long as it is ready."""
        address = self._where()
        if self._connection is None or self._connection.address != address:
            self.close()
            self._connection = Connection(address)
        return self._connection


def answered(call: Call, began: float, answer: Answer) -> Call:
    """Record the answer to a call."""
    return replace(
        call,
        began=began,
        ended=time.monotonic(),
        status=answer.status,
        body=answer.body,
        replayed=b"\r\nidempotent-replayed: true" in answer.head,
        retry_after=b"\r\nretry-after: " in answer.head,
    )


def campaign_path(call: Call) -> str:
    """Return the path of the campaign that a call is about."""
    return f"/v1/brands/{call.brand}/campaigns/{call.campaign}"
