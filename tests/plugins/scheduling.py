"""How pytest-xdist deals tests out to its workers.

A file of tests that start processes goes to one worker, as its tests share what they start; all
others go wherever somebody is free. Not by `xdist_group`: pytest 9.2 does not read what xdist 3.8
writes into a test's id for that, so each worker would start a service, or a drill, of its own.
"""

from pathlib import PurePosixPath

from xdist.scheduler import LoadScopeScheduling

LONGEST = ("monitoring", "history", "process", "browser", "blackbox", "deploy")
"""Folders of tests that start processes; what waits longest begins first."""


def folder_of(nodeid: str) -> str | None:
    """Return the folder of `LONGEST` that a test is in, however deep; `None` if it is in none."""
    path = PurePosixPath(nodeid.partition("::")[0])
    return next((part for part in reversed(path.parts[:-1]) if part in LONGEST), None)


class FileScheduling(LoadScopeScheduling):
    """Deals out files of `LONGEST` whole, and other tests one by one."""

    def _split_scope(self, nodeid: str) -> str:
        return nodeid.partition("::")[0] if folder_of(nodeid) else nodeid
