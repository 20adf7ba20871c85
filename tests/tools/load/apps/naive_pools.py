"""The table of the naive service, and its violations."""

import secrets
import sqlite3
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

_MAKE = "from tests.tools.load.apps.naive import app, db; app.app_context().push(); db.create_all()"


def fill_naive(settings: Mapping[str, str], pools: Mapping[str, Sequence[int]]) -> None:
    """Create the table, with brands of (count, used) codes."""
    env = {**settings, "PYTHONPATH": str(Path(__file__).parents[4])}
    subprocess.run([sys.executable, "-c", _MAKE], env=env, check=True)
    path = settings["NAIVE_DATABASE_URL"].removeprefix("sqlite:///")
    with sqlite3.connect(path) as connection:
        for brand, (count, used) in pools.items():
            connection.executemany(
                "INSERT INTO code (brand, code, user) VALUES (?, ?, ?)",
                (
                    (brand, secrets.token_hex(8), f"drained{n}" if n < used else None)
                    for n in range(count)
                ),
            )
    connection.close()


def given_twice(answered: Mapping[str, Mapping[str, str]]) -> str:
    """Return how many codes were answered to more than one user."""
    users: dict[str, int] = {}
    for answers in answered.values():
        for code in answers.values():
            users[code] = users.get(code, 0) + 1
    twice = sum(count > 1 for count in users.values())
    return f"the naive service told {twice} of {len(users)} codes to more than one user"
