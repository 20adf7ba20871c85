"""A list of codes, its import, and what is stored of both."""

from sqlalchemy import text

CODES = [f"CODE-{number:04}" for number in range(3000)]

LIST = "\n".join(CODES).encode()

POOL = ("brand1", "default")


def until(phase, step):
    """Do chunks until an import is in a phase."""
    while step() != phase:
        pass


def stored(store):
    return sorted(row.code for row in store.codes(*POOL, None, None, 10_000, 0).items)


def one(database, query):
    with database.read() as connection:
        return connection.execute(text(query)).scalar()
