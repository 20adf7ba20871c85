from importlib.util import find_spec

from tests.support.forked import PRELOADED


def test_what_is_imported_before_a_fork_is_there():
    """The fork server ignores failed imports, which each process would repeat."""
    assert all(find_spec(name) for name in PRELOADED if name != "__main__")
