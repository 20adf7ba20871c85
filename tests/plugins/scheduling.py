"""The distribution of tests to the workers of pytest-xdist.

A file of tests that start processes goes to one worker, as its tests share what they start; all
others go to any free worker. `xdist_group` does not work: pytest 9.2 does not read what xdist 3.8
writes into a test's id for that, so each worker would start a service, or a drill, of its own.
"""

from pathlib import PurePosixPath

from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

LONGEST = ("monitoring", "history", "process", "browser", "blackbox", "deploy")
"""Folders of tests that start processes, the longest first."""


def folder_of(nodeid: str) -> str | None:
    """Return the folder of `LONGEST` that a test is in, however deep; `None` if it is in none."""
    path = PurePosixPath(nodeid.partition("::")[0])
    return next((part for part in reversed(path.parts[:-1]) if part in LONGEST), None)


class FileScheduling(LoadScopeScheduling):
    """Distributes files of `LONGEST` as a whole, and other tests individually.

    They come first, and mostly wait. The first worker begins at the end, with tests that compute,
    so that they share the processor's time.
    """

    def _assign_work_unit(self, node: WorkerController) -> None:
        if node is self.nodes[0]:
            self.workqueue.move_to_end(next(reversed(self.workqueue)), last=False)
        super()._assign_work_unit(node)

    def _split_scope(self, nodeid: str) -> str:
        return nodeid.partition("::")[0] if folder_of(nodeid) else nodeid
