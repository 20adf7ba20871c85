"""`make smoke`: the rendered overlays run, as containers of our image, and do what they are for.

Settings: SMOKE_STORE, a folder for images (default build/podman), and SMOKE_DRIVER (default
overlay; vfs, which takes gigabytes, where overlays cannot be mounted).
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from service.settings import HOME, PRODUCTION_DRAIN_S
from tests.support.issuer import Issuer, serving
from tests.support.manifests import Manifest, Rendered, render
from tests.support.pgbouncer import prepares
from tests.support.waiting import wait_until
from tests.tools.history.engines.postgresql import postgresql
from tests.tools.smoke.caller import Caller
from tests.tools.smoke.parts import Pooler, pooling
from tests.tools.smoke.podman import Podman, Secrets, playable
from tests.tools.smoke.probes import Probed

INSIDE = "inside"
TOOLS = ("podman", "buildah", "runc", "debootstrap", "unshare", "ip", "pgbouncer", "kubectl")
PACKAGES = "podman buildah runc debootstrap catatonit iproute2 pgbouncer"
PEAK = "/sys/fs/cgroup/memory.peak || cat /sys/fs/cgroup/memory/memory.max_usage_in_bytes"
"""Of the container, by version 2 of control groups or 1."""
UNITS = {"Mi": 2**20, "Gi": 2**30}


def say(text: str) -> None:
    """Print at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> None:
    """Build the image, then run both overlays where all ports are free."""
    if missing := [tool for tool in TOOLS if shutil.which(tool) is None]:
        sys.exit(f"There is no {', '.join(missing)} here: apt-get install {PACKAGES}")
    store = Path(os.environ.get("SMOKE_STORE", HOME / "build/podman")).absolute()
    podman = Podman(store, os.environ.get("SMOKE_DRIVER", "overlay"))
    if INSIDE in sys.argv:
        play(podman)
        return
    say("building the image (minutes, the first time)")
    subprocess.run([HOME / ".ci/image"], env=podman.environment, check=True)
    again = shlex.join([sys.executable, "-m", "tests.tools.smoke.run", INSIDE])
    # It has nothing but a loopback interface.
    command = ["unshare", "--net", "sh", "-c", f"ip link set lo up && exec {again}"]
    os.execvp(command[0], command)  # noqa: S606 - our own words


