"""Events of a selector, of which a turn of the event loop handles as many as it has time for."""

import time
from selectors import BaseSelector, SelectorKey


class EventQueue:
    """The events of a selector that are still to be handled, in their order.

    Args:
        selector: The selector, whose keys have the handlers of their events as data.
    """

    def __init__(self, selector: BaseSelector) -> None:
        self.selector = selector
        self._waiting: dict[int, SelectorKey] = {}
        """By their descriptors."""

    def __len__(self) -> int:
        """Return their number."""
        return len(self._waiting)

    def add(self, key: SelectorKey) -> None:
        """Add an event, unless it waits already."""
        self._waiting[key.fd] = key

    def poll(self, _selector: object = None) -> None:
        """Add all events there are, if none wait: they may be thousands, and are found again."""
        if not self._waiting:
            self._waiting = {key.fd: key for key, _ in self.selector.select(0)}

    def handle(self, seconds: float) -> None:
        """Handle events for so long."""
        ends = time.monotonic() + seconds
        while self._waiting and time.monotonic() < ends:
            self.call(self._waiting.pop(next(iter(self._waiting))))

    def call(self, key: SelectorKey) -> None:
        """Call the handler of an event, if it is still registered.

        An earlier handler may have closed the connection, whose descriptor may have another one.
        """
        if self.selector.get_map().get(key.fd) is key:
            key.data(key.fileobj)
