"""Files of tests that start processes stay together, at any depth."""

import pytest

from tests.plugins.scheduling import folder_of


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
