"""The document that the processes of a service share."""

import os

import pytest

from service.auth.keys.fetch import MAX_BYTES
from service.auth.keys.shared_document import SharedDocument
from tests.unit.auth.keys.rings import kids, until


class TestHandingDown:
    """A worker that replaces a dead one must know what its siblings know."""

    def test_a_process_forked_during_an_outage_has_the_last_good_set(self, issuer, ring_from):
        calls: list[None] = []

        def fetch_document():
            calls.append(None)
            if len(calls) > 1:
                raise OSError
            return issuer.document()

        ring = ring_from(fetch_document)
        in_child(lambda: until(lambda: kids(ring) == {"k1"}) or 0)
        calls.append(None)
        assert 0 == in_child(lambda: 0 if kids(ring) == {"k1"} else 1)

    def test_what_is_not_whole_is_not_there(self):
        left = SharedDocument()
        assert left.get() is None
        left.put(b"document")
        assert b"document" == left.get()
        left.memory[40] ^= 1
        assert left.get() is None
        left.memory[32:36] = b"\xff" * 4
        assert left.get() is None
        left.put(b"x" * MAX_BYTES)
        assert b"x" * MAX_BYTES == left.get()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def in_child(run):
    """Run something in a forked process, and return its status."""
    pid = os.fork()
    if pid == 0:
        status = 70
        try:
            status = run()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
