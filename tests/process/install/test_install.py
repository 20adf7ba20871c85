"""`make run` installs what runs, `make install` the rest: tried on a tiny package and its locks.

The packages are made here, two of them as source, so that nothing is asked of a registry.
"""

import hashlib
import inspect
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from service.settings import HOME

BASE = Path(sys.base_prefix) / f"bin/python{sys.version_info[0]}.{sys.version_info[1]}"
"""The `python3` of a user without a virtual environment."""
BUILD_SYSTEM = '[build-system]\nrequires = ["builder"]\nbuild-backend = "builder"\n'


def write_wheel(folder, name, version, content):
    file = f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(Path(folder) / file, "w") as wheel:
        wheel.writestr(f"{name}.py", content)
        wheel.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
    return file


def builder(version):
    """Return a build backend (PEP 517, PEP 660) that marks what it builds."""
    return f"""
import zipfile
from pathlib import Path

{inspect.getsource(write_wheel)}

def build_wheel(folder, settings=None, metadata=None):
    return write_wheel(folder, Path("name").read_text(), "1.0", "BUILDER = {version!r}")

build_editable = build_wheel
"""


class Checkout:
    """A checkout with the real installer, and packages of its own."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "a checkout"
        self.packages = folder / "packages"
        for place in (self.root / ".ci", self.root / "config", self.packages):
            place.mkdir(parents=True)
        shutil.copy(HOME / ".ci/install.py", self.root / ".ci")
        (self.root / "pyproject.toml").write_text(BUILD_SYSTEM)
        (self.root / "name").write_text("ours")
        for version in ("1.0", "2.0"):  # an isolated build would take the newer
            write_wheel(self.packages, "builder", version, builder(version))
        for name in ("runtime", "leftover", "tool"):
            write_wheel(self.packages, name, "1.0", "")
        self._write_source("source")
        self.lock("-build", "builder")
        self.lock("", "runtime", "source", "leftover")
        self.lock("-dev", "builder", "runtime", "source", "leftover", "tool")

    def _write_source(self, name: str) -> None:
        folder = self.packages / f"{name}-1.0"
        folder.mkdir()
        (folder / "pyproject.toml").write_text(BUILD_SYSTEM)
        (folder / "name").write_text(name)
        (folder / "PKG-INFO").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        with tarfile.open(f"{folder}.tar.gz", "w:gz") as archive:
            archive.add(folder, folder.name)
        shutil.rmtree(folder)

    def lock(self, suffix: str, *names: str) -> None:
        lines = [f"{name}==1.0 --hash=sha256:{self._digest(name)}\n" for name in names]
        (self.root / f"config/requirements{suffix}.txt").write_text("".join(lines))

    def _digest(self, name: str) -> str:
        (file,) = self.packages.glob(f"{name}-1.0*")
        return hashlib.sha256(file.read_bytes()).hexdigest()

    def start(self, *arguments: str, before: tuple[str, ...] = ()) -> subprocess.Popen[str]:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.packages),
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": self.packages.as_uri(),
        }
        return subprocess.Popen(
            [*before, BASE, self.root / ".ci/install.py", *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def install(self, *arguments: str, before: tuple[str, ...] = ()) -> tuple[int, str]:
        process = self.start(*arguments, before=before)
        output, errors = process.communicate(timeout=300)
        return process.returncode, output + errors

    def is_done(self, *arguments: str) -> bool:
        """Return whether the installer would do nothing: whether it begins shows that."""
        (self.root / ".venv.lock").unlink()
        (self.root / ".venv.lock").mkdir()
        status, _ = self.install(*arguments)
        (self.root / ".venv.lock").rmdir()
        (self.root / ".venv.lock").touch()
        return status == 0

    def installed(self) -> set[str]:
        (folder,) = (self.root / ".venv/lib").glob("python*/site-packages")
        return {path.name.split("-")[0] for path in folder.glob("*-1.0.dist-info")}

    def builder_of(self, name: str) -> str:
        (module,) = (self.root / ".venv/lib").glob(f"python*/site-packages/{name}.py")
        return module.read_text()


@pytest.fixture
def checkout(tmp_path):
    return Checkout(tmp_path)


@pytest.fixture
def unprivileged():
    """The command that makes root respect file modes, too."""
    if os.geteuid() != 0:
        return ()
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("root, and no setpriv (Debian: util-linux) to be anything less")
    return (setpriv, "--bounding-set=-all", "--inh-caps=-all")


RUNTIME = {"builder", "runtime", "source", "leftover", "ours"}


@pytest.mark.long  # `.ci/run` does the same: it runs, checks and tests with one environment
@pytest.mark.timeout(400)  # pip is slow on a busy machine
def test_what_runs_and_what_develops_share_an_environment(checkout, unprivileged):
    """One test of several steps, because creating an environment takes seconds."""
    build_lock = checkout.root / "config/requirements-build.txt"
    good = build_lock.read_text()
    build_lock.write_text(good.replace("sha256:", "sha256:0", 1))
    status, output = checkout.install("run")
    assert 1 == status
    assert "Not installed: pip ended with status 1" in output
    assert "Traceback" not in output
    build_lock.write_text(good)

    runs = [checkout.start("run") for _ in range(2)]
    errors = [run.communicate(timeout=300)[1] for run in runs]
    assert [0, 0] == [run.returncode for run in runs]
    assert 1 == sum("Installing" in text for text in errors)
    assert checkout.installed() == RUNTIME
    assert checkout.builder_of("source") == checkout.builder_of("ours") == "BUILDER = '1.0'"

    checkout.lock("", "runtime", "source")
    checkout.lock("-dev", "builder", "runtime", "source", "tool")
    assert 0 == checkout.install()[0]
    assert checkout.installed() == RUNTIME - {"leftover"} | {"tool"}

    (checkout.root / ".venv.lock").chmod(0o444)
    checkout.root.chmod(0o555)
    assert (0, "") == checkout.install("run", before=unprivileged)
    checkout.root.chmod(0o755)
    checkout.lock("", "runtime", "source", "leftover")
    assert not checkout.is_done("run")
    checkout.lock("", "runtime", "source")
    assert checkout.is_done("run")


@pytest.mark.parametrize("mode", [0o555, 0o755])
def test_a_checkout_that_cannot_be_written_to_gets_a_sentence(checkout, unprivileged, mode):
    """Whether all of it belongs to somebody else, or what an earlier `sudo make` has left."""
    (checkout.root / ".venv.lock").touch(0o444)
    checkout.root.chmod(mode)
    status, output = checkout.install("run", before=unprivileged)
    checkout.root.chmod(0o755)
    assert 1 == status
    assert 1 == len(output.splitlines())
    assert f"Cannot install into this checkout: {checkout.root / '.venv.lock'}:" in output
    assert "Permission denied" in output
    assert "chown" in output


WITHOUT_ENSUREPIP = """
import importlib.util, runpy, sys
find_spec = importlib.util.find_spec
importlib.util.find_spec = lambda name: None if name == "ensurepip" else find_spec(name)
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_python_without_venv_gets_the_name_of_its_package(checkout):
    """As on Debian, which has venv in a package of its own."""
    command = [BASE, "-c", WITHOUT_ENSUREPIP, checkout.root / ".ci/install.py", "run"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert 1 == done.returncode
    assert "apt-get install python3-venv" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("argument", ["", "run", "sbom", "checkov"])
def test_each_lock_that_is_asked_for_is_there(argument):
    names = {"": "requirements-dev.txt", "run": "requirements.txt"}
    assert (HOME / "config" / names.get(argument, f"requirements-{argument}.txt")).is_file()
