"""A kind of problem (RFC 9457): what a caller reads of an error, and under which status."""

from typing import NamedTuple

from service.domain.errors import ServiceError


class ProblemType(NamedTuple):
    """How an error leaves the service. The texts never hold what the service keeps secret."""

    error: type[ServiceError]
    slug: str
    """Part of the contract: it names the page `/problems/<slug>` that explains it."""
    status: int
    """HTTP status code (RFC 9110, section 15)."""
    title: str
    meaning: str
    """For the problem's page: when this happens. Also the `detail` of a problem without another."""
    remedy: str
    """For the problem's page: what the caller should do."""

    @property
    def uri(self) -> str:
        """Its `type`, relative to where the service is."""
        return f"/problems/{self.slug}"
