"""Every command names in one sentence the file, host or setting that fails, and why."""

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from tests.support.engines import on_postgresql
from tests.support.postgresql import fresh_database
from tests.support.running import free_port

COMMANDS = {
    "upgrade": ("db", "upgrade"),
    "verify": ("verify",),
    "backup": ("db", "backup", "new-backup"),
    "export": ("codes", "export", "--brand", "b1"),
    "generate": ("codes", "generate", "--brand", "b1", "--count", "1"),
    "import": ("codes", "import", "list.csv", "--brand", "b1"),
    "check": ("worker", "--check"),
}
ON_POSTGRESQL = {name: words for name, words in COMMANDS.items() if name != "backup"}
READERS = {name: words for name, words in COMMANDS.items() if name != "upgrade"}
PASSWORD = "pass-of-the-database"  # noqa: S105 - of nobody


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "list.csv").write_text("SUMMER-1\n")
    return tmp_path


def complaint(done):
    """Return the message of a failed command: a sentence on standard error, and no more."""
    assert (1, "") == (done.exit_code, done.stdout), done.output
    assert isinstance(done.exception, SystemExit), done.exception
    said = sentence(done.stderr)
    assert said.startswith("Error: ")
    assert "Traceback" not in said
    assert PASSWORD not in said
    assert "cannot reach what it needs" not in said
    return said


def sentence(stderr):
    """Return a message as a terminal shows it, from a line of the log if it is one."""
    if not stderr.startswith("{"):
        return stderr
    line = json.loads(stderr)
    assert ("command_message", "error") == (line["event"], line["level"])
    return f"Error: {line['message']}\n"


def all_of(commands):
    return pytest.mark.parametrize("words", commands.values(), ids=commands)


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


@all_of(ON_POSTGRESQL)
def test_a_server_that_is_down_is_named(words, discount, monkeypatch):
    port = free_port()
    url = f"postgresql://me:{PASSWORD}@127.0.0.1:{port}/shop"
    monkeypatch.setenv("DISCOUNT_DATABASE_URL", url)
    output = complaint(discount(*words))
    assert f"PostgreSQL at 127.0.0.1:{port} (DISCOUNT_DATABASE_URL): Connection refused" in output


@all_of(ON_POSTGRESQL)
def test_an_unknown_host_is_named(words, discount, monkeypatch):
    monkeypatch.setenv("DISCOUNT_DATABASE_URL", f"postgresql://me:{PASSWORD}@host.invalid/shop")
    output = complaint(discount(*words))
    assert "PostgreSQL at host.invalid (DISCOUNT_DATABASE_URL): " in output
    assert "not known" in output or "name resolution" in output or "not translate" in output


@all_of(ON_POSTGRESQL)
def test_an_at_sign_in_a_password_is_found_and_not_shown(words, discount, monkeypatch):
    monkeypatch.setenv("DISCOUNT_DATABASE_URL", f"postgresql://me:at@{PASSWORD}@127.0.0.1/shop")
    assert "DISCOUNT_DATABASE_URL: a host has an '@'" in complaint(discount(*words))


@on_postgresql
class TestOnPostgreSQL:
    @all_of(ON_POSTGRESQL)
    def test_an_unknown_database_is_named(self, words, discount, monkeypatch, database_url):
        parts = psycopg.conninfo.conninfo_to_dict(database_url) | {"dbname": "no_such"}
        monkeypatch.setenv("DISCOUNT_DATABASE_URL", uri(parts))
        assert '(DISCOUNT_DATABASE_URL): database "no_such" does not exist' in complaint(
            discount(*words)
        )

    @all_of(ON_POSTGRESQL)
    def test_an_unknown_user_is_named(self, words, discount, monkeypatch, database_url):
        parts = psycopg.conninfo.conninfo_to_dict(database_url) | {"user": "nobody_here"}
        monkeypatch.setenv("DISCOUNT_DATABASE_URL", uri(parts))
        assert "nobody_here" in complaint(discount(*words))

    @all_of({name: COMMANDS[name] for name in ("upgrade", "check")})
    def test_an_encoding_without_most_names_is_named(self, words, discount, monkeypatch, latin1):
        monkeypatch.setenv("DISCOUNT_DATABASE_URL", latin1)
        assert "(DISCOUNT_DATABASE_URL): the encoding is LATIN1" in complaint(discount(*words))


@pytest.fixture
def latin1():
    with fresh_database(options="ENCODING latin1 LOCALE 'C'") as url:
        yield url


def uri(parts):
    """Build a URL of its parts."""
    rest = "&".join(f"{name}={value}" for name, value in parts.items() if name != "host")
    return f"postgresql:///?{rest}&host={parts.get('host', '')}"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "The list is empty"),
        ("SUMMER-1\n".encode("utf-16"), "UTF-"),
        (b"\x1f\x8b\x08\x00\x00\x00\x00\x00", "compressed by gzip"),
        (b"X" * 100_000, "Line 1 is longer"),
    ],
)
def test_a_list_that_cannot_be_read_is_named(content, reason, discount, tables, folder):
    (folder / "list.csv").write_bytes(content)
    output = complaint(discount("codes", "import", "list.csv", "--brand", "b1"))
    assert output.startswith("Error: list.csv: ")
    assert reason in output


def test_a_list_from_standard_input_is_named(discount, tables):
    done = discount("codes", "import", "-", "--brand", "b1", input="")
    assert "Error: Standard input: The list is empty." in complaint(done)


@pytest.mark.parametrize(
    ("file", "reason"),
    [(".", "Is a directory"), ("nowhere.csv", "No such file"), ("list.csv/x", "Not a directory")],
)
def test_a_list_that_is_no_file_is_named(file, reason, discount, tables):
    output = complaint(discount("codes", "import", file, "--brand", "b1"))
    assert f"Error: {file} cannot be read: {reason}" in output


@pytest.mark.parametrize("target", ["/dev/full", "list.csv", "none/new", "."])
def test_an_export_that_cannot_be_written_is_named(target, discount, tables):
    discount("codes", "generate", "--brand", "b1", "--count", "1")
    output = complaint(discount("codes", "export", "--brand", "b1", "--output", target))
    assert f"Error: {target} cannot be made: " in output


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
