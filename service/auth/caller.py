"""The caller that a token stands for, and its permissions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from service.domain.errors import AuthRefusal, BrandNotFound, Forbidden


class Scope(StrEnum):
    """The scopes of access tokens (RFC 6749, section 3.3)."""

    CREATE = "discounts:create"
    RESERVE = "discounts:reserve"
    READ = "discounts:read"
    EXPORT = "discounts:export"
    MANAGE = "discounts:manage"
    REDEEM = "discounts:redeem"
    AUDIT = "discounts:audit"


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated internal service."""

    issuer: str
    subject: str
    scopes: frozenset[str]
    brands: frozenset[str] | None
    """The brands that it may access; `None`: all."""

    def authorize(self, scopes: Sequence[Scope], brand: str | None) -> None:
        """Require one of the scopes, and the brand of the call if it has one.

        Raises:
            Forbidden: The token lacks all of them.
            BrandNotFound: The token does not name the brand.
        """
        if self.scopes.isdisjoint(scopes):
            raise Forbidden(*scopes)
        if brand is not None:
            self.require_brand(brand)

    def require_scope(self, scope: Scope) -> None:
        """Require a scope.

        Raises:
            Forbidden: The token lacks it.
        """
        if scope not in self.scopes:
            raise Forbidden(scope)

    def require_brand(self, brand: str) -> None:
        """Require a token that names the brand.

        Raises:
            BrandNotFound: It does not; the caller may not learn whether the brand exists.
        """
        if self.brands is not None and brand not in self.brands:
            raise BrandNotFound(refusal=AuthRefusal.BRAND)


Authenticate = Callable[[str], Caller]
"""Returns the caller that an `Authorization` field names, or raises a `ServiceError`."""
