"""Cut exports behind Debian's nginx: none may look complete.

nginx sends HTTP/1.0 requests, for which the end of the connection is the end of the answer, and
buffers.
"""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
import requests

from service.usecases.ports.exports import ROWS_AT_ONCE
from tests.support.postgresql import fresh_database, migrated
from tests.support.running import SERVE, Running, free_port, running
from tests.support.tokens import bearer
from tests.support.waiting import get_when_up

NGINX = "/usr/sbin/nginx"
EXPORT = "/v1/brands/brand1/campaigns/default/export"
ROWS = 200_000
"""Some 10 MB: more than nginx and all sockets hold while nobody reads."""
WITHIN_S = 30
CONFIGURATION = """
    daemon off;
    worker_processes 1;
    error_log {folder}/error.log;
    pid {folder}/nginx.pid;
    events {{}}
    http {{
        access_log off;
        client_body_temp_path {folder}/body;
        proxy_temp_path {folder}/proxy;
        fastcgi_temp_path {folder}/fastcgi;
        uwsgi_temp_path {folder}/uwsgi;
        scgi_temp_path {folder}/scgi;
        server {{
            listen 127.0.0.1:{port};
            location / {{
                proxy_pass {upstream};
                {options}
            }}
        }}
    }}
"""


@contextmanager
def nginx(upstream: str, folder: Path, options: str = "") -> Iterator[str]:
    """Run nginx before a service, and return its URL."""
    port, file = free_port(), folder / "nginx.conf"
    file.write_text(
        CONFIGURATION.format(folder=folder, port=port, upstream=upstream, options=options)
    )
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen([NGINX, "-c", file, "-p", folder], stderr=output)
    try:
        get_when_up(f"http://127.0.0.1:{port}/livez")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(WITHIN_S)


def fill(url: str) -> None:
    """Give a brand many codes, faster than the service would make them."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("INSERT INTO brand (name, created_at) VALUES ('brand1', 1)")
        connection.execute(
            "INSERT INTO campaign (brand_id, id, name, created_at) "
            "SELECT id, 1, 'default', 1 FROM brand"
        )
        connection.execute(f"""
            INSERT INTO code (brand_id, campaign_id, code, state, created_at)
            SELECT id, 1, 'CODE-' || number, 'available', 1
            FROM brand, generate_series(1, {ROWS}) AS number
        """)


def end_sessions(url: str) -> None:
    """End all sessions of a database, as a server does that is stopped."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("""
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()
        """)


def kill_workers(service: Running) -> None:
    """Kill gunicorn's workers."""
    for child in psutil.Process(service.process.pid).children():
        os.kill(child.pid, signal.SIGKILL)


def looks_whole(url: str, cause: Callable[[], None] | None) -> bool:
    """Take an export, and return whether its end looks like one.

    Args:
        url: Where to take it.
        cause: The fault to inject after the beginning, if any.

    Raises:
        AssertionError: Rows are missing, although the export was not cut.
    """
    answer = requests.get(url + EXPORT, headers=bearer(), stream=True, timeout=WITHIN_S)
    answer.raise_for_status()
    rows, waiting = 0, cause
    try:
        for part in answer.iter_content(1 << 14):
            rows += part.count(b"\n")
            if waiting and rows > ROWS_AT_ONCE:
                waiting()
                waiting = None
    except requests.RequestException:
        return False
    assert cause or rows == ROWS + 1
    return True


def check_exports_through_nginx(folder: Path) -> None:
    """Require that a cut export never looks complete through nginx.

    Raises:
        AssertionError: One does, or one that was not cut does not.
    """
    options = {
        "default": "",
        "no-buffer": "proxy_buffering off;",
        "small": "proxy_max_temp_file_size 0;",
    }
    with (
        fresh_database(migrated()) as url,
        running(folder, SERVE, DISCOUNT_DATABASE_URL=url) as service,
    ):
        fill(url)
        for name, option in options.items():
            place = folder / name
            place.mkdir()
            with nginx(service.url, place, option) as proxy:
                assert looks_whole(proxy, None), f"{name}: whole"
                for cause in (lambda: end_sessions(url), lambda: kill_workers(service)):
                    assert not looks_whole(proxy, cause), f"{name}: cut"
                    get_when_up(f"{service.url}/readyz")
