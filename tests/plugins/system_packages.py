"""System packages of tests: found, or skipped with the command that installs them."""

import os
import shutil

import pytest

from service.settings import HOME

LIST = HOME / ".ci/packages.txt"
PLACES = os.pathsep.join([str(HOME / ".venv/bin"), "/usr/sbin", "/sbin"])
"""Folders besides PATH: `.ci/kubectl` installs into the first, Debian servers are below."""
INSTALL = "make system-packages"


def debian_packages() -> dict[str, str]:
    """Return the Debian package of each executable; kubectl comes by pip."""
    lines = (line.split() for line in LIST.read_text().splitlines())
    listed = {line[0]: line[1] for line in lines if line and line[0] != "#"}
    return listed | {"kubectl": "kubectl"}


def find(executable: str) -> str | None:
    """Return the path of an executable, if it is anywhere."""
    path = os.environ.get("PATH", os.defpath)
    return shutil.which(executable, path=f"{path}{os.pathsep}{PLACES}")


def require(executable: str) -> str:
    """Return the path of an executable; without it, skip the test."""
    found = find(executable)
    if found is None:
        pytest.skip(f"{executable} is not installed: {INSTALL}")
    return found


def summary(missing: list[str]) -> str:
    """Print once, after all tests, what was missing and what installs it."""
    return (
        f"Tests were skipped, as this machine has no {', '.join(missing)}: "
        f"`{INSTALL}` installs what is missing (Debian)."
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Return the missing packages once, though hundreds of tests may have missed one."""
    missing = [name for name in debian_packages() if find(name) is None]
    if missing and terminalreporter.stats.get("skipped"):
        terminalreporter.write_line(summary(missing), yellow=True)
