"""`discount run`: a supervisor that runs the server and a worker, and restarts them.

It is for machines without another supervisor of processes; Kubernetes has its own.
"""

import ctypes
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from structlog.typing import FilteringBoundLogger

BACK_OFF_S = (0.1, 1.0, 3.0, 10.0)
"""Delays before restarts of a process that dies repeatedly."""
WELL_AFTER_S = 10.0
"""Lifetime of a process after which the delays start from the beginning."""
BEGINS_WITHIN_S = 30.0
"""A process that fails sooner at its first start is not restarted: a setting is wrong."""
POLL_INTERVAL_S = 0.1
REPEATED_SIGNAL_AFTER_S = 1.0
"""A second signal is forwarded after this time; an earlier one is a duplicate, as make sends it."""
_ENDED_BY_SIGTERM = -signal.SIGTERM
"""The status of a child that SIGTERM ended before its handler was installed; later it is 0."""
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)


class Child:
    """A supervised process.

    Args:
        name: The name in the log.
        command: The command line.
    """

    def __init__(self, name: str, command: Sequence[str]) -> None:
        self.name = name
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = self._due_at = 0.0
        self._deaths = 0

    def keep(self, log: FilteringBoundLogger) -> int | None:
        """Start the process if it does not run; return its status if it failed to start."""
        now = time.monotonic()
        if self._process is None:
            if now >= self._due_at:
                self._start(now)
            return None
        status = self._process.poll()
        if status is None:
            return None
        lived_s, first = now - self._started_at, self._due_at == 0.0
        if first and status > 0 and lived_s < BEGINS_WITHIN_S:
            return status
        self._deaths = 1 if lived_s >= WELL_AFTER_S else self._deaths + 1
        rest_s = BACK_OFF_S[min(self._deaths, len(BACK_OFF_S)) - 1]
        log.error("process_died", process=self.name, status=status, again_in_s=rest_s)
        self._process, self._due_at = None, now + rest_s
        return None

    def send_signal(self, signum: int) -> None:
        """Send a signal to the process, if it runs."""
        if self._process is not None:
            self._process.send_signal(signum)

    def end(self) -> int | None:
        """Return the exit status, `None` while the process runs, and 0 if there is none."""
        return self._process.poll() if self._process is not None else 0

    def _start(self, now: float) -> None:
        """Start the process in its own group, so that Ctrl-C only reaches the supervisor."""
        self._started_at = now
        self._process = subprocess.Popen(  # noqa: S603 - the command is ours
            self._command,
            process_group=0,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - we have no threads
        )


class Supervisor:
    """A supervisor that keeps processes running until SIGTERM or SIGINT.

    Args:
        children: The processes.
        log: Logs deaths.
        announce: Called repeatedly, until it returns whether it has said that the service is ready.
    """

    def __init__(
        self,
        children: Sequence[Child],
        log: FilteringBoundLogger,
        announce: Callable[[], bool] = lambda: True,
    ) -> None:
        self._children = children
        self._log = log
        self._announce = announce
        self._stop_requested_at: float | None = None
        self._signal_due = False

    def run(self) -> int:
        """Run all processes; return 0, or the exit status of one that failed."""
        for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(signum, lambda *_: self._request_stop())
        status, announced = 0, False
        while self._stop_requested_at is None:
            for child in self._children:
                status = status or child.keep(self._log) or 0
            if status:
                self._request_stop()
            announced = announced or self._announce()
            time.sleep(POLL_INTERVAL_S)
        while None in (ends := [child.end() for child in self._children]):
            if self._signal_due:
                self._signal_due = False
                for child in self._children:
                    child.send_signal(signal.SIGTERM)
            time.sleep(POLL_INTERVAL_S)
        return next((abs(end) for end in (status, *ends) if end and end != _ENDED_BY_SIGTERM), 0)

    def _request_stop(self) -> None:
        """Note that the supervisor is to stop.

        The loop sends the signals: a child may just be starting.
        """
        now = time.monotonic()
        before = self._stop_requested_at
        if before is None or now - before > REPEATED_SIGNAL_AFTER_S:
            self._stop_requested_at = now
            self._signal_due = True


def _die_with_parent() -> None:
    """Let the child end with the supervisor, on Linux."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGTERM)
