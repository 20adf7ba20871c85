"""`discount worker --check`, which a probe runs: whether a worker can work."""

import pytest

from tests.support.engines import on_sqlite


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"], indirect=True)
def test_a_worker_that_has_what_it_needs_passes(discount, tables):
    done = discount("worker", "--check")
    assert (0, "") == (done.exit_code, done.output)


@on_sqlite
def test_what_is_missing_is_named(discount, tmp_path):
    file = tmp_path / "discount.db"
    done = discount("worker", "--check")
    assert (1, True) == (done.exit_code, f"no database file {file}" in done.stderr)
    file.touch()
    done = discount("worker", "--check")
    assert 1 == done.exit_code
    assert f"Error: The database {file} (DISCOUNT_DATABASE_URL): no tables yet" in done.stderr
