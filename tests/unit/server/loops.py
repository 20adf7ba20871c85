"""A worker whose event loop runs turn by turn, in the test itself."""

from select import select

ROOM = 4
HALF_HEAD = b"GET /livez HTTP/1.1\r\nHost"


class Log:
    """A log that keeps its lines."""

    def __init__(self):
        self.lines = []

    def info(self, event, **fields):
        self.lines.append({"event": event, **fields})

    error = warning = info


def turn(worker):
    for _ in range(3):
        worker.wait_for_and_dispatch_events(0.01)


def is_answered(client):
    """Return whether a client has got an answer, or the end of the connection."""
    return bool(select([client], [], [], 0)[0])
