"""Revisions of the tables: which one this code needs, found without SQLAlchemy.

The import of SQLAlchemy and Alembic would take most of the time of an unnecessary upgrade.
"""

from enum import StrEnum
from functools import cache
from pathlib import Path

MIGRATIONS = Path(__file__).parent
VERSION_TABLE = "alembic_version"


class RevisionStatus(StrEnum):
    """The relation of a database's revision to this code."""

    NO_TABLES = "no tables"
    OLDER = "older"
    SAME = "same"
    NEWER = "newer"
    """Acceptable: every step is safe for the previous version, and a roll-out migrates while that
    version still serves; so a roll-back may leave newer tables behind."""
    UNKNOWN = "unknown"
    """No version of the service has this revision."""


@cache
def known_revisions() -> frozenset[str]:
    """Return the numbers of all revisions of this code."""
    steps = MIGRATIONS.glob("versions/[0-9]*.py")
    return frozenset(path.name.partition("_")[0] for path in steps)


@cache
def newest_revision() -> str:
    """Return the number of the newest revision of this code."""
    return max(known_revisions())


def revision_after(found: str) -> str:
    """Return the number of the revision after an older one."""
    return min(revision for revision in known_revisions() if revision > found)


def revision_status(found: str | None) -> RevisionStatus:
    """Return the relation of a revision to this code."""
    if found is None:
        return RevisionStatus.NO_TABLES
    wanted = newest_revision()
    if found in known_revisions():
        return RevisionStatus.SAME if found == wanted else RevisionStatus.OLDER
    numbered = found.isascii() and found.isdigit() and len(found) == len(wanted)
    return RevisionStatus.NEWER if numbered and found > wanted else RevisionStatus.UNKNOWN


def why_unfit(found: str | None) -> str | None:
    """Return why this code cannot serve tables of a revision, or `None`."""
    status, wanted = revision_status(found), newest_revision()
    if status in {RevisionStatus.SAME, RevisionStatus.NEWER}:
        return None
    if status is RevisionStatus.UNKNOWN:
        return f"at revision {found}, wanted {wanted}: no version of this service has it"
    there = "no tables yet" if found is None else f"at revision {found}"
    return f"{there}, wanted {wanted}: run db upgrade"
