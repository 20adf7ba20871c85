"""Make `.venv` hold exactly what the lock names; safe to run many times at once.

`install.py NAME` makes `.venv-NAME` of `config/requirements-NAME.txt`, with nothing of ours.

Needs nothing but Python's standard library: it is what a bare machine runs first.
A lock file serialises concurrent `make run`s of one checkout, and a stamp with the
digest of the inputs lets every run but the first return at once.
"""

import fcntl
import hashlib
import pathlib
import subprocess
import sys
import venv

ROOT = pathlib.Path(__file__).resolve().parent.parent
APART = sys.argv[1] if len(sys.argv) > 1 else None
VENV = ROOT / (f".venv-{APART}" if APART else ".venv")
STAMP = VENV / "installed"
LOCK = ROOT / f"config/requirements-{APART or 'dev'}.txt"
INPUTS = (LOCK,) if APART else (LOCK, ROOT / "pyproject.toml")
MADE = f"{sys.version.split()[0]} {VENV}"
"""By which Python the environment was made, and where: its scripts name both."""
MINIMUM = (3, 11)


def wanted() -> str:
    """Return what the stamp says when all is done: a digest of the inputs, and `MADE`."""
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in INPUTS)).hexdigest()
    return f"{digest} {MADE}"


def pip(*arguments: str) -> None:
    """Run the environment's own pip quietly; its complaints still reach the terminal."""
    command = [VENV / "bin/python", "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*command, *arguments], check=True)


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
            venv.create(VENV, with_pip=True, symlinks=True, clear=True)
        pip("install", "--require-hashes", "--requirement", str(LOCK))
        if not APART:
            pip("install", "--no-deps", "--no-build-isolation", "--editable", str(ROOT))
        STAMP.write_text(wanted())


if __name__ == "__main__":
    main()
