"""Idempotency keys of callers (draft-ietf-httpapi-idempotency-key-header).

A key belongs to its caller, the method and the path. It says that two requests are one, so
that a retry after a cut connection creates nothing twice.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

import orjson
from flask import request

from service.api.reply import Reply
from service.auth.authentication import current_caller
from service.domain.model import Idempotency

REPLAYED = "Idempotent-Replayed"


def idempotency(key: str | None, content: Any) -> Idempotency | None:
    """Tell the current request by the caller's `key` and by what it asks for, once parsed."""
    if key is None:
        return None
    caller = current_caller()
    owner = [caller.issuer, caller.subject, request.method, request.path, key]
    return Idempotency(_digest(owner), _digest(content))


def reply_once(
    content: Any, status: int, *, new: bool, headers: Sequence[tuple[str, str]] = ()
) -> Reply:
    """Reply, and say so where it is the answer of an earlier request."""
    return Reply(content, status, headers if new else ((REPLAYED, "true"), *headers))


def _digest(content: Any) -> bytes:
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).digest()
