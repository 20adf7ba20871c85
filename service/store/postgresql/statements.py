"""Statements for psycopg."""

import re


def in_psycopg(statement: str) -> str:
    """Return a statement with psycopg's form of its parameters: `%(name)s` for `:name`."""
    return re.sub(r"(?<!:):(\w+)", r"%(\1)s", statement)
