"""Files of keys and secrets are reloaded when they change, however they are changed."""

import os
import threading

import pytest

from service.auth.keys.file_watcher import WatchedFiles
from service.settings import SettingsError


class Log:
    def __init__(self):
        self.lines = []

    def info(self, event, **fields):
        self.lines.append((event, fields))

    warning = info

    @property
    def events(self):
        return [event for event, _ in self.lines]


@pytest.fixture
def log():
    return Log()


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "file"
    path.write_text("one")
    return path


@pytest.fixture
def watched(file, log):
    def read():
        text = file.read_text()
        if text.startswith("bad"):
            raise SettingsError("It is bad.")
        return text

    return WatchedFiles(read, {"NAME": file, "NOT_SET": None}, log, every_s=0)


def in_place(file, text):
    file.write_text(text)


def by_renaming(file, text):
    draft = file.with_name("draft")
    draft.write_text(text)
    draft.replace(file)


def by_renaming_with_the_same_times(file, text):
    times = file.stat()
    draft = file.with_name("draft")
    draft.write_text(text)
    os.utime(draft, ns=(times.st_atime_ns, times.st_mtime_ns))
    draft.replace(file)


def by_removing_first(file, text):
    file.unlink()
    file.write_text(text)


WAYS = [in_place, by_renaming, by_renaming_with_the_same_times, by_removing_first]


@pytest.mark.parametrize("change", WAYS)
def test_a_change_is_noticed(watched, file, log, change):
    assert "one" == watched()
    change(file, "two!")
    assert "two!" == watched()
    change(file, "six!")
    os.utime(file, (1, 1))  # in place, the same size within one tick of the clock
    assert "six!" == watched()
    assert ["keys_renewed"] * 2 == log.events


def test_kubernetes_swaps_a_link_above_the_file(tmp_path, log):
    """A Secret's volume: file -> ..data/file, ..data -> a folder; ..data is replaced."""
    for version in ("v1", "v2"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "file").write_text(version)
    (tmp_path / "..data").symlink_to("v1")
    (tmp_path / "file").symlink_to("..data/file")
    watched = WatchedFiles(
        (tmp_path / "file").read_text, {"NAME": tmp_path / "file"}, log, every_s=0
    )
    assert "v1" == watched()
    (tmp_path / "..new").symlink_to("v2")
    (tmp_path / "..new").replace(tmp_path / "..data")
    assert "v2" == watched()


def test_how_long_a_content_is_bad_is_known_to_all_processes(watched, file):
    assert 0.0 == watched.failing_since.elapsed_s()
    by_renaming(file, "bad")
    child = os.fork()
    if child == 0:
        watched()
        os._exit(0)
    os.waitpid(child, 0)
    before = watched.failing_since.elapsed_s()
    assert before > 0.0
    watched()
    assert watched.failing_since.elapsed_s() > before
    by_renaming(file, "good")
    watched()
    assert 0.0 == watched.failing_since.elapsed_s()


def test_invalid_content_is_logged_once_and_the_last_valid_one_stays(watched, file, log):
    by_renaming(file, "bad")
    assert ["one"] * 3 == [watched() for _ in range(3)]
    file.unlink()
    assert ["one"] * 3 == [watched() for _ in range(3)]
    by_renaming(file, "one")
    assert "one" == watched()
    by_renaming(file, "two")
    assert "two" == watched()
    assert [
        ("keys_not_renewed", {"settings": ["NAME"], "reason": "It is bad."}),
        ("keys_not_renewed", {"settings": ["NAME"], "reason": "FileNotFoundError"}),
        ("keys_renewed", {"settings": ["NAME"]}),
    ] == log.lines


def test_files_are_checked_no_more_often_than_documented(file, log):
    watched = WatchedFiles(file.read_text, {"NAME": file}, log, every_s=60)
    by_renaming(file, "two")
    assert "one" == watched()


def test_who_calls_while_another_reads_is_not_kept_waiting(file, log):
    reading, release = threading.Event(), threading.Event()
    slow = False

    def read():
        if slow:
            reading.set()
            release.wait(10)
        return file.read_text()

    watched = WatchedFiles(read, {"NAME": file}, log, every_s=0)
    slow = True
    by_renaming(file, "two")
    other = threading.Thread(target=watched)
    other.start()
    assert reading.wait(10)
    assert "one" == watched()
    release.set()
    other.join()
    assert "two" == watched()
