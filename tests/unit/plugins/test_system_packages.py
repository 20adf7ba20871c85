"""System packages: one list has them all, and messages name its command."""

import re
import subprocess

import pytest

from service.settings import HOME
from tests.plugins.system_packages import INSTALL, debian_packages, find, require, summary

SOURCES = [
    path for path in (HOME / "tests").rglob("*.py") if path.name != "test_system_packages.py"
]


def test_every_part_that_a_test_requires_is_in_the_list():
    required = {
        name
        for path in SOURCES
        for name in re.findall(r'\brequire\("([\w-]+)"\)', path.read_text())
    }
    assert required
    assert required <= set(debian_packages())


def test_a_missing_part_skips_with_the_command_that_brings_it(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("tests.plugins.system_packages.PLACES", str(tmp_path))
    assert find("jq") is None
    with pytest.raises(pytest.skip.Exception, match=rf"jq is not installed: {INSTALL}"):
        require("jq")
    (tmp_path / "jq").touch(0o755)
    assert str(tmp_path / "jq") == require("jq")


def test_the_summary_names_all_of_them_and_a_target_that_exists():
    assert f"no chromium, jq: `{INSTALL}`" in summary(["chromium", "jq"])
    target = INSTALL.removeprefix("make ")
    assert re.search(rf"^{target}: ", (HOME / "Makefile").read_text(), re.MULTILINE)


def test_with_everything_there_nothing_is_installed(tmp_path):
    """The script finds what the tests find; otherwise it would call apt, which is missing here."""
    for name in debian_packages():
        (tmp_path / name).touch(0o755)
    script = HOME / ".ci/system-packages"
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = subprocess.run([script], env=environment, check=False, capture_output=True, text=True)
    assert (0, "", "") == (done.returncode, done.stdout, done.stderr)
