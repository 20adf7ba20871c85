"""The drain: a server that is told to stop says so for a while before it does.

Whoever sends calls (a Kubernetes Service, a load balancer) asks `/readyz` every few seconds.
Until it has asked again, calls still come, and must be served; so readiness says no first,
and the listener closes later.
"""

import mmap


class Drain:
    """Whether the server is about to stop, shared with the processes that are forked later."""

    def __init__(self) -> None:
        self._flag = mmap.mmap(-1, 1)  # anonymous and shared: a fork sees the same byte

    @property
    def begun(self) -> bool:
        """Whether the server is about to stop."""
        return self._flag[0] != 0

    def begin(self) -> None:
        """Tell all processes of the server."""
        self._flag[0] = 1

    def why_not_ready(self) -> str | None:
        """Say that no more calls should come, once they should not."""
        return "draining" if self.begun else None
