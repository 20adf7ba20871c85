"""Problem types (RFC 9457): status and texts of errors."""

from typing import NamedTuple

from service.domain.errors import ServiceError


class ProblemType(NamedTuple):
    """The type of a problem. Its texts never contain secrets."""

    error: type[ServiceError]
    slug: str
    """Part of the contract: the page `/problems/<slug>` explains the problem."""
    status: int
    """HTTP status code (RFC 9110, section 15)."""
    title: str
    meaning: str
    """For the problem's page: when it occurs. Also the default `detail`."""
    remedy: str
    """For the problem's page: what the caller should do."""
    shopper: str = "Something went wrong on our side. Please try again later."
    """For the problem's page: what a shopper may be told, if the call is made for one."""

    @property
    def uri(self) -> str:
        """The `type` of the problem, a relative URI."""
        return f"/problems/{self.slug}"
