"""The output of log lines: complete, in order, and never blocking."""

import fcntl
import io
import json
import os
import select
import socket
import threading
import time

import pytest

from service.observability.log_output import DROPPED, MAX_LINES, FileOutput, StreamOutput
from service.observability.logging import build_logger
from service.settings import Settings


@pytest.fixture
def dropped():
    """Return the number of lines dropped since."""
    before = DROPPED.total
    return lambda: DROPPED.total - before


@pytest.fixture
def pipe():
    """Both ends of a small pipe."""
    theirs, ours = os.pipe()
    fcntl.fcntl(ours, fcntl.F_SETPIPE_SZ, 4096)
    with os.fdopen(theirs, "rb") as read, os.fdopen(ours, "wb") as write:
        yield read, write


def fill(output, number):
    for each in range(number):
        output.write(b"%d" % each + b"x" * 100 + b"\n")


def test_a_line_is_there_as_soon_as_it_was_written(tmp_path):
    with (tmp_path / "log").open("wb") as file:
        FileOutput(file.fileno()).write(b"line\n")
        assert b"line\n" == (tmp_path / "log").read_bytes()


def test_a_pipe_that_is_read_again_gets_every_line_that_was_held(pipe, dropped):
    read, write = pipe
    output = FileOutput(write.fileno())
    began = time.monotonic()
    fill(output, 1000)
    assert time.monotonic() - began < 1
    numbers = [int(read.readline().rstrip(b"x\n")) for _ in range(1000)]
    assert list(range(1000)) == numbers
    assert 0 == dropped()


def test_a_full_pipe_gets_whole_lines_that_it_takes_whole_or_not_at_all(pipe, monkeypatch):
    """Otherwise lines of several processes would be interleaved."""
    read, write = pipe
    system_write, written = os.write, []

    def write_and_tell(descriptor, data):
        written.append(data)
        return system_write(descriptor, data)

    monkeypatch.setattr(os, "write", write_and_tell)
    fill(FileOutput(write.fileno()), 1000)
    numbers = [int(read.readline().rstrip(b"x\n")) for _ in range(1000)]
    assert list(range(1000)) == numbers
    assert max(map(len, written)) <= select.PIPE_BUF
    assert all(each.endswith(b"\n") for each in written)


def test_what_cannot_be_held_is_dropped_and_what_comes_later_is_whole(pipe, dropped):
    read, write = pipe
    output = FileOutput(write.fileno())
    fill(output, MAX_LINES + 500)
    lost = dropped()
    assert 0 < lost <= 500
    for _ in range(MAX_LINES + 500 - lost):
        assert read.readline().endswith(b"x\n")
    output.write(b"later\n")
    assert b"later\n" == read.readline()


def test_the_pipe_of_others_goes_on_to_block(pipe):
    """O_NONBLOCK would affect other processes, too: `discount serve | less` would break `less`."""
    _, write = pipe
    FileOutput(write.fileno()).write(b"line\n")
    assert os.get_blocking(write.fileno())


def test_a_pipe_that_cannot_be_opened_again_stops_nobody(pipe, dropped, monkeypatch):
    read, write = pipe
    monkeypatch.setattr(os, "open", lambda *_: (_ for _ in ()).throw(PermissionError()))
    output = FileOutput(write.fileno())
    monkeypatch.undo()
    fill(output, 1000)
    numbers = [int(read.readline().rstrip(b"x\n")) for _ in range(1000)]
    assert list(range(1000)) == numbers
    assert 0 == dropped()


def test_a_socket_that_nobody_reads_stops_nobody():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        output = FileOutput(ours.fileno())
        fill(output, MAX_LINES)
        with theirs.makefile("rb") as read:
            for _ in range(1000):
                assert read.readline().endswith(b"x\n")


def test_a_full_disk_drops_lines_and_none_is_torn_afterwards(tmp_path, dropped, monkeypatch):
    """The disk accepts half a line, then nothing, then everything."""
    with (tmp_path / "log").open("wb") as file:
        output = FileOutput(file.fileno())
        write = os.write
        room = iter([3, 0])

        def filling(handle, data):
            if not next(room, 0):
                raise OSError(28, "No space left on device")
            return write(handle, data[:3])

        monkeypatch.setattr(os, "write", filling)
        output.write(b"first\n")
        output.write(b"second\n")
        monkeypatch.undo()
        output.write(b"third\n")
    assert b"fir\nthird\n" == (tmp_path / "log").read_bytes()
    assert 2 == dropped()


def test_lines_of_many_threads_are_whole(tmp_path, dropped):
    with (tmp_path / "log").open("wb") as file:
        output = FileOutput(file.fileno())
        threads = [threading.Thread(target=fill, args=[output, 500]) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        output.flush()
    lines = (tmp_path / "log").read_bytes().splitlines()
    assert 4000 == len(lines) + dropped()
    assert {101, 102, 103} == {len(line) for line in lines}


def test_a_child_writes_none_of_what_its_parent_holds(pipe):
    read, write = pipe
    output = FileOutput(write.fileno())
    fill(output, 200)
    child = os.fork()
    if child == 0:
        output.flush()
        os._exit(0)
    os.waitpid(child, 0)
    numbers = [int(read.readline().rstrip(b"x\n")) for _ in range(200)]
    assert list(range(200)) == numbers


def test_a_stream_that_fails_fails_nobody(dropped):
    stream = io.StringIO()
    stream.close()
    StreamOutput(stream).write(b"line\n")
    assert 1 == dropped()


def test_whatever_is_logged_nobody_is_failed_by_it(log, dropped):
    class Unprintable:
        def __str__(self):
            raise RuntimeError

        __repr__ = __str__

    logger = build_logger(Settings(), log)
    logger.info("half", text="\ud800")
    logger.info("unknown", thing=Unprintable())
    logger.info("good")
    events = [json.loads(line)["event"] for line in log.text.splitlines()]
    assert ["half", "good"] == events
    assert 1 == dropped()
