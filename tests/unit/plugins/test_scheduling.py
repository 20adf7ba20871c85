"""Files of tests that start processes stay together, at any depth, and beside other tests."""

from types import SimpleNamespace

import pytest

from tests.plugins.scheduling import FileScheduling, folder_of


@pytest.mark.parametrize(
    ("nodeid", "folder"),
    [
        ("tests/process/test_leftovers.py::test_one", "process"),
        ("tests/process/worker/test_worker.py::test_one[sqlite]", "process"),
        ("tests/api/blackbox/test_jobs.py::test_one", "blackbox"),
        ("tests/store/jobs/test_leases.py::test_one", None),
        ("tests/unit/test_process.py::test_one", None),
    ],
)
def test_a_test_belongs_to_the_folder_above_it(nodeid, folder):
    assert folder == folder_of(nodeid)


class Worker:
    """Keeps the numbers of the tests that it is given."""

    gateway = SimpleNamespace(id="worker")
    shutting_down = False

    def __init__(self):
        self.given = []

    def send_runtest_some(self, numbers):
        self.given += numbers


class Config:
    """Options of pytest-xdist for two workers."""

    option = SimpleNamespace(loadscopereorder=False)

    def getvalue(self, _name):
        return ["2*popen"]


def test_one_worker_computes_while_the_others_wait():
    scheduling = FileScheduling(Config())
    workers = [Worker(), Worker()]
    files = [f"tests/process/test_{name}.py::test_it" for name in "abc"]
    for worker in workers:
        scheduling.add_node(worker)
        scheduling.add_node_collection(worker, [*files, *(f"tests/a.py::{n}" for n in range(3))])
    scheduling.schedule()
    assert [[5, 4], [0, 1]] == [worker.given for worker in workers]
