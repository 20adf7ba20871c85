"""Conditional requests (RFC 9110, section 13): entity tags, and what callers expect of them."""

import hashlib
import re
from typing import Any

import orjson

from service.domain.errors import InputError, InvalidRequest, PreconditionFailed

_TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
_TAGS = re.compile(rf"\s*{_TAG}\s*(?:,\s*{_TAG}\s*)*")
ANY = "*"


def etag_of(content: Any) -> str:
    """Return the strong entity tag of a JSON value."""
    return f'"{hashlib.sha256(orjson.dumps(content)).hexdigest()[:32]}"'


def reservation_etag(code: str, version: int) -> str:
    """Return the entity tag of a reservation: another one of the user has another tag."""
    return f'"{hashlib.sha256(f"{code} {version}".encode()).hexdigest()[:32]}"'


def require_match(etag: str | None, if_match: str | None, if_none_match: str | None) -> None:
    """Require that a resource is what the caller expects.

    Args:
        etag: The present entity tag; `None` if there is no resource.
        if_match: The field `If-Match`.
        if_none_match: The field `If-None-Match`.

    Raises:
        PreconditionFailed: It is not.
        InvalidRequest: A field is malformed.
    """
    if if_match is not None and not _matches(etag, if_match, weak=False):
        raise PreconditionFailed
    if if_none_match is not None and _matches(etag, if_none_match, weak=True):
        raise PreconditionFailed


def _matches(etag: str | None, field: str, *, weak: bool) -> bool:
    """Return whether a field names the present entity tag; weak ones match only weakly."""
    if field.strip() == ANY:
        return etag is not None
    if not _TAGS.fullmatch(field):
        raise InvalidRequest([InputError("", "If-Match and If-None-Match have * or entity tags.")])
    tags = re.findall(_TAG, field)
    return etag in ([tag.removeprefix("W/") for tag in tags] if weak else tags)
