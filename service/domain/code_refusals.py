"""Refusals of a code at a checkout: each tells the state of the code."""

from service.domain.errors import ServiceError


class RedemptionUndone(ServiceError):
    """The reference's redemption was undone, perhaps before it arrived."""


class CodeRedeemed(ServiceError):
    """The code is redeemed."""


class CodeDisabled(ServiceError):
    """The code is disabled."""


class CodeHeld(ServiceError):
    """Another checkout holds the code."""

    def __init__(self, retry_after: int = 900) -> None:
        """Create an error that names the seconds until the hold ends."""
        super().__init__()
        self.retry_after = retry_after


class NotTheHolder(ServiceError):
    """The code is another user's."""


class NotReserved(ServiceError):
    """The code has no holder."""


class AlreadyHolds(ServiceError):
    """The user holds another code of the campaign."""


class NotYetValid(ServiceError):
    """The campaign's codes cannot be redeemed yet."""


class CodeExpired(ServiceError):
    """The code has expired."""
