"""`discount verify` without a readable database: it names the database and the reason."""

import pytest
from click.testing import CliRunner

from service.cli import main
from tests.store.maintenance.sound import damage, run
from tests.support.postgresql import fresh_database, url_of


class TestNoFile:
    def test_a_missing_file_is_not_made(self, tmp_path):
        status, counts, complaint = run(f"sqlite:///{tmp_path}/no/such.db")
        assert (1, {}) == (status, counts)
        assert f"There is no database file {tmp_path}/no/such.db: " in complaint
        assert [] == list(tmp_path.iterdir())

    def test_another_file_is_none(self, tmp_path):
        (tmp_path / "letter").write_text("Dear Sir or Madam, " * 100)
        status, counts, complaint = run(f"sqlite:///{tmp_path}/letter")
        assert (1, {}) == (status, counts)
        assert "is not an SQLite database" in complaint

    def test_without_tables_it_says_how_to_make_them(self, tmp_path):
        damage(f"sqlite:///{tmp_path}/empty.db", "VACUUM")
        status, _, complaint = run(f"sqlite:///{tmp_path}/empty.db")
        assert 1 == status
        assert "run db upgrade" in complaint


class TestNoServer:
    def test_a_server_that_does_not_answer_is_named(self):
        status, counts, complaint = run("postgresql://127.0.0.1:1/nowhere")
        assert (1, {}) == (status, counts)
        assert "Error: The database cannot be reached: " in complaint

    def test_a_password_is_not_repeated(self):
        status, counts, complaint = run(
            url_of("postgres").replace("://postgres", "://nobody:secret")
        )
        assert (1, {}) == (status, counts)
        assert 'role "nobody" does not exist' in complaint

    def test_without_tables_it_says_how_to_make_them(self):
        with fresh_database() as url:
            status, _, complaint = run(url)
        assert 1 == status
        assert "run db upgrade" in complaint


SEVERAL_HOSTS = "postgresql://nobody@127.0.0.1:1,127.0.0.1:2/nothing?connect_timeout=2"


@pytest.mark.parametrize("command", [["verify"], ["db", "backup", "copy.db"]])
def test_a_url_of_several_hosts_is_understood(command):
    """A URL of a cluster, which libpq accepts, and SQLAlchemy does not."""
    done = CliRunner().invoke(main, command, env={"DISCOUNT_DATABASE_URL": SEVERAL_HOSTS})
    assert 1 == done.exit_code
    assert isinstance(done.exception, SystemExit), done.exception
    assert done.output.startswith("Error: ")
