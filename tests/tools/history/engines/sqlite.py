"""SQLite: one file and several gunicorn masters; its faults are those of the processes."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.tools.history.nemesis import Fault


@dataclass(frozen=True)
class SQLite:
    """A file."""

    file: Path

    @property
    def url(self) -> str:
        return f"sqlite:///{self.file}"

    @property
    def settings(self) -> dict[str, str]:
        return {"DISCOUNT_DATABASE_URL": self.url, "WEB_CONCURRENCY": "2"}

    def connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.file)

    def faults(self) -> Sequence[Fault]:
        return ()


@contextmanager
def sqlite(folder: Path) -> Iterator[SQLite]:
    """Use a file in this folder."""
    yield SQLite(folder / "discount.db")
