"""What ends a benchmark: its figures would mean nothing."""


class BenchmarkError(Exception):
    """The measurement is worthless; the message says why."""


class UnexpectedAnswerError(BenchmarkError):
    """A server answered something else than was asked for."""

    def __init__(self, about: str, received: bytes) -> None:
        super().__init__(f"unexpected answer about {about}: {received.decode(errors='replace')}")
