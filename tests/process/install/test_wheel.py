"""The wheel serves without a checkout, as in the image."""

import shutil
import subprocess
import sys
import zipfile

import pytest
import requests

from service.settings import HOME
from tests.support.running import end, environment
from tests.support.tokens import bearer
from tests.support.waiting import get_when_up, wait_until

FOR_DEVELOPERS = {"service/store/migrations/script.py.mako"}
"""What only `alembic revision` needs."""
DISCOUNT = (sys.executable, "-m", "service.cli")


@pytest.fixture
def wheel(tmp_path):
    """A wheel of this checkout."""
    source = tmp_path / "source"  # building leaves files beside what is built
    caches = shutil.ignore_patterns("__pycache__")
    shutil.copytree(HOME / "service", source / "service", ignore=caches)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(HOME / name, source)
    build = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation")
    subprocess.run([*build, "--wheel-dir", tmp_path, source], check=True, timeout=300)
    (built,) = tmp_path.glob("*.whl")
    return zipfile.ZipFile(built)


@pytest.fixture
def installed(wheel, tmp_path):
    """A folder with the content of the wheel, which precedes the checkout on the path."""
    wheel.extractall(tmp_path / "installed")
    return tmp_path / "installed"


def test_it_has_every_file_of_the_service(wheel):
    ours = {str(file.relative_to(HOME)) for file in (HOME / "service").rglob("*.*")}
    ours = {file for file in ours if "__pycache__" not in file} - FOR_DEVELOPERS
    assert ours == {name for name in wheel.namelist() if name.startswith("service/")}


@pytest.mark.long
def test_it_serves_with_all_that_it_needs(installed, tmp_path):
    env = environment(tmp_path, DISCOUNT_DATABASE_URL=None, PYTHONPATH=str(installed))
    place = tmp_path / "working"
    place.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", "import service; print(service.__file__)"],
        env=env,
        cwd=place,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str(installed / "service/__init__.py")
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([*DISCOUNT, "run", "--upgrade"], env=env, cwd=place, stdout=log)
    try:
        url = f"http://127.0.0.1:{env['PORT']}"
        wait_until(lambda: get_when_up(f"{url}/readyz").ok, "it does not become ready")
        for path in (
            "/openapi.json",
            "/apidocs/",
            "/problems/no-codes-left",
            "/apidocs/apidocs.js",
        ):
            assert 200 == requests.get(url + path, timeout=20).status_code, path
        body = {"brand": "brand1", "number_to_create": 1}
        made = requests.post(f"{url}/v1/discount/create", json=body, headers=bearer(), timeout=20)
        assert 200 == made.status_code
        assert (place / "var/discount.db").exists(), "the database lies in the working directory"
    finally:
        end(process)
