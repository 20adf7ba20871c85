"""The caller that a token stands for, and what it may do."""

from dataclasses import dataclass
from enum import StrEnum

from service.domain.errors import AuthRefusal, BrandNotFound, Forbidden


class Scope(StrEnum):
    """What a token can allow (RFC 6749, section 3.3)."""

    CREATE = "discounts:create"
    RESERVE = "discounts:reserve"
    READ = "discounts:read"
    EXPORT = "discounts:export"


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated internal service."""

    issuer: str
    subject: str
    scopes: frozenset[str]
    brands: frozenset[str] | None
    """Names of the brands it may know of; `None`: all."""

    def authorize(self, scope: Scope, brand: str | None) -> None:
        """Let the caller go on if its token has the scope, and names the brand of the call.

        Raises:
            Forbidden: It has not the scope.
            BrandNotFound: It does not name the brand.
        """
        self.require_scope(scope)
        if brand is not None:
            self.require_brand(brand)

    def require_scope(self, scope: Scope) -> None:
        """Let the caller go on if its token has the scope.

        Raises:
            Forbidden: It has not.
        """
        if scope not in self.scopes:
            raise Forbidden(scope)

    def require_brand(self, brand: str) -> None:
        """Let the caller go on if its token names the brand.

        Raises:
            BrandNotFound: It does not; whether the brand exists is none of its business.
        """
        if self.brands is not None and brand not in self.brands:
            raise BrandNotFound(refusal=AuthRefusal.BRAND)
