"""Every command names in one sentence the SQLite file or folder that it cannot use, and why."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.complaints import COMMANDS, all_of, complaint

READERS = {name: words for name, words in COMMANDS.items() if name != "upgrade"}
pytestmark = pytest.mark.usefixtures("folder")


@all_of(COMMANDS)
@pytest.mark.parametrize(
    "content", [b"brand,code\nb1,SUMMER-1\n" * 40, b"x", "a list".encode("utf-16") * 20]
)
def test_a_file_of_another_kind_is_no_database(words, content, folder, discount):
    (folder / "discount.db").write_bytes(content)
    output = complaint(discount(*words))
    assert str(folder / "discount.db") in output
    assert "not an SQLite database" in output or "not a database" in output
    assert content == (folder / "discount.db").read_bytes()


@all_of(COMMANDS)
def test_a_folder_is_no_database(words, folder, discount):
    (folder / "discount.db").mkdir()
    assert str(folder / "discount.db") in complaint(discount(*words))


@all_of(COMMANDS)
def test_a_pipe_is_no_database_and_is_not_waited_for(words, folder, discount):
    os.mkfifo(folder / "discount.db")
    said = complaint(discount(*words))
    assert f"{folder / 'discount.db'} (DISCOUNT_DATABASE_URL) is not a regular file" in said


@all_of(COMMANDS)
def test_a_link_to_nothing_is_named(words, folder, discount):
    (folder / "discount.db").symlink_to("moved.db")
    assert "is a symbolic link to moved.db, which does not exist" in complaint(discount(*words))
    assert not (folder / "moved.db").exists()


@all_of(COMMANDS)
def test_a_missing_folder_is_named(words, folder, discount, monkeypatch):
    monkeypatch.setenv("DISCOUNT_DATABASE_URL", f"sqlite:///{folder}/none/discount.db")
    assert f"{folder}/none" in complaint(discount(*words))
    assert not (folder / "none").exists()


@all_of({name: words for name, words in READERS.items() if name != "check"})
def test_a_missing_file_is_named_and_not_made(words, folder, discount):
    assert f"There is no database file {folder}/discount.db" in complaint(discount(*words))
    assert not (folder / "discount.db").exists()


@all_of({name: COMMANDS[name] for name in ("export", "generate", "import", "check")})
def test_an_empty_database_lacks_its_tables(words, folder, discount):
    sqlite3.connect(folder / "discount.db").close()
    (folder / "discount.db").touch()
    output = complaint(discount(*words))
    assert "no tables yet" in output
    assert "database is no tables" not in output
    assert str(folder / "discount.db") in output


@all_of({name: COMMANDS[name] for name in ("export", "generate", "import")})
def test_the_message_about_an_unknown_brand_names_no_caller_and_no_token(words, discount, tables):
    output = complaint(discount(*words, "--brand", "nobody", "--campaign", "none"))
    assert "brand 'nobody'" in output
    assert "token" not in output


@all_of(COMMANDS)
def test_a_damaged_file_is_named(words, folder, discount, tables):
    path = folder / "discount.db"
    with path.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 3000)
    path.with_name("discount.db-wal").unlink(missing_ok=True)
    done = discount(*words)
    assert 1 == done.exit_code, done.output
    assert isinstance(done.exception, SystemExit), done.exception
    assert "Traceback" not in done.stderr
    assert words == COMMANDS["verify"] or str(path) in done.stderr


@all_of({name: COMMANDS[name] for name in ("upgrade", "generate", "import")})
def test_a_locked_file_is_named(words, folder, discount, tables, monkeypatch):
    monkeypatch.setattr("service.store.sqlite.connections.BUSY_TIMEOUT_S", 0)
    path = folder / "discount.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        if words == COMMANDS["upgrade"]:
            other.execute("UPDATE alembic_version SET version_num = '0001'")
        other.execute("BEGIN IMMEDIATE")
        output = complaint(discount(*words))
    assert f"{path} (DISCOUNT_DATABASE_URL) is locked by another program" in output


@pytest.fixture
def somebody(folder):
    """Become a user who has no special rights, in a folder of that user's."""
    if os.geteuid() == 0:
        folder.chmod(0o777)
        for parent in folder.parents:
            if parent.stat().st_uid == 0 and parent != Path("/") and "pytest" in str(parent):
                parent.chmod(parent.stat().st_mode | 0o011)
        os.seteuid(65534)
        yield
        os.seteuid(0)
    else:
        yield


@all_of(READERS)
def test_a_file_without_permission_is_named(words, folder, discount, tables, somebody):
    path = folder / "discount.db"
    seal(path, 0o000)
    output = complaint(discount(*words))
    assert str(path) in output
    assert "Permission denied" in output


@all_of({name: COMMANDS[name] for name in ("upgrade", "generate", "import", "check")})
def test_a_read_only_folder_is_named(words, folder, discount, somebody):
    seal(folder, 0o555)
    output = complaint(discount(*words))
    assert str(folder) in output


def seal(path, mode):
    """Change a file's mode; root, as the owner, ignores modes."""
    found = os.geteuid()
    os.seteuid(os.getuid())
    path.chmod(mode)
    os.seteuid(found)


def test_a_key_that_cannot_be_made_is_named(monkeypatch, folder, discount, somebody):
    (folder / "checkout").mkdir()
    (folder / "checkout").chmod(0o555)
    monkeypatch.delenv("DISCOUNT_JWT_SECRET")
    monkeypatch.setattr("service.settings.model.HOME", folder / "checkout")
    output = complaint(discount("token", "--subject", "me", "--brand", "*"))
    assert "DISCOUNT_JWT_SECRET" in output
    assert f"{folder}/checkout/var" in output
    assert "Permission denied" in output
