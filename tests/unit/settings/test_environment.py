"""Settings: typed, complete, and documented."""

import os
import re

import pytest
from environs import FileAwareEnv

from service.settings import HOME, RateLimit, Settings, SettingsError, load_settings, read_settings
from tests.support.tokens import SECRET

EXAMPLE = HOME / "config" / "example.env"


def test_without_any_setting_development_just_works():
    assert Settings() == load_settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "http"),
        ("PORT", "0"),
        ("PORT", "65536"),
        ("METRICS_PORT", "-1"),
        ("WEB_CONCURRENCY", "0"),
        ("WEB_THREADS", "1.5"),
        ("DISCOUNT_ENV", "staging"),
        ("DISCOUNT_LOG_LEVEL", "loud"),
        ("DISCOUNT_JWT_SECRET", "short"),
        ("DISCOUNT_PSEUDONYM_KEY", ""),
        ("DISCOUNT_ERASURE_KEY", ""),
        ("DISCOUNT_ERASURE_KEY", f"{SECRET}\nshort"),
        ("DISCOUNT_JWT_KEYS_FILE", "/no/such/file"),
        ("DISCOUNT_DATABASE_URL", "mysql://localhost/discount"),
        ("DISCOUNT_DATABASE_URL", "sqlite://"),
        ("DISCOUNT_DATABASE_URL", "not a URL"),
        ("DISCOUNT_DATABASE_URL", "postgresql:/host/db"),
        ("DISCOUNT_PREPARED_STATEMENTS", "perhaps"),
        ("HOST", ""),
        ("DISCOUNT_RATE_LIMIT", ""),
        ("DISCOUNT_RATE_LIMIT", "0/10s"),
        ("DISCOUNT_RATE_LIMIT", "10/0s"),
        ("DISCOUNT_RATE_LIMIT", "10"),
        ("DISCOUNT_RATE_LIMIT", "10/minute"),
        ("DISCOUNT_RATE_LIMIT", "no"),
        ("DISCOUNT_RATE_LIMIT_STORAGE_URL", "http://localhost"),
        ("DISCOUNT_RATE_LIMIT_STORAGE_URL", "memory://"),
        ("DISCOUNT_JWT_ISSUER", ""),
        ("DISCOUNT_JWT_AUDIENCE", ""),
        ("METRICS_PORT", "5000"),
        ("DISCOUNT_JWT_SECRET_FILE", "/no/such/file"),
        ("DISCOUNT_JWT_JWKS_URL", ""),
        ("DISCOUNT_JWT_JWKS_URL", "issuer.example/keys"),
        ("DISCOUNT_JWT_JWKS_URL", "file:///etc/passwd"),
        ("DISCOUNT_JWT_JWKS_URL", "ftp://issuer.example/keys"),
        ("DISCOUNT_JWT_JWKS_URL", "https:///keys"),
        ("DISCOUNT_JWT_JWKS_URL", "https://issuer.example:https/keys"),
        ("DISCOUNT_JWT_JWKS_URL", "https://issuer.example:99999/keys"),
        ("DISCOUNT_JWT_JWKS_URL", "https://[issuer/keys"),
        ("DISCOUNT_JWT_JWKS_URL", "https://user:password@issuer.example/keys"),
        ("DISCOUNT_JWT_JWKS_URL", "https://issuer.example/the keys"),
        ("DISCOUNT_JWT_JWKS_URL", "https://issuer.example/ke\nys"),
        ("DISCOUNT_JWT_JWKS_URL", "https://issuer.example/keys#k1"),
    ],
)
def test_a_wrong_setting_is_named(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=name):
        load_settings()


def test_a_secret_may_come_from_a_file(monkeypatch, tmp_path):
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n")
    monkeypatch.setenv("DISCOUNT_JWT_SECRET_FILE", str(file))
    assert load_settings().jwt_secret == SECRET


def test_an_erasure_key_a_line(monkeypatch, tmp_path):
    file = tmp_path / "keys"
    file.write_text(f"\n {SECRET}\r\n\n{SECRET * 2}\n{SECRET}\n")
    monkeypatch.setenv("DISCOUNT_ERASURE_KEY_FILE", str(file))
    assert (SECRET, SECRET * 2) == load_settings().erasure_keys


@pytest.mark.parametrize(
    ("text", "limit"), [("7/60s", RateLimit(7, 60)), ("1/1s", RateLimit(1, 1)), ("off", None)]
)
def test_a_rate_limit_is_calls_per_seconds_or_off(monkeypatch, text, limit):
    monkeypatch.setenv("DISCOUNT_RATE_LIMIT", text)
    assert limit == load_settings().rate_limit


def test_a_secrets_file_that_is_no_text_is_named(monkeypatch, tmp_path):
    file = tmp_path / "secret"
    file.write_bytes(b"\xff" * 40)
    monkeypatch.setenv("DISCOUNT_JWT_SECRET_FILE", str(file))
    with pytest.raises(SettingsError, match="DISCOUNT_JWT_SECRET_FILE"):
        load_settings()


