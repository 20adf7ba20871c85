"""Make a virtual environment hold exactly what a lock names; safe to run many times at once.

    install.py          what runs and what develops it, into `.venv`
    install.py run      what runs; what an earlier install added for development stays
    install.py NAME     config/requirements-NAME.txt, into `.venv-NAME`, without this package

Needs nothing but Python's standard library: it is what a bare machine runs first. A lock file
serialises concurrent runs in one checkout, and a stamp with digests of the inputs lets every run
but the first return at once, so that what takes time to import is imported where it is used.
"""

import contextlib
import errno
import fcntl
import hashlib
import os
import pathlib
import re
import sys
import typing
from collections.abc import Iterator

ROOT = pathlib.Path(__file__).resolve().parent.parent
CONFIG = ROOT / "config"
BUILD = CONFIG / "requirements-build.txt"
"""What builds the packages that come as source, this one among them."""
RUNTIME = CONFIG / "requirements.txt"
DEVELOPMENT = CONFIG / "requirements-dev.txt"
"""All of `RUNTIME` and `BUILD`, and the tools."""
MINIMUM = (3, 11)
REQUIREMENT = r"^[\w.-]+(?=[\[=])"
"""The name of a package, on a line of a lock."""


class Target:
    """An environment, and what this run wants in it."""

    def __init__(self, argument: str) -> None:
        self.ours = argument in {"", "run"}
        self.venv = ROOT / (".venv" if self.ours else f".venv-{argument}")
        self.stamp = self.venv / "installed"
        self.made = f"{sys.version.split()[0]} {self.venv}"
        """By which Python it was made, and where: its scripts name both."""
        if self.ours:
            self.lock = RUNTIME if argument else DEVELOPMENT
            self.keep: tuple[pathlib.Path, ...] = (DEVELOPMENT,)
        else:
            self.lock = CONFIG / f"requirements-{argument}.txt"
            self.keep = (self.lock, BUILD)

    def expected(self) -> set[str]:
        """Return the lines that the stamp has when nothing is left to do."""
        lines = {self.made, self.line(self.lock)}
        if self.lock == DEVELOPMENT:
            lines.add(self.line(RUNTIME))
        return lines

    def line(self, lock: pathlib.Path) -> str:
        """Return what the stamp says of a lock: its digest, with everything that goes with it."""
        inputs = [lock, BUILD, *([ROOT / "pyproject.toml"] if self.ours else [])]
        digest = hashlib.sha256(b"".join(path.read_bytes() for path in inputs)).hexdigest()
        return f"{lock.name} {digest}"

    def found(self) -> set[str]:
        """Return the lines of the stamp; none where the environment cannot be what it says."""
        if not (self.venv / "bin/python").exists() or not self.stamp.is_file():
            return set()
        return set(self.stamp.read_text().splitlines())

    def is_done(self) -> bool:
        """Return whether the environment has what this run needs."""
        return self.expected() <= self.found()


def install(target: Target) -> None:
    """Bring the environment to what the locks say."""
    found = target.found()
    announce(target)
    if target.made not in found:
        create(target)
    target.stamp.write_text(f"{target.made}\n")  # whoever is interrupted has installed nothing
    pip(target, "install", "--require-hashes", "--requirement", str(BUILD))
    pip(target, "install", *AS_LOCKED, "--requirement", str(target.lock))
    uninstall_others(target)
    if target.ours:
        pip(target, "install", "--no-deps", "--no-build-isolation", "--editable", str(ROOT))
    target.stamp.write_text("".join(f"{line}\n" for line in sorted(target.expected())))


AS_LOCKED = ("--require-hashes", "--no-build-isolation", "--use-pep517")
"""Sources are built by the locked tools; the option after it makes pip 23 do so, too."""


def announce(target: Target) -> None:
    """Say what takes so long."""
    times = {RUNTIME: "half a minute or so", DEVELOPMENT: "a minute or two"}
    took = times.get(target.lock, "a minute or so")
    tell(f"Installing into {target.venv.name} (once; {took}) ...", "info")


def is_log() -> bool:
    """Return whether standard error is a log: that of `make run` without a terminal."""
    return sys.argv[1:] == ["run"] and not sys.stderr.isatty()


def tell(message: str, level: str) -> None:
    """Print a message, in a log as a line of the service (docs/logs.md)."""
    if is_log():
        import json
        import time

        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        line = {"timestamp": now, "level": level, "event": "command_message", "message": message}
        message = json.dumps(line)
    print(message, file=sys.stderr, flush=True)


def fail(message: str) -> typing.NoReturn:
    """End with a message."""
    tell(message, "error")
    sys.exit(1)


