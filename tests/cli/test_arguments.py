"""Arguments of commands, and the messages about invalid ones."""

import re

import jwt
import pytest

from service.auth.caller import Scope
from service.cli.unknown_settings import unknown_settings
from service.domain.model import State
from service.domain.wording import counted
from service.formats.list_form import ListForm
from service.store.postgresql.conninfo import parameters_of
from service.store.postgresql.failures import unreachable
from tests.support.tokens import SECRET

TOKEN = ("token", "--subject", "me", "--brand", "b1")


@pytest.mark.parametrize("state", State)
def test_a_state_is_written_as_the_api_writes_it(state, discount, tables):
    discount("codes", "generate", "--brand", "b1", "--count", "2")
    done = discount("codes", "export", "--brand", "b1", "--state", state.value)
    assert 0 == done.exit_code, done.output
    assert (2 if state is State.AVAILABLE else 0) == len(done.stdout.splitlines()) - 1


@pytest.mark.parametrize("form", ListForm)
def test_a_format_is_written_as_the_api_writes_it(form, discount, tables, tmp_path):
    line = "SUMMER-1" if form is ListForm.CSV else '{"code": "SUMMER-1"}'
    (tmp_path / "list").write_text(f"{line}\n")
    taken = discount("codes", "import", tmp_path / "list", "--brand", "b1", "--format", form.value)
    assert (0, "1 code was stored.\n") == (taken.exit_code, taken.stderr)
    given = discount("codes", "export", "--brand", "b1", "--format", form.value)
    assert "SUMMER-1" in given.stdout
    assert (form is ListForm.NDJSON) == given.stdout.startswith("{")


@pytest.mark.parametrize("command", ["export", "import"])
def test_choices_are_shown_as_they_are_written(command, discount):
    output = discount("codes", command, "--help").stdout
    assert "[csv|ndjson]" in output
    assert command == "import" or "[available|reserved|" in output


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (
            ("--scope", "discounts:create typo"),
            f"'typo' is no scope; the scopes are {Scope.CREATE}",
        ),
        (("--scope", "discounts:Create"), "'discounts:Create' is no scope"),
        (("--scope", " "), "no scope is named"),
        (("--brand", "a/b"), "'a/b' is not a name of 1 to 64 characters"),
        (("--brand", ""), "'' is not a name"),
        (("--brand", "x" * 65), "is not a name of 1 to 64"),
        (("--brand", " b"), "' b' is not a name"),
        (("--brand", ".."), "'..' is not a name"),
        (("--brand", "*"), "'*' stands for all brands"),
        (("--subject", ""), "not a text of 1 to 255 characters"),
        (("--subject", "x" * 256), "not a text of 1 to 255 characters"),
        (("--subject", "\udcff"), "not a text of 1 to 255 characters"),
        (("--ttl", "0"), "--ttl"),
        (("--ttl", "-1"), "--ttl"),
        (("--ttl", "99999999999"), "--ttl"),
        (("--ttl", "soon"), "--ttl"),
    ],
)
def test_a_token_that_the_service_would_not_take_is_not_made(words, reason, discount):
    done = discount(*TOKEN, *words)
    assert (2, "") == (done.exit_code, done.stdout)
    assert reason in " ".join(done.stderr.split())


def test_a_token_says_what_it_was_asked_to_say(discount):
    brands = ("--brand", "b2", "--brand", "b1", "--ttl", "60")
    done = discount(*TOKEN, *brands, "--scope", "discounts:read  discounts:create discounts:read")
    assert (0, "") == (done.exit_code, done.stderr)
    assert re.fullmatch(r"\S+\n", done.stdout)
    claims = jwt.decode(done.stdout.strip(), SECRET, ["HS256"], audience="discount")
    assert ("me", ["b1", "b2"]) == (claims["sub"], claims["brands"])
    assert "discounts:read discounts:create" == claims["scope"]
    assert 60 == claims["exp"] - claims["iat"]


