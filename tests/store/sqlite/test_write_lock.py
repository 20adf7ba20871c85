"""The file of SQLite's writers also shows whether its file system can be written."""

import subprocess

from service.store.sqlite.write_lock import WriteLock
from tests.tools.monitoring.surroundings import small_disk


def test_a_read_only_file_system_is_noticed_and_nothing_is_written():
    with small_disk("1m") as disk:
        lock = WriteLock(disk / "writers")
        assert not lock.is_read_only()
        assert 0 == (disk / "writers").stat().st_size
        subprocess.run(["/bin/mount", "-o", "remount,ro", disk], check=True)
        assert lock.is_read_only()


def test_a_file_of_another_user_says_nothing_about_the_file_system(tmp_path):
    """Writers do without their lock then; a folder stands for what cannot be opened."""
    assert not WriteLock(tmp_path).is_read_only()
