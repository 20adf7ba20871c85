"""`discount campaigns` shows campaigns, and sets their rules."""

import json

import pytest

from tests.support.engines import on_sqlite

pytestmark = on_sqlite
SUMMER = ("--brand", "b1", "--campaign", "summer")


@pytest.fixture
def put(discount, tables, tmp_path):
    file = tmp_path / "rules.json"

    def run(content, *options):
        file.write_text(content if isinstance(content, str) else json.dumps(content))
        return discount("campaigns", "put", *SUMMER, *options, file)

    return run


def test_what_was_put_is_shown_and_can_be_put_back(discount, put):
    made = put({"paused": True, "discount": {"type": "percent", "value": "15"}})
    assert (0, "The campaign was made.\n") == (made.exit_code, made.stderr)
    shown = discount("campaigns", "show", *SUMMER)
    assert made.stdout == shown.stdout
    found = json.loads(shown.stdout)
    assert ("summer", False, True) == (found["campaign"], found["open"], found["rules"]["paused"])
    again = put(found["rules"])
    assert (shown.stdout, "The campaign was changed.\n") == (again.stdout, again.stderr)


def test_campaigns_are_listed_and_archived(discount, put):
    put({})
    archived = discount("campaigns", "archive", *SUMMER)
    assert (0, "", "The campaign is archived.\n") == (
        archived.exit_code,
        archived.stdout,
        archived.stderr,
    )
    (line,) = discount("campaigns", "list", "--brand", "b1").stdout.splitlines()
    assert ("summer", True) == (json.loads(line)["campaign"], json.loads(line)["archived"])


def test_a_dry_run_changes_nothing(discount, put):
    dry = put({}, "--dry-run")
    assert (0, "The campaign would be made.\n") == (dry.exit_code, dry.stderr)
    missing = discount("campaigns", "show", *SUMMER)
    assert (1, "Error: There is no brand 'b1'.\n") == (missing.exit_code, missing.stderr)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is not a JSON object of rules."),
        ('{"paused": true, "paused": true}', "is not a JSON object of rules."),
        ("[]", "Invalid input type."),
        ({"pause": True}, "/pause: Unknown field."),
        (
            {"discount": {"type": "percent", "value": "101"}},
            "/discount/value: Must be at most 100.",
        ),
    ],
)
def test_rules_that_are_not_valid_are_refused(put, content, said):
    refused = put(content)
    assert (1, "") == (refused.exit_code, refused.stdout)
    assert said in refused.stderr


def test_what_the_rules_forbid_is_said_as_by_the_service(put):
    put({"discount": {"type": "percent", "value": "15"}})
    refused = put({"discount": {"type": "percent", "value": "20"}})
    assert (1, "Error: Claims are open, so this may not change: discount.\n") == (
        refused.exit_code,
        refused.stderr,
    )


def test_a_file_that_is_not_there_and_a_campaign_that_is_not_there(discount, put, tmp_path):
    unread = discount("campaigns", "put", *SUMMER, tmp_path / "none")
    assert (1, True) == (unread.exit_code, "cannot be read: No such file" in unread.stderr)
    put({})
    missing = discount("campaigns", "archive", "--brand", "b1", "--campaign", "winter")
    assert "Error: The brand 'b1' has no campaign 'winter'.\n" == missing.stderr
