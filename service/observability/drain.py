"""Draining: a server that has to stop reports "not ready" for a while first.

Load balancers (such as a Kubernetes Service) ask `/readyz` every few seconds. Until they have asked
again, calls still arrive and must be served; so readiness fails first, and the listener closes
later.
"""

import mmap


class Drain:
    """A flag for "about to stop", shared with the processes that are forked later."""

    def __init__(self) -> None:
        self._flag = mmap.mmap(-1, 1)  # anonymous and shared: a fork sees the same byte

    @property
    def begun(self) -> bool:
        """Whether the server is about to stop."""
        return self._flag[0] != 0

    def begin(self) -> None:
        """Set the flag for all processes of the server."""
        self._flag[0] = 1

    def why_not_ready(self) -> str | None:
        """Return "draining" while the server drains."""
        return "draining" if self.begun else None
