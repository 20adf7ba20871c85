"""`discount codes disable` and `enable`."""

import pytest

OF = ("--brand", "brand1")
MOMENT = "2020-01-01T00:00:00Z"


@pytest.fixture
def codes(discount, tables):
    def run(*words, **options):
        done = discount("codes", *words, **options)
        return done.exit_code, done.stdout, done.stderr

    return run


@pytest.fixture
def made(codes):
    """Ten codes."""
    codes("generate", *OF, "--count", 10)
    return [line.split(",")[0] for line in codes("export", *OF)[1].splitlines()[1:]]


def test_named_codes(codes, made):
    assert (0, "", "2 codes are disabled.\n") == codes("disable", *OF, *made[:2])
    status, report, detail = codes("enable", *OF, made[0], "UNKNOWN-1")
    assert (1, "Error: 1 code is enabled, 1 line was refused.\n") == (status, detail)
    assert "2,unknown-code,The campaign has no such code." == report.splitlines()[1]
    assert 9 == len(codes("export", *OF, "--state", "available")[1].splitlines()) - 1


def test_a_file(codes, made):
    given = "\n".join(made[:3])
    assert (0, "", "3 codes are disabled.\n") == codes("disable", *OF, "--file", "-", input=given)


def test_a_selection(codes, made):
    dry = "10 codes would be disabled. Nothing was changed: it was a dry run.\n"
    where = ("--state", "available", "--created-after", MOMENT)
    assert (0, "", dry) == codes("disable", *OF, *where, "--dry-run")
    assert (0, "", "10 codes are disabled.\n") == codes("disable", *OF, *where)
    assert (0, "", "10 codes are enabled.\n") == codes("enable", *OF, "--created-after", MOMENT)


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("AAAA", "--state", "available"),
        ("AAAA", "--file", "x"),
        ("--state", "redeemed"),
        ("--created-before", "2020-01-01"),
        ("--created-before", MOMENT, "--created-after", MOMENT),
        ("not a code",),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(codes, words):
    status, output, error = codes("disable", *OF, *words)
    assert (2, "") == (status, output), error
    assert "Error: " in error
    assert "not a code" not in error


def test_an_unknown_campaign_is_not_made(codes, made):
    for words in (("AAAA",), ("--state", "available")):
        status, _, error = codes("disable", "--brand", "brand1", "--campaign", "none", *words)
        assert (1, "Error: The brand 'brand1' has no campaign 'none'.\n") == (status, error)