def play(podman: Podman) -> None:
    """Run both overlays, one after the other."""
    image = f"localhost/{render('dev').container('api')['image']}"
    podman("pod", "rm", "--all", "--force", check=False)
    podman("volume", "rm", "--all", "--force", check=False)
    with tempfile.TemporaryDirectory(prefix="discount-smoke-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        try:
            dev(podman, render("dev"), image)
            production(podman, render("production"), image, folder)
        finally:
            podman("volume", "rm", "--all", "--force", check=False)
    say("Both overlays run.")


def dev(podman: Podman, overlay: Rendered, image: str) -> None:
    """SQLite on a volume: the data outlives the pod."""
    say("dev")
    deployment = overlay.one("Deployment")
    manifests = [overlay.config, playable(deployment, image)]
    command = ["discount", "token", "--subject", "smoke", "--brand", "*"]
    kept = ""
    for again in (False, True):
        claims = [] if again else overlay.of("PersistentVolumeClaim")
        with podman.playing([*claims, *manifests]):
            container = podman.container("discount", "discount")
            start(podman, container, overlay.container("api"))
            confined(podman, container, overlay.container("api"))
            caller = Caller(podman.exec(container, *command))
            if not again:
                assert len(caller.create("brand1", 3)) == 3
                kept = caller.fetch("brand1", "user1")
                assert caller.job("brand1", 1500) == "succeeded"
            assert caller.fetch("brand1", "user1") == kept
            scrape(5001, "discount_codes_available")
            stop(podman, container, deployment)
        say(f"  {'started again' if again else 'created, fetched, a job done, scraped'}")


def production(podman: Podman, overlay: Rendered, image: str, folder: Path) -> None:
    """PostgreSQL behind a pooler with TLS, tables by the Job, keys from an issuer."""
    say("production")
    issuer = Issuer()
    with (
        postgresql(folder) as database,
        pooling(folder / "pooler", overlay, database.server.address) as pooler,
        serving(issuer) as url,
    ):
        with database.connect() as connection:
            for statement in sql(overlay):
                connection.execute(statement.encode())
        # What is a site's own: where the issuer is, and the Secrets. All else is as rendered.
        settings = overlay.settings | {"DISCOUNT_JWT_JWKS_URL": url}
        if not prepares():
            say("  without prepared statements: this PgBouncer is older than 1.21")
            settings["DISCOUNT_PREPARED_STATEMENTS"] = "false"
        config = overlay.config | {"data": settings}
        secrets = Secrets(folder / "secrets")
        secrets.put("discount-keys", "pseudonym-key", "a key of the smoke test, 32 characters")
        secrets.put("discount-db-ca", "ca.crt", pooler.authority)
        secrets.put("discount-database", "url", pooler.start("the-first-password"))
        job = overlay.one("Job", "discount-upgrade")
        upgrade(podman, [config, playable(job, image, secrets)])
        deployments = [playable(found, image, secrets) for found in overlay.of("Deployment")]
        with podman.playing([config, *deployments]):
            token = issuer.token(iss=overlay.settings["DISCOUNT_JWT_ISSUER"])
            serve(podman, overlay, Caller(token), pooler, secrets)


def serve(
    podman: Podman, overlay: Rendered, caller: Caller, pooler: Pooler, secrets: Secrets
) -> None:
    """Use all functions of servers and workers, with a new password meanwhile."""
    api = podman.container("discount", "discount")
    worker = podman.container("discount-worker", "worker")
    probed = start(podman, api, overlay.container("api"))
    working = start(podman, worker, overlay.container("worker"))
    confined(podman, api, overlay.container("api"))
    confined(podman, worker, overlay.container("worker"))
    assert len(caller.create("brand1", 3)) == 3
    kept = caller.fetch("brand1", "user1")
    assert caller.fetch("brand1", "user1") == kept
    assert caller.job("brand1", 1500) == "succeeded"
    scrape(5001, 'discount_codes_available{brand="brand1",campaign="default"} 1502')
    scrape(5002, 'discount_jobs_ended_total{kind="generate",state="succeeded"} 1')
    say("  created, fetched, a job done, scraped")
    secrets.put("discount-database", "url", pooler.start("the-second-password"))
    probed.wait_for("readinessProbe", timeout_s=60)
    working.wait_for("readinessProbe", timeout_s=60)
    assert caller.fetch("brand1", "user1") == kept
    assert len(caller.create("brand1", 1)) == 1
    say("  a new password of the database, without a restart")
    with caller.steadily("brand1") as statuses, draining(probed):
        stop(podman, api, overlay.one("Deployment"))
    assert set(statuses) == {200}, statuses
    say(f"  {len(statuses)} calls meanwhile, all answered; it said that it drains")
    stop(podman, worker, overlay.one("Deployment", "discount-worker"))


def sql(overlay: Rendered) -> list[str]:
    """Return what the Cluster runs in a new database."""
    initdb = overlay.one("Cluster", "discount-db")["spec"]["bootstrap"]["initdb"]
    statements: list[str] = initdb["postInitApplicationSQL"]
    return statements


def upgrade(podman: Podman, manifests: list[Manifest]) -> None:
    """Run the Job, and wait until it completes."""
    with podman.playing(manifests):
        name = "discount-upgrade-upgrade"
        wait_until(lambda: ended(podman, name), "the Job does not end")
        state = podman.inspect(name)["State"]
        assert state["ExitCode"] == 0, (podman("logs", name), state)
    say("  the Job has made the tables")


def ended(podman: Podman, name: str) -> bool:
    """Whether a container has ended."""
    return bool(podman.inspect(name)["State"]["Status"] == "exited")


def start(podman: Podman, name: str, container: Manifest) -> Probed:
    """Wait as the kubelet would, until a container is ready."""
    probed = Probed(podman, name, container)
    started = probed.wait_for("startupProbe")
    ready = probed.wait_for("readinessProbe", timeout_s=60)
    assert probed.ask("livenessProbe")
    say(f"  {name} started in {started:.1f} s, ready {ready:.1f} s later")
    return probed


def confined(podman: Podman, name: str, container: Manifest) -> None:
    """Check the effective restrictions of a container."""
    status = dict(
        line.split(":\t", 1)
        for line in podman.exec(name, "cat", "/proc/1/status").splitlines()
        if ":\t" in line
    )
    assert status["Uid"].split() == ["10001"] * 4
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    refused = podman.exec(name, "sh", "-c", "touch /app/x 2>&1 || true")
    assert "Read-only file system" in refused
    limits = container["resources"]["limits"]
    found = podman.inspect(name)["HostConfig"]
    assert found["Memory"] == int(limits["memory"][:-2]) * UNITS[limits["memory"][-2:]]
    assert found["CpuQuota"] == int(limits["cpu"]) * found["CpuPeriod"]


def scrape(port: int, wanted: str) -> None:
    """Check that metrics have a line."""
    answer = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=5)
    assert re.search(rf"^{re.escape(wanted)}", answer.text, re.MULTILINE), answer.text


@contextmanager
def draining(probed: Probed) -> Iterator[None]:
    """Check that it is alive and says "not ready", half-way through its drain."""
    found: list[bool] = []
    half = PRODUCTION_DRAIN_S / 2

    def ask() -> None:
        found.extend(probed.ask(which) for which in ("livenessProbe", "readinessProbe"))

    timer = threading.Timer(half, ask)
    timer.start()
    yield
    timer.join()
    assert found == [True, False]


def stop(podman: Podman, name: str, deployment: Manifest) -> None:
    """Send SIGTERM: it ends by itself, in order and in time."""
    grace = deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    peak = int(podman.exec(name, "sh", "-c", f"cat {PEAK} 2>/dev/null")) // UNITS["Mi"]
    began = time.monotonic()
    podman("stop", "--time", str(grace), name)
    seconds = time.monotonic() - began
    state = podman.inspect(name)["State"]
    assert (state["ExitCode"], state["OOMKilled"]) == (0, False), podman("logs", name)
    assert seconds < grace
    say(f"  {name} stopped in {seconds:.1f} s; it had {peak} MiB at most")


if __name__ == "__main__":
    main()
