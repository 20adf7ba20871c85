"""The service, the image, the Makefile and the manifests agree."""

import json
import re
import tomllib

import pytest
from environs import FileAwareEnv

from service.settings import HOME, SettingsError, load_settings, read_settings

KEY = "a key of at least 32 characters, for tests"
SECRETS = {
    "keys": KEY,
    "database": "postgresql://discount:password@discount-pooler/discount",
    "database-ca": "a certificate",
}
"""The mounts by volume."""
LIBPQ = {"PGSSLMODE", "PGSSLROOTCERT"}
"""https://www.postgresql.org/docs/current/libpq-envars.html"""
ELSEWHERE = {"PATH", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"}
"""Variables of the image that are not the service's settings."""


@pytest.fixture
def setting_names():
    """Every setting, and `X_FILE` for each `X`."""
    env = FileAwareEnv()
    read_settings(env)
    return {name + suffix for name in env.dump() for suffix in ("", "_FILE")}


@pytest.fixture
def in_environment(monkeypatch):
    """Set these variables, and unset all other settings of the service."""

    def replace(variables):
        for name, value in variables.items():
            if name not in ELSEWHERE:
                monkeypatch.setenv(name, value)

    return replace


def ports(container):
    return {port["name"]: port["containerPort"] for port in container["ports"]}


def mounts(container):
    return {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}


def test_only_settings_that_exist_are_set(overlay, image, setting_names):
    """A misspelt setting would be ignored, and its default used."""
    assert overlay.settings.keys() <= setting_names | LIBPQ
    assert image.environment.keys() - ELSEWHERE <= setting_names
    makefile = (HOME / "Makefile").read_text()
    named = set(re.findall(r"--env ([A-Z_]+)=", makefile))
    assert named
    assert named <= setting_names


def test_production_starts_with_its_secrets_alone(production, in_environment, tmp_path):
    """The settings are those of the manifest, except for the place of the mounted Secrets."""
    settings = dict(production.settings)
    volumes = {path: name for name, path in mounts(production.container("api")).items()}
    for name, value in production.settings.items():
        folder, _, file = value.rpartition("/")
        if folder in volumes:
            (tmp_path / volumes[folder]).mkdir(exist_ok=True)
            (tmp_path / volumes[folder] / file).write_text(SECRETS[volumes[folder]])
            settings[name] = f"{tmp_path}/{volumes[folder]}/{file}"
    in_environment(settings)
    found = load_settings()
    assert (True, True) == (found.production, found.on_postgresql)
    assert (KEY, SECRETS["database"]) == (found.pseudonym_key, found.database_url)
    container = ports(production.container("api"))
    assert {"http": found.port, "metrics": found.metrics_port} == container


def test_what_is_secret_is_read_again_when_it_changes(production, in_environment, setting_names):
    """A password comes from a file: an environment variable keeps its first value."""
    secret = {name.removesuffix("_FILE") for name in setting_names if "KEY" in name}
    secret |= {"DISCOUNT_JWT_SECRET", "DISCOUNT_DATABASE_URL"}
    assert production.settings.keys().isdisjoint(secret)
    assert {
        "DISCOUNT_DATABASE_URL_FILE",
        "DISCOUNT_PSEUDONYM_KEY_FILE",
    } <= production.settings.keys()


def test_dev_makes_up_its_key_beside_its_database(dev, in_environment):
    folder = mounts(dev.container("api"))["data"]
    assert f"{HOME}/var" == folder.replace("/app", str(HOME)), "where development keeps its key"
    in_environment(dev.settings)
    found = load_settings()
    assert not found.production
    assert found.database_url == f"sqlite:///{folder}/discount.db"


def test_the_image_alone_has_no_key(image, in_environment):
    in_environment(image.environment)
    with pytest.raises(SettingsError, match="DISCOUNT_JWT_SECRET"):
        load_settings()


def test_image_and_manifests_agree(overlay, image):
    environment = image.environment
    for name in ("HOST", "PORT", "METRICS_PORT"):
        assert environment[name] == overlay.settings[name]
    served = ports(overlay.container("api"))
    assert image.last("EXPOSE").split() == [str(port) for port in served.values()]
    for template in overlay.templates.values():
        security = template["spec"]["securityContext"]
        assert image.last("USER") == f"{security['runAsUser']}:{security['runAsGroup']}"


def test_the_service_is_reachable_from_outside_its_container(overlay):
    assert overlay.settings["HOST"] == "0.0.0.0"  # noqa: S104 - in a container of its own


def test_a_container_keeps_its_database_on_its_volume(image):
    (folder,) = json.loads(image.last("VOLUME"))
    assert image.environment["DISCOUNT_DATABASE_URL"].startswith(f"sqlite:///{folder}/")
    assert f":{folder} " in (HOME / "Makefile").read_text()


def test_the_version_is_the_same_everywhere(overlay, dev):
    version = tomllib.loads((HOME / "pyproject.toml").read_text())["project"]["version"]
    assert {f"discount-service:{version}"} == {found["image"] for found in dev.containers}
    for template in overlay.templates.values():
        assert template["metadata"]["labels"]["app.kubernetes.io/version"] == version
