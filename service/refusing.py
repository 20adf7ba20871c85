"""Problems that the server writes itself, about requests that the application never sees."""

from http import HTTPStatus

import orjson

from service.api.problems import PROBLEM_JSON, problem_headers, problem_object
from service.domain.errors import Problem
from service.observability.requests import RequestObserver, RequestRecord


def refusal(problem: Problem, observer: RequestObserver, *, with_body: bool = True) -> bytes:
    """Count and log a refusal, and return the answer; with it, the connection ends.

    Args:
        problem: What is wrong.
        observer: Counts and logs.
        with_body: Whether the answer has content: one to HEAD has none.
    """
    record = observer.record({})
    record.problem = problem.slug
    observer.tell("other", problem.status, 0.0, record)
    return _answer(problem, record, with_body=with_body)


def _answer(problem: Problem, record: RequestRecord, *, with_body: bool) -> bytes:
    body = orjson.dumps(problem_object(problem, "/", record.request_id))
    headers = [
        ("Content-Type", PROBLEM_JSON),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
        ("Connection", "close"),
        *problem_headers(problem).items(),
        *record.answer_headers(),
    ]
    lines = [
        f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}",
        *(f"{name}: {value}" for name, value in headers),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + (body if with_body else b"")