def test_a_secret_is_not_read_from_a_pipe(monkeypatch, tmp_path):
    """A process may never write into the pipe, and it could not be read again."""
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.setenv("DISCOUNT_JWT_SECRET_FILE", str(tmp_path / "pipe"))
    with pytest.raises(SettingsError, match=r"DISCOUNT_JWT_SECRET_FILE: .*/pipe is a named pipe"):
        load_settings()


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("none", "No such file or directory"),
        (".", "Is a directory"),
        ("list.csv/none", "Not a directory"),
        ("a" * 300, "File name too long"),
    ],
)
@pytest.mark.parametrize("name", ["DISCOUNT_JWT_SECRET_FILE", "DISCOUNT_DATABASE_URL_FILE"])
def test_a_secrets_file_that_cannot_be_read_is_named_and_why(
    name, file, reason, monkeypatch, tmp_path
):
    (tmp_path / "list.csv").touch()
    monkeypatch.setenv(name, str(tmp_path / file))
    with pytest.raises(SettingsError, match=f"^{name}: .* cannot be read: {reason}") as raised:
        load_settings()
    assert str(tmp_path / file) in str(raised.value)


@pytest.mark.parametrize("name", ["DISCOUNT_JWT_SECRET", "DISCOUNT_PSEUDONYM_KEY"])
def test_production_has_no_default_key(monkeypatch, name):
    monkeypatch.setenv("DISCOUNT_ENV", "production")
    monkeypatch.setenv("DISCOUNT_JWT_SECRET", SECRET)
    monkeypatch.setenv("DISCOUNT_PSEUDONYM_KEY", SECRET)
    assert load_settings().production
    monkeypatch.delenv(name)
    with pytest.raises(SettingsError, match=name):
        load_settings()


@pytest.mark.parametrize("name", ["DISCOUNT_JWT_SECRET", "DISCOUNT_JWT_KEYS_FILE"])
def test_keys_come_from_one_source(monkeypatch, tmp_path, name):
    """The published keys and the local ones would differ sooner or later."""
    (tmp_path / "keys.json").write_text("{}")
    value = SECRET if name == "DISCOUNT_JWT_SECRET" else str(tmp_path / "keys.json")
    monkeypatch.setenv(name, value)
    monkeypatch.setenv("DISCOUNT_JWT_JWKS_URL", "https://issuer.example/keys")
    with pytest.raises(SettingsError, match="DISCOUNT_JWT_JWKS_URL is set beside"):
        load_settings()


def test_in_production_keys_are_fetched_over_https_or_loopback(monkeypatch):
    monkeypatch.setenv("DISCOUNT_ENV", "production")
    monkeypatch.setenv("DISCOUNT_PSEUDONYM_KEY", SECRET)
    for good in (
        "https://issuer.example/keys",
        "http://localhost:8080/keys",
        "http://127.0.0.1/keys",
        "http://[::1]:8080/keys",
    ):
        monkeypatch.setenv("DISCOUNT_JWT_JWKS_URL", good)
        assert load_settings().jwt_jwks_url == good
    for bad in ("http://issuer.example/keys", "http://10.0.0.1/", "http://localhost.example/"):
        monkeypatch.setenv("DISCOUNT_JWT_JWKS_URL", bad)
        with pytest.raises(SettingsError, match="DISCOUNT_JWT_JWKS_URL must be https"):
            load_settings()
        monkeypatch.setenv("DISCOUNT_ENV", "development")
        assert load_settings().jwt_jwks_url == bad
        monkeypatch.setenv("DISCOUNT_ENV", "production")


def test_no_secret_is_shown_where_settings_are():
    url = f"redis://:{SECRET}@localhost"
    shown = repr(
        Settings(
            jwt_secret=SECRET,
            pseudonym_key=SECRET,
            erasure_keys=(SECRET,),
            rate_limit_storage_url=url,
        )
    )
    assert SECRET not in shown


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DISCOUNT_JWT_SECRET", "development-" + "x" * 40),
        ("DISCOUNT_PSEUDONYM_KEY", "development-" + "x" * 40),
        ("DISCOUNT_ERASURE_KEY", f"{SECRET}\ndevelopment-" + "x" * 40),
        ("FLASK_DEBUG", "1"),
    ],
)
def test_production_refuses_what_is_for_development(monkeypatch, name, value):
    monkeypatch.setenv("DISCOUNT_JWT_SECRET", SECRET)
    monkeypatch.setenv("DISCOUNT_PSEUDONYM_KEY", SECRET)
    monkeypatch.setenv(name, value)
    assert not load_settings().production
    monkeypatch.setenv("DISCOUNT_ENV", "production")
    with pytest.raises(SettingsError, match=name):
        load_settings()


def test_a_relative_database_path_is_below_the_working_directory(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DISCOUNT_DATABASE_URL", "sqlite:///here.db")
    assert load_settings().database_url == f"sqlite:///{tmp_path}/here.db"


def test_a_database_in_memory_is_refused_and_makes_no_file_of_that_name(monkeypatch):
    monkeypatch.setenv("DISCOUNT_DATABASE_URL", "sqlite:///:memory:")
    with pytest.raises(SettingsError, match="name a file"):
        load_settings()


def test_the_example_lists_every_setting_and_no_other():
    env = FileAwareEnv()
    read_settings(env)
    listed = re.findall(r"^#?([A-Z_]+)=", EXAMPLE.read_text(), re.MULTILINE)
    assert sorted(env.dump()) == sorted(listed)


def test_the_documentation_has_a_row_for_every_setting_and_no_other():
    env = FileAwareEnv()
    read_settings(env)
    rows = re.findall(r"^\| `([A-Z_]+)` \|", (HOME / "docs/settings.md").read_text(), re.MULTILINE)
    assert sorted(env.dump()) == sorted(rows)
