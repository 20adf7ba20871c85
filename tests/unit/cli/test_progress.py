"""The progress bar of long commands, which is shown on terminals only."""

import io
from types import SimpleNamespace

import pytest

from service.cli import progress, streams
from service.cli.progress import Progress, TableProgressBar

SHOW_CURSOR = "\x1b[?25h\n"


class Terminal(io.StringIO):
    """A standard error that seems to be a terminal."""

    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(progress, "RENDER_EVERY_S", 0)
    stderr = Terminal()
    monkeypatch.setattr(progress, "sys", SimpleNamespace(stderr=stderr))
    monkeypatch.setattr(streams, "report", lambda sentence: stderr.write(f"{sentence}\n"))
    return stderr


def lines(terminal):
    """Return the final lines, without the sequences that hide and show the cursor."""
    text = terminal.getvalue().replace("\x1b[?25l", "").replace("\x1b[?25h", "")
    return [line.rpartition("\r")[2].rstrip() for line in text.rstrip("\n").split("\n")]


def test_nothing_is_written_where_there_is_no_terminal(monkeypatch):
    for stderr, term in ((io.StringIO(), "xterm"), (Terminal(), "dumb")):
        monkeypatch.setenv("TERM", term)
        monkeypatch.setattr(progress, "sys", SimpleNamespace(stderr=stderr))
        with Progress() as shown:
            shown.show("exporting", 1, 10)
        assert "" == stderr.getvalue()


def test_a_bar_has_what_is_done_of_how_much_and_how_fast(terminal):
    with Progress() as shown:
        shown.show("queued", 0, 10)
        shown.show("running", 5, 10)
    (line,) = lines(terminal)
    assert line.startswith("running [###")
    assert line.endswith("] 5/10  5/s")
    assert len(line) <= 80
    assert terminal.getvalue().endswith(SHOW_CURSOR)


def test_an_unknown_total_is_left_out(terminal):
    with Progress() as shown:
        shown.show("sending bytes", 65536, None)
    (line,) = lines(terminal)
    assert line.startswith("sending bytes [")
    assert line.endswith("] 65536  65,536/s")


def test_the_remaining_time_is_shown(terminal, monkeypatch):
    moments = iter(range(100))
    monkeypatch.setattr("time.time", lambda: float(next(moments)))
    with Progress() as shown:
        shown.show("running", 1, 1000)
        shown.show("running", 2, 1000)
        assert "  00:" in lines(terminal)[-1]


def test_an_interrupted_command_leaves_the_terminal_as_it_was(terminal):
    def work():
        with Progress() as shown:
            shown.show("running", 1, 10)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert terminal.getvalue().endswith(SHOW_CURSOR)
    assert 1 == terminal.getvalue().count(SHOW_CURSOR), "once"


def test_a_terminal_that_is_gone_stops_nothing(terminal):
    def refuse(_text):
        raise OSError

    terminal.write = refuse
    with Progress() as shown:
        for done in range(2):
            shown.show("running", done, 10)


def test_a_sentence_has_a_line_of_its_own(terminal):
    with Progress() as shown:
        shown.show("running", 1, 10)
        shown.write("The job waits.")
        shown.show("running", 2, 10)
    first, sentence, last = lines(terminal)
    assert "The job waits." == sentence
    assert (True, True) == ("1/10" in first, "2/10" in last)


def test_each_table_has_a_line(terminal):
    with Progress() as shown:
        tables = TableProgressBar(shown)
        for table in ("brand", "code"):
            tables(f"copy {table}", 0, 2)
            tables(f"copy {table}", 2, 2)
    brand, code = lines(terminal)
    assert (True, True) == (brand.startswith("copy brand ["), code.startswith("copy code ["))
    assert (True, True) == ("2/2" in brand, "2/2" in code)


def test_what_is_shown_often_is_rendered_seldom(terminal, monkeypatch):
    monkeypatch.setattr(progress, "RENDER_EVERY_S", 3600)
    with Progress() as shown:
        for done in range(1000):
            shown.show("running", done, 1000)
    assert terminal.getvalue().count("\r") <= 3
    assert "999/1000" in lines(terminal)[-1], "the last state is shown"
