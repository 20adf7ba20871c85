"""What service, image, Makefile and manifests each say, they say alike."""

import re
import tomllib

import pytest
from environs import FileAwareEnv

from service.settings import HOME, SettingsError, load_settings, read_settings

KEY = "a key of at least 32 characters, for tests"
ELSEWHERE = {"PATH", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"}
"""Variables of the image that are not the service's settings."""


@pytest.fixture
def setting_names():
    """Every setting, and `X_FILE` for each `X`."""
    env = FileAwareEnv()
    read_settings(env)
    return {name + suffix for name in env.dump() for suffix in ("", "_FILE")}


@pytest.fixture
def config(by_kind):
    return by_kind["ConfigMap"]["data"]


@pytest.fixture
def in_environment(monkeypatch):
    """Make these variables, and nothing else of the service's, the environment."""

    def replace(variables):
        for name, value in variables.items():
            if name not in ELSEWHERE:
                monkeypatch.setenv(name, value)

    return replace


def ports(container):
    return {port["name"]: port["containerPort"] for port in container["ports"]}


def mounts(container):
    return {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}


def test_only_settings_that_exist_are_set(config, image, setting_names):
    """A misspelt name would be ignored, and its default used."""
    assert config.keys() <= setting_names
    assert image.environment.keys() - ELSEWHERE <= setting_names
    makefile = (HOME / "Makefile").read_text()
    named = set(re.findall(r"--env ([A-Z_]+)=", makefile))
    assert named
    assert named <= setting_names


def test_the_config_map_starts_the_service(config, container, in_environment, tmp_path):
    """Its values are taken as they are; only the mounted keys lie elsewhere in this test."""
    keys = mounts(container)["keys"]
    for name in ("jwt-secret", "pseudonym-key"):
        (tmp_path / name).write_text(KEY)
    in_environment({k: v.replace(keys, str(tmp_path)) for k, v in config.items()})
    settings = load_settings()
    assert settings.production
    assert (settings.jwt_secret, settings.pseudonym_key) == (KEY, KEY)
    assert (settings.port, settings.metrics_port) == (
        ports(container)["http"],
        ports(container)["metrics"],
    )


def test_the_image_alone_has_no_key(image, in_environment):
    in_environment(image.environment)
    with pytest.raises(SettingsError, match="DISCOUNT_JWT_SECRET"):
        load_settings()


def test_image_and_manifests_agree(config, container, image, pod):
    environment = image.environment
    for name in ("DISCOUNT_ENV", "DISCOUNT_DATABASE_URL", "HOST", "PORT", "METRICS_PORT"):
        assert environment[name] == config[name]
    assert image.last("EXPOSE").split() == [str(port) for port in ports(container).values()]
    security = pod["spec"]["securityContext"]
    user = f"{security['runAsUser']}:{security['runAsGroup']}"
    assert image.last("USER") == user
    assert security["fsGroup"] == security["runAsGroup"]


def test_the_service_is_reachable_from_outside_its_container(config):
    assert config["HOST"] == "0.0.0.0"  # noqa: S104 - in a container of its own


def test_the_database_is_on_the_volume(config, container, image):
    folder = mounts(container)["data"]
    assert config["DISCOUNT_DATABASE_URL"].startswith(f"sqlite:///{folder}/")
    assert image.last("VOLUME") == f'["{folder}"]'
    assert f":{folder} " in (HOME / "Makefile").read_text()


def test_the_version_is_the_same_everywhere(container, pod):
    project = tomllib.loads((HOME / "pyproject.toml").read_text())["project"]
    assert container["image"] == f"discount-service:{project['version']}"
    assert pod["metadata"]["labels"]["app.kubernetes.io/version"] == project["version"]


def test_accepted_requests_are_finished_before_the_pod_is_killed(pod):
    gunicorn = (HOME / "config/gunicorn.conf.py").read_text()
    graceful = re.search(r"^graceful_timeout = (\d+)", gunicorn, re.MULTILINE)
    makefile = re.search(r"--stop-timeout (\d+)", (HOME / "Makefile").read_text())
    assert graceful
    assert makefile
    assert pod["spec"]["terminationGracePeriodSeconds"] > int(graceful[1])
    assert int(makefile[1]) > int(graceful[1])
