"""Files of commands are readable by their owner only, as they contain codes."""

import os
import stat

import pytest

from tests.support.engines import on_sqlite

pytestmark = on_sqlite


@pytest.fixture
def _open_to_all():
    """Work with a umask that removes no rights."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("_open_to_all")
def test_new_files_are_for_their_owner_alone(discount, tmp_path):
    for words in (
        ("db", "upgrade"),
        ("codes", "generate", "--brand", "b1", "--count", "1"),
        ("db", "backup", tmp_path / "discount.db-backup"),
    ):
        assert 0 == discount(*words).exit_code
    files = list(tmp_path.glob("discount.db*"))
    assert {"discount.db", "discount.db-backup"} <= {file.name for file in files}
    assert {0o600} == {stat.S_IMODE(file.stat().st_mode) for file in files}
