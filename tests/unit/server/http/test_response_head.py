"""Heads of answers: as gunicorn writes them."""

import pytest

from service.server.http.response_head import response_head


def test_a_head_ends_with_an_empty_line():
    lines = response_head("204 NO CONTENT", [("X-A", "b")], keep=False).decode().split("\r\n")
    assert ["HTTP/1.1 204 NO CONTENT", "Server: gunicorn"] == lines[:2]
    assert lines[2].startswith("Date: ")
    assert ["Connection: close", "X-A: b", "", ""] == lines[3:]


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: b", "a\nb"])
def test_a_field_of_two_lines_is_not_written(value):
    with pytest.raises(ValueError, match="more than one line"):
        response_head("200 OK", [("X-Request-ID", value)], keep=True)
