"""Which revision this code wants, and what another one means: known without SQLAlchemy.

To import that, and Alembic, is most of what the upgrade of a database that needs none would take.
"""

from enum import StrEnum
from functools import cache
from pathlib import Path

MIGRATIONS = Path(__file__).parent
VERSION_TABLE = "alembic_version"


class Standing(StrEnum):
    """What the revision of a database means to this code."""

    NO_TABLES = "no tables"
    OLDER = "older"
    SAME = "same"
    NEWER = "newer"
    """Good: every step is safe for the version before it, and a roll-out migrates while the old
    version still serves; so a roll-back may leave newer tables behind."""
    UNKNOWN = "unknown"
    """No version of this service has it."""


@cache
def known_revisions() -> frozenset[str]:
    """Return the revisions that this code has steps to: their numbers."""
    steps = MIGRATIONS.glob("versions/[0-9]*.py")
    return frozenset(path.name.partition("_")[0] for path in steps)


@cache
def newest_revision() -> str:
    """Return the revision that this code wants: the number of the last step."""
    return max(known_revisions())


def revision_after(found: str) -> str:
    """Return the number of the step that follows an older revision."""
    return min(revision for revision in known_revisions() if revision > found)


def standing_of(found: str | None) -> Standing:
    """Say what a revision means."""
    if found is None:
        return Standing.NO_TABLES
    wanted = newest_revision()
    if found in known_revisions():
        return Standing.SAME if found == wanted else Standing.OLDER
    numbered = found.isascii() and found.isdigit() and len(found) == len(wanted)
    return Standing.NEWER if numbered and found > wanted else Standing.UNKNOWN


def why_unfit(found: str | None) -> str | None:
    """Say why this code cannot serve tables of a revision, `None` if it can."""
    standing, wanted = standing_of(found), newest_revision()
    if standing in {Standing.SAME, Standing.NEWER}:
        return None
    if standing is Standing.UNKNOWN:
        return f"at revision {found}, needed {wanted}: no version of this service has it"
    there = "no tables yet" if found is None else f"at revision {found}"
    return f"{there}, wanted {wanted}: run db upgrade"


def upgraded(found: str | None) -> str:
    """Say that an upgrade has nothing more to do."""
    if standing_of(found) is Standing.NEWER:
        return (
            f"Nothing to do: the database is at revision {found}, newer than {newest_revision()}, "
            "which this version wants and newer tables serve as well."
        )
    return f"The database is at revision {found}."
