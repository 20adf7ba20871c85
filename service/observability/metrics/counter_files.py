"""Where the counters of several processes meet: a folder of files that are mapped to memory.

prometheus-client wants to know the folder before it is imported, so this imports nothing of
it. The folder's lock is held by the server's processes as long as one of them lives, so that
the folder of a server that was killed is known for what it is, and taken away by the next.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from pathlib import Path

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
PREFIX = "discount-metrics-"
_MEMORY = Path("/dev/shm")  # noqa: S108 - what is made there gets a name of its own
_GRACE_S = 60
"""Age from which a folder without a lock is nobody's: its owner locks it after making it."""


def shared_memory() -> Path:
    """Return where files are in memory, if there is such a place: they are written to a lot."""
    in_memory = "TMPDIR" not in os.environ and os.access(_MEMORY, os.W_OK)
    return _MEMORY if in_memory else Path(tempfile.gettempdir())


def make_folder() -> Path:
    """Make this server's folder, and name it in the environment."""
    mine = f"{PREFIX}{os.getpid()}-"
    _sweep(shared_memory())
    try:
        folder = Path(tempfile.mkdtemp(prefix=mine, dir=shared_memory()))
    except OSError:  # full
        folder = Path(tempfile.mkdtemp(prefix=mine))
    fcntl.flock(os.open(folder, os.O_RDONLY), fcntl.LOCK_EX)
    os.environ[VARIABLE] = str(folder)
    return folder


def _sweep(place: Path) -> None:
    """Take away the folders of servers that are gone."""
    for folder in place.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            if time.time() - folder.stat().st_mtime > _GRACE_S:
                _remove_unless_locked(folder)


def _remove_unless_locked(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder)
    finally:
        os.close(handle)
