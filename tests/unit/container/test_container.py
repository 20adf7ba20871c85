"""The container: what it builds, and what it does not touch."""

from contextlib import closing
from dataclasses import replace

import pytest

from service.container.services import build
from service.container.storage import build_storage, readiness_checks
from service.container.worker import build_worker
from service.settings import SettingsError
from tests.support.installation import settings_for


@pytest.fixture
def settings(tmp_path):
    return settings_for(f"sqlite:///{tmp_path}/discount.db")


def test_nothing_is_opened_before_it_is_used(settings, tmp_path):
    build(settings)
    build_worker(settings)
    assert [] == list(tmp_path.iterdir())


def test_each_process_may_have_its_own_number_of_threads(settings):
    with (
        closing(build_storage(settings, threads=1).database) as one,
        closing(build_storage(settings).database) as many,
    ):
        assert settings.threads - 1 == many.connections.most - one.connections.most


def test_commands_and_probes_ask_the_same_of_a_database(settings):
    services = build(settings)
    checks = readiness_checks(services.storage.database)
    assert {"database", "tables"} == checks.keys()
    assert {"drain", "keys", *checks} == _checks_of(services.readiness.answer())


def _checks_of(probe):
    return {name for name in ("drain", "keys", "database", "tables") if f'"{name}"' in str(probe)}


def test_a_setting_that_cannot_be_used_stops_the_start(settings):
    with pytest.raises(SettingsError, match="DISCOUNT_RATE_LIMIT_STORAGE_URL"):
        build(replace(settings, rate_limit_storage_url="redis://host:port"))
