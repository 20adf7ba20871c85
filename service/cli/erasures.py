"""`discount erasures`: erasures that outlive the restore of a backup."""

from pathlib import Path

import click

from service.auth.keys.loading import erasure_keys
from service.cli import streams
from service.cli.files import new_file
from service.cli.storage import opened_storage
from service.domain.erasure import Tombstones, tombstones_of
from service.domain.errors import ErasureUnavailable
from service.domain.wording import counted
from service.formats.erasures import Erasure, ErasureListError, read, written
from service.settings import Settings, load_settings
from service.store.engines import engine_of
from service.store.maintenance import erasures as known
from service.usecases.ports.clock import system_clock


@click.group()
def erasures() -> None:
    """Carry erasures over to a restored database."""


@erasures.command()
@click.argument("file", type=click.Path(path_type=Path))
def export(file: Path) -> None:
    """Write the erasures to FILE, which must not exist.

    It has a tombstone for each person, and no user id; users who were forgotten are not in it.
    """
    with opened_storage() as storage, storage.database.snapshot() as connection:
        found = list(known.exported(connection))
    with new_file(file) as target:
        target.writelines(written(found))
    streams.report(f"{counted(len(found), 'erasure is', 'erasures are')} in {file}.")


@erasures.command("apply")
@click.argument("file", type=click.Path(path_type=Path))
def apply_(file: Path) -> None:
    """Erase who was erased, by FILE, and is in the database again.

    That takes all the erasure keys that were in use. The service may run meanwhile, but should
    not: it would still answer with what a person held.
    """
    settings = load_settings()
    tombstones, listed = tombstones_in(settings), erasures_in(file)
    with opened_storage() as storage:
        with (
            engine_of(settings.database_url)
            .inspection()
            .snapshot(settings.database_url) as connection
        ):
            found = set(known.not_erased(connection, tombstones, listed))
        for person in found:
            known.apply(storage.store, person, system_clock())
    again = len({(each.brand_id, each.user) for each in found})
    streams.report(f"{counted(again, 'user was', 'users were')} erased again.")


def tombstones_in(settings: Settings) -> Tombstones:
    """Return the tombstones by the erasure keys of the settings.

    Raises:
        ErasureUnavailable: There is no key.
    """
    keys = erasure_keys(settings)
    if not keys:
        raise ErasureUnavailable
    return tombstones_of(lambda: keys)


def erasures_in(file: Path) -> list[Erasure]:
    """Return the erasures of a file.

    Raises:
        ClickException: It cannot be read, or has something else.
    """
    try:
        with file.open("rb") as lines:
            return list(read(lines))
    except ErasureListError as error:
        raise click.ClickException(f"{click.format_filename(file)}: {error}.") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise click.ClickException(
            f"{click.format_filename(file)} cannot be read: {reason}."
        ) from error
