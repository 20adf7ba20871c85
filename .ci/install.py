"""Make `.venv` hold exactly what the lock names; safe to run many times at once.

`install.py NAME` makes `.venv-NAME` of `config/requirements-NAME.txt`, with nothing of ours.

Needs nothing but Python's standard library: it is what a bare machine runs first.
A lock file serialises concurrent `make run`s of one checkout, and a stamp with the
digest of the inputs lets every run but the first return at once: what takes time to
import is imported where it is used.
"""

import fcntl
import hashlib
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
APART = sys.argv[1] if len(sys.argv) > 1 else None
VENV = ROOT / (f".venv-{APART}" if APART else ".venv")
STAMP = VENV / "installed"
LOCK = ROOT / f"config/requirements-{APART or 'dev'}.txt"
INPUTS = (LOCK,) if APART else (LOCK, ROOT / "pyproject.toml")
MADE = f"{sys.version.split()[0]} {VENV}"
"""By which Python the environment was made, and where: its scripts name both."""
MINIMUM = (3, 11)
NAME = r"^[\w.-]+(?=[\[=])"
"""What is installed, on a line of a lock or of pip's."""


def wanted() -> str:
    """Return what the stamp says when all is done: a digest of the inputs, and `MADE`."""
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in INPUTS)).hexdigest()
    return f"{digest} {MADE}"


def pip(*arguments: str) -> str:
    """Run the environment's own pip, return what it says; its complaints reach the terminal."""
    import subprocess

    command = [VENV / "bin/python", "-m", "pip", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*command, *arguments], check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


def uninstall_the_rest() -> None:
    """Take away what an earlier lock has left: what only lies there may be imported, too."""
    there = re.findall(NAME, pip("freeze", "--exclude-editable"), flags=re.MULTILINE)
    named = re.findall(NAME, LOCK.read_text(), flags=re.MULTILINE)
    if rest := {normal(name) for name in there} - {normal(name) for name in named}:
        pip("uninstall", "--yes", *sorted(rest))


def normal(name: str) -> str:
    """Write a package's name as every spelling of it is compared."""
    return re.sub(r"[-_.]+", "-", name).lower()


def main() -> None:
    """Install, unless the stamp says that it is done."""
    if sys.version_info < MINIMUM:
        sys.exit(f"Python {MINIMUM[0]}.{MINIMUM[1]} or newer is needed, this is {sys.version}.")
    with (ROOT / f"{VENV.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = STAMP.read_text() if STAMP.is_file() else ""
        if found == wanted():
            return
        print(
            f"Installing into {VENV.name} (once; a minute or less) ...", file=sys.stderr, flush=True
        )
        if not found.endswith(f" {MADE}"):
            import venv

            venv.create(VENV, with_pip=True, symlinks=True, clear=True)
        pip("install", "--require-hashes", "--requirement", str(LOCK))
        uninstall_the_rest()
        if not APART:
            pip("install", "--no-deps", "--no-build-isolation", "--editable", str(ROOT))
        STAMP.write_text(wanted())


if __name__ == "__main__":
    main()
