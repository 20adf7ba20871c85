"""Answers of the event loop are encoded as gunicorn does."""

from wsgiref.headers import Headers

import pytest

from service.server.answering_in_loop import buffered_answer, response_head


def answered(app, *, keep=True):
    """Return the status line, the fields and the body of an answer."""
    head, body = buffered_answer(app, {}).encoded(keep=keep).split(b"\r\n\r\n", 1)
    line, *fields = head.decode().split("\r\n")
    pairs = [field.partition(": ") for field in fields]
    return line, Headers([(name, value) for name, _, value in pairs]), body


def test_an_answer_is_written_as_gunicorn_writes_it():
    def app(_environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "4")])
        return [b"ab", b"cd"]

    line, fields, body = answered(app)
    assert ("HTTP/1.1 200 OK", b"abcd") == (line, body)
    assert ("text/plain", "4") == (fields["content-type"], fields["content-length"])
    assert ("gunicorn", "keep-alive") == (fields["server"], fields["connection"])
    assert fields["date"].endswith(" GMT")
    assert "close" == answered(app, keep=False)[1]["connection"]


def test_what_the_application_opened_is_closed():
    closed = []

    class Parts(list[bytes]):
        def close(self):
            closed.append(True)

    def app(_environ, start_response):
        start_response("200 OK", [("Content-Length", "1")])
        return Parts([b"a"])

    answered(app)
    assert [True] == closed


def test_a_head_ends_with_an_empty_line():
    lines = response_head("204 NO CONTENT", [("X-A", "b")], keep=False).decode().split("\r\n")
    assert ["HTTP/1.1 204 NO CONTENT", "Server: gunicorn"] == lines[:2]
    assert lines[2].startswith("Date: ")
    assert ["Connection: close", "X-A: b", "", ""] == lines[3:]


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: b", "a\nb"])
def test_a_field_of_two_lines_is_not_written(value):
    with pytest.raises(ValueError, match="more than one line"):
        response_head("200 OK", [("X-Request-ID", value)], keep=True)
