"""A mistake destroys a database; the runbook restores it to the moment before."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import psycopg
import requests

from tests.process.cli.runbooks import follow
from tests.support.running import Running, running
from tests.support.tokens import bearer
from tests.tools.history.engines.postgresql import url_of


class Archived(Protocol):
    """A server that archives its write-ahead log, and what the runbook has to know of it."""

    address: tuple[str, int]
    tool: str
    """The word after `sh` of those of the runbook's blocks that are for its tool."""
    variables: Mapping[str, object]
    """The values of the runbook's variables."""

    def connect(self, database: str = "discount") -> psycopg.Connection[Any]:
        """Open a connection."""

    def take_base_backup(self) -> None:
        """Take one while the service works."""

    def archive_all(self) -> None:
        """Wait until the archive has everything that was written."""

    def end(self) -> None:
        """Stop the server in order."""


@contextmanager
def service_on(archived: Archived, folder: Path) -> Iterator[Running]:
    """Run a service on the server."""
    with running(folder, DISCOUNT_DATABASE_URL=url_of(archived.address)) as service:
        yield service


def create(service: Running, number: int) -> set[str]:
    """Create codes."""
    body = {"brand": "b1", "number_to_create": number}
    url = f"{service.url}/v1/discount/create"
    answer = requests.post(url, json=body, headers=bearer(), timeout=60)
    assert 200 == answer.status_code
    return set(answer.json())


def fetch(service: Running, *users: str) -> dict[str, str]:
    """Fetch the codes of users."""
    urls = {user: f"{service.url}/v1/discount/fetch/b1/{user}" for user in users}
    answers = {user: requests.get(url, headers=bearer(), timeout=60) for user, url in urls.items()}
    assert {200} == {answer.status_code for answer in answers.values()}
    return {user: answer.json()["discount_code"] for user, answer in answers.items()}


def restore_to_a_moment(archived: Archived, folder: Path) -> None:
    """Follow the runbook after a mistake, and check what every user is told afterwards.

    Codes are given before the base backup, after it, and after the moment that is restored.
    """
    with service_on(archived, folder) as service:
        create(service, 20)
        kept = fetch(service, "u1", "u2")
        archived.take_base_backup()
        kept |= fetch(service, "u3", "u4")
        with archived.connect() as connection:
            (moment,) = connection.execute("SELECT clock_timestamp()::text").fetchone() or [""]
        lost = fetch(service, "u5", "u6")
        with archived.connect() as connection:
            connection.execute("DELETE FROM code WHERE user_id IS NOT NULL")
        archived.archive_all()
        assert 0 == service.stop()
    archived.end()
    follow(
        "restore-postgresql.md",
        service.environment,
        archived.tool,
        MOMENT=moment,
        **archived.variables,
    )
    with service_on(archived, folder) as service:
        new = create(service, 20)
        assert kept == fetch(service, *kept)
        given = set(fetch(service, "u7", "u6", "u5").values())
        assert given <= new
        assert not given & {*kept.values(), *lost.values()}