def create(target: Target) -> None:
    """Make an empty environment, with pip.

    What `python -m venv` does, but for the scripts of pip and compiling all of it, which takes
    most of the time: pip is unpacked from the wheel that Python brings for this purpose.
    """
    import importlib.util
    import venv
    import zipfile

    if importlib.util.find_spec("ensurepip") is None:
        fail(
            "This Python cannot make a virtual environment with pip: it lacks the module ensurepip."
            " On Debian and Ubuntu, `apt-get install python3-venv` brings it."
        )
    wheel = pip_wheel()
    venv.create(target.venv, with_pip=wheel is None, symlinks=True, clear=True)
    if wheel is not None:
        (site_packages,) = target.venv.glob("lib/python*/site-packages")
        zipfile.ZipFile(wheel).extractall(site_packages)


def pip_wheel() -> pathlib.Path | None:
    """Return the wheel of pip that comes with Python, or nothing where it lies elsewhere.

    Distributions name its folder when they configure Python (`--with-wheel-pkg-dir`).
    """
    import ensurepip
    import sysconfig

    folders = (sysconfig.get_config_var("WHEEL_PKG_DIR"), f"{ensurepip.__path__[0]}/_bundled")
    wheels = (sorted(pathlib.Path(folder).glob("pip-*.whl")) for folder in folders if folder)
    return next((found[-1] for found in wheels if found), None)


def pip(target: Target, *arguments: str) -> str:
    """Run the environment's own pip and return its output; its errors reach the terminal."""
    import subprocess

    command = [target.venv / "bin/python", "-m", "pip", "--quiet", "--disable-pip-version-check"]
    # Python compiles what is imported when it first is: a small part of what would be compiled.
    env = os.environ | {"PIP_NO_COMPILE": "1"}
    errors = subprocess.PIPE if is_log() else None
    done = subprocess.run(
        [*command, *arguments],
        check=False,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        env=env,
    )
    for line in (done.stderr or "").splitlines():
        tell(line, "warning")
    if done.returncode:
        fail(f"Not installed: pip ended with status {done.returncode}; its reason is above.")
    return done.stdout


def uninstall_others(target: Target) -> None:
    """Uninstall what no lock names (any more): as long as it is there, it may be imported."""
    text = "\n".join(lock.read_text() for lock in target.keep)
    named = {normalized(name) for name in re.findall(REQUIREMENT, text, re.MULTILINE)}
    if others := installed(target) - named - {"pip"}:
        pip(target, "uninstall", "--yes", *sorted(others))


def installed(target: Target) -> set[str]:
    """Return the names of what is installed, but for this package (`pip freeze` takes a second)."""
    from importlib.metadata import distributions

    places = [str(place) for place in target.venv.glob("lib/python*/site-packages")]
    return {
        normalized(found.name)
        for found in distributions(path=places)
        if '"editable": true' not in (found.read_text("direct_url.json") or "")
    }


def normalized(name: str) -> str:
    """Return the one spelling by which names of packages are compared (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


@contextlib.contextmanager
def locked(target: Target) -> Iterator[None]:
    """Keep others of this checkout from installing at the same time."""
    path = ROOT / f"{target.venv.name}.lock"
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def inaccessible(error: OSError) -> str:
    """Say what cannot be read or written, whose it is, and what helps."""
    path = pathlib.Path(os.fsdecode(error.filename)) if error.filename else ROOT
    existing = next(each for each in (path, *path.parents) if os.path.lexists(each))
    if error.errno == errno.EROFS:
        whose = f"{existing} is on a file system that cannot be written to."
        remedy = "Work in a copy elsewhere."
    else:
        whose = f"{existing} belongs to {owner(existing)}, and this is {user(os.geteuid())}."
        remedy = (
            f"Make the checkout your own (`sudo chown -R $(id -un) '{ROOT}'`), or work in a copy"
            " that you may write to."
        )
    return f"Cannot install into this checkout: {path}: {error.strerror}. {whose} {remedy}"


def owner(path: pathlib.Path) -> str:
    """Return the name of the user that a file belongs to."""
    return user(path.lstat().st_uid)


def user(uid: int) -> str:
    """Return a user's name, or the number of one without."""
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def ensure(target: Target) -> None:
    """Install, unless the stamp says that it is done."""
    if target.is_done():  # needs no lock, so a checkout that is read-only will do
        return
    with locked(target):
        if not target.is_done():
            install(target)


def main() -> None:
    """Install what the command line names."""
    if sys.version_info < MINIMUM:
        fail(f"Python {MINIMUM[0]}.{MINIMUM[1]} or newer is needed, this is {sys.version}.")
    target = Target(sys.argv[1] if len(sys.argv) > 1 else "")
    try:
        ensure(target)
    except OSError as error:
        fail(inaccessible(error))


if __name__ == "__main__":
    main()
