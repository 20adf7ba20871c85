"""The folder of the memory-mapped counter files that several processes share.

prometheus-client needs to know the folder before it is imported, so this module does not import it.
The server's processes hold the folder's lock as long as one of them lives, so that the next server
recognises and removes the folder of a killed one.
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
"""Age at which an unlocked folder is abandoned: its owner locks it after creating it."""


def shared_memory() -> Path:
    """Return a folder in memory, if there is one, for files with frequent writes."""
    in_memory = "TMPDIR" not in os.environ and os.access(_MEMORY, os.W_OK)
    return _MEMORY if in_memory else Path(tempfile.gettempdir())


def make_folder() -> Path:
    """Create this server's folder, and set its environment variable."""
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
    """Remove the folders of servers that have ended."""
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
