"""Faults of callers, and of their tokens."""

import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

from tests.support.tokens import bearer, forged
from tests.tools.monitoring.faults.registry import fault
from tests.tools.monitoring.scene import QUIET, Scene
from tests.tools.monitoring.traffic import Callers


@fault("a pool is used up quickly")
def _running_dry(scene: Scene) -> Iterator[None]:
    service = scene.on_sqlite
    # Two callers take 10 a second, and where the machine is busy 3: that is quick as well.
    left = round(24_000 / scene.factor)
    while left > 0:
        scene.create(service, "dry", min(left, 1000)).raise_for_status()
        left -= 1000
    with Callers(service, bearer(), "dry", number=2):
        yield


@fault("the last code of a pool is handed out")
def _empty(scene: Scene) -> Iterator[None]:
    service = scene.on_sqlite
    scene.create(service, "empty", 20).raise_for_status()
    scene.wait_until_seen('discount:codes_available:max{brand="empty"} > 0')
    with Callers(service, bearer(), "empty", number=2):
        yield


@fault("callers send forged tokens")
def _forged(scene: Scene) -> Iterator[None]:
    token = forged({}, b"no key of the service's, but as long as one")
    headers = {"Authorization": f"Bearer {token}"}
    with Callers(scene.on_small_disk, headers, number=2):
        yield


@fault("the issuer's clock is a minute fast")
def _clock(scene: Scene) -> Iterator[None]:
    with ExitStack() as stack:
        for _ in range(2):
            early = bearer(iat=int(time.time()) + 60)
            stack.enter_context(Callers(scene.on_small_disk, early, number=1, pause_s=0.2))
        yield


@fault("all calls are refused, at a low rate")
def _refused(scene: Scene) -> Iterator[None]:
    """The issuer signs with a key that it does not publish."""
    headers = scene.steady_headers[QUIET]
    good = dict(headers)
    scene.around.quiet_issuer.jwk("unpublished")
    headers.update(scene.around.quiet_issuer.bearer("unpublished"))
    yield
    headers.update(good)


@fault("a caller exceeds its rate limit")
def _limited(scene: Scene) -> Iterator[None]:
    token = scene.around.quiet_issuer.token(sub="runaway")
    headers = {"Authorization": f"Bearer {token}"}
    with Callers(scene.on_quiet, headers, number=1, pause_s=0.1):
        yield


@fault("kept connections reach the limit of open files")
def _connections(scene: Scene) -> Iterator[None]:
    service, few = scene.on_mounted, 8
    (worker,) = service.workers
    limit, hard = resource.prlimit(worker, resource.RLIMIT_NOFILE)
    lower = len(list(Path(f"/proc/{worker}/fd").iterdir())) + few
    resource.prlimit(worker, resource.RLIMIT_NOFILE, (lower, hard))
    address = ("127.0.0.1", int(service.environment["PORT"]))
    with ExitStack() as stack, suppress(OSError):
        for _ in range(2 * few):
            stack.enter_context(socket.create_connection(address, 10))
        yield
    resource.prlimit(worker, resource.RLIMIT_NOFILE, (limit, hard))
