"""Errors that end a benchmark, whose figures would mean nothing."""


class BenchmarkError(Exception):
    """The measurement is worthless; the message says why."""


class UnexpectedAnswerError(BenchmarkError):
    """A server gave an unexpected answer."""

    def __init__(self, about: str, received: bytes) -> None:
        super().__init__(f"unexpected answer about {about}: {received.decode(errors='replace')}")
