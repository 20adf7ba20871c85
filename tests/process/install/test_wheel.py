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

DISCOUNT = (sys.executable, "-m", "service.cli")


@pytest.fixture
def installed(tmp_path):
    """A folder with the content of a wheel, which precedes the checkout on the path."""
    source = tmp_path / "source"  # building leaves files beside what is built
    shutil.copytree(HOME / "service", source / "service")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(HOME / name, source)
    build = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation")
    subprocess.run([*build, "--wheel-dir", tmp_path, source], check=True, timeout=300)
    (wheel,) = tmp_path.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "installed")
    return tmp_path / "installed"


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
