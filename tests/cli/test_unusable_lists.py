"""Lists of codes that cannot be read or written are named in one sentence."""

import pytest

from tests.cli.complaints import complaint

pytestmark = pytest.mark.usefixtures("folder")


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
