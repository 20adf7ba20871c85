"""The space into which an SQLite database may grow."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from service.store.sqlite.space import CHECKPOINTED_BYTES
from tests.support.engines import on_sqlite

FREE = 4_096_000


@on_sqlite
@pytest.mark.own_database
def test_what_the_log_takes_of_the_disk_is_room_for_the_log(database, database_url, monkeypatch):
    """Otherwise a disk that was filled once would stay too full, however much is deleted."""
    disk = SimpleNamespace(f_bavail=FREE // 4096, f_frsize=4096)
    monkeypatch.setattr("service.store.sqlite.space.os.statvfs", lambda _: disk)
    with database.transaction() as connection:
        connection.exec_driver_sql("CREATE TABLE written (number INTEGER)")
    log = Path(f"{database_url.removeprefix('sqlite:///')}-wal")
    assert (FREE + log.stat().st_size, 0) == database.space()
    with log.open("ab") as file:
        file.truncate(100 * CHECKPOINTED_BYTES)  # as if a reader prevented its checkpoint
    assert (FREE + CHECKPOINTED_BYTES, 0) == database.space()