def test_a_token_too_long_for_a_header_is_not_made(discount):
    brands = [word for number in range(200) for word in ("--brand", f"{number:064}")]
    done = discount(*TOKEN, *brands)
    assert (1, "") == (done.exit_code, done.stdout)
    assert "use fewer brands" in done.stderr


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("DISCOUNT_TYPO", "config/example.env lists"),
        ("DISCOUNT_DATABSE_URL", "did you mean DISCOUNT_DATABASE_URL?"),
        ("DISCOUNT_JWT_SECERT_FILE", "did you mean DISCOUNT_JWT_SECRET_FILE?"),
        ("DISCOUNT_PORT", "did you mean PORT?"),
        ("DISCOUNT_WEB_CONCURRENCY", "did you mean WEB_CONCURRENCY?"),
    ],
)
def test_an_unknown_setting_is_warned_of_once(name, advice, discount, monkeypatch):
    monkeypatch.setenv(name, "a-secret-value")
    done = discount(*TOKEN)
    assert 0 == done.exit_code
    assert 1 == len(done.stderr.splitlines())
    assert f"Warning: {name} is not a setting" in done.stderr
    assert advice in done.stderr
    assert "a-secret-value" not in done.stderr
    assert re.fullmatch(r"\S+\n", done.stdout)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DISCOUNT_JWT_SECRET_FILE", "/run/secrets/key"),
        ("DISCOUNT_DRAIN_S", "1"),
        ("DISCOUNT_TESTS_NO_SKIP", "1"),
        ("DISCOUNT_TEST_SERVER", "1"),
        ("DISCOUNT_SERVICE_HOST", "10.0.0.1"),
        ("DISCOUNT_POOLER_SERVICE_PORT_HTTP", "80"),
        ("DISCOUNT_PORT", "tcp://10.0.0.1:80"),
        ("DISCOUNT_PORT_80_TCP_ADDR", "10.0.0.1"),
        ("HOME", "/root"),
    ],
)
def test_settings_and_what_is_not_ours_are_no_mistakes(name, value):
    assert {} == unknown_settings({name: value})


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0 codes"), (1, "1 code"), (2, "2 codes"), (21, "21 codes")]
)
def test_a_number_has_its_noun(number, words):
    assert words == counted(number, "code")


@pytest.mark.parametrize(("count", "words"), [(1, "1 code was made."), (2, "2 codes were made.")])
def test_a_command_says_how_many(count, words, discount, tables):
    done = discount("codes", "generate", "--brand", "b1", "--count", count)
    assert (0, f"{words}\n") == (done.exit_code, done.stderr)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("SUMMER-1\nno\n", "1 row is good, 1 was refused."),
        ("no\nat\n", "0 rows are good, 2 were refused."),
    ],
)
def test_an_import_says_how_many(lines, words, discount, tables):
    done = discount("codes", "import", "-", "--brand", "b1", input=lines)
    assert 1 == done.exit_code
    assert done.stderr.startswith(f"Error: {words}")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            'connection to server at "10.0.0.1", port 5432 failed: FATAL:  password wrong for "me"',
            'password wrong for "me"',
        ),
        (
            'server at "10.0.0.1", port 5432 failed: Connection refused\n\tIs the server running?',
            "Connection refused",
        ),
        ("[Errno -2] Name or service not known", "Name or service not known"),
        ("connection timeout expired", "connection timeout expired"),
        ("", "it does not answer"),
    ],
)
def test_the_reason_of_libpq_is_given_without_its_introduction(text, reason):
    output = unreachable("postgresql://me:secret@a,b:6432/shop", Exception(text), "TO")
    assert f"The database cannot be reached: PostgreSQL at a, b:6432 (TO): {reason}." == output


def test_an_abstract_socket_is_a_host():
    assert "@/run" == parameters_of("host=@/run dbname=shop", "TO")["host"]
