"""The attacks: each function begins one, which lasts until its stack is closed.

To add one, write a function with `@attack` here, or in a module that `__main__.py` imports.
"""

import resource
import selectors
import signal
import socket
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from multiprocessing import Process

from tests.tools.attack.probes import write_lock
from tests.tools.attack.target import BRAND, TOKEN, C, Target, head

BUNDLE = "/apidocs/static/swagger-ui-bundle.js"
CREATE = ("Content-Type: application/json", f"Authorization: {TOKEN}")
IMPORT = ("Content-Type: text/csv", f"Authorization: {TOKEN}")
Begin = Callable[[Target, ExitStack], None]


@dataclass(frozen=True)
class Attack:
    """An attack, and the guarantees meanwhile."""

    name: str
    begin: Begin
    reservations: bool = True
    """Whether reservations are guaranteed meanwhile: not if the attack takes what they need."""
    scrapes: bool = False
    """Whether scrapes are answered in time meanwhile."""


ATTACKS: list[Attack] = []


def attack(name: str, **promises: bool) -> Callable[[Begin], Begin]:
    """Register an attack."""

    def register(begin: Begin) -> Begin:
        ATTACKS.append(Attack(name, begin, **promises))
        return begin

    return register


def send(
    target: Target,
    stack: ExitStack,
    count: int,
    data: bytes,
    *,
    small: bool = False,
    port: int | None = None,
) -> list[socket.socket]:
    """Send the same on so many connections, which stay open."""
    clients = []
    for _ in range(count):
        with suppress(OSError):  # refused, or cut already
            client = target.connect(small=small, port=port)
            stack.callback(client.close)
            clients.append(client)
            client.sendall(data)
    return clients


def trickle(stack: ExitStack, clients: list[socket.socket], every_s: float) -> None:
    """Send a byte now and then on each connection."""
    done = threading.Event()

    def go_on() -> None:
        while not done.wait(every_s):
            for client in clients:
                with suppress(OSError):
                    client.send(b"x", socket.MSG_DONTWAIT)

    thread = threading.Thread(target=go_on)
    thread.start()
    stack.callback(thread.join)
    stack.callback(done.set)


def take_all(stack: ExitStack, clients: list[socket.socket]) -> None:
    """Read everything on each connection."""
    done = threading.Event()
    selector = stack.enter_context(selectors.DefaultSelector())
    for client in clients:
        selector.register(client, selectors.EVENT_READ, client)

    def go_on() -> None:
        while not done.is_set():
            for key, _ in selector.select(0.1):
                with suppress(OSError):
                    if not key.data.recv(1 << 20):
                        selector.unregister(key.data)

    thread = threading.Thread(target=go_on)
    thread.start()
    stack.callback(thread.join)
    stack.callback(done.set)


def allow_files() -> int:
    """Raise the limit of open files to the maximum, and return it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most


@attack("A1: 16 readers of 1.7 MB who never read")
def never_read(target: Target, stack: ExitStack) -> None:
    """Each connection would hold a thread for ever."""
    send(target, stack, 16, head("GET", BUNDLE), small=True)


@attack("A1: 200 readers who never read")
def many_never_read(target: Target, stack: ExitStack) -> None:
    """More connections than threads and places."""
    send(target, stack, 200, head("GET", BUNDLE), small=True)


@attack("A1: 40 exports that nobody reads")
def exports_never_read(target: Target, stack: ExitStack) -> None:
    """Bodies that are streamed in a few threads."""
    send(target, stack, 40, head("GET", f"{C}/export", f"Authorization: {TOKEN}"), small=True)


@attack("A2: 160 heads of 33,000 bytes without an end")
def endless_heads(target: Target, stack: ExitStack) -> None:
    """Each connection would wait in a thread for the rest of its head."""
    send(target, stack, 160, (b"GET /livez HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 33_000)[:33_000])
    send(target, stack, 160, (b"GET / HTTP/1.1\r\n" + b"X: aaaaaaaa\r\n" * 3000)[:33_000])


@attack("A2: 64 bodies at a byte a second, from good callers")
def slow_bodies(target: Target, stack: ExitStack) -> None:
    """Valid tokens, and bodies with a length or in chunks."""
    for fields in (("Content-Length: 900000",), ("Transfer-Encoding: chunked",)):
        first = b"" if "Length" in fields[0] else b"ffff\r\n"
        sent = head("POST", "/v1/discount/create", *CREATE, *fields) + first + b"{"
        trickle(stack, send(target, stack, 32, sent), 1.0)


@attack("A2: 64 imports at a byte a second")
def slow_imports(target: Target, stack: ExitStack) -> None:
    """With and without a good token."""
    good = head("POST", f"{C}/imports", *IMPORT, "Content-Length: 900000")
    bad = head("POST", f"{C}/imports", "Content-Type: text/csv", "Content-Length: 900000")
    trickle(stack, send(target, stack, 32, good + b"CODE"), 1.0)
    send(target, stack, 32, bad + b"CODE")


HALF_SENT = (b"GET / HTTP/1.1\r\n" + b"X: aaaaaaaa\r\n" * 3000)[:30_000]


@attack("A2: 9,500 half-sent requests of 30,000 bytes")
def half_sent(target: Target, stack: ExitStack) -> None:
    """The requests would take hundreds of MiB of memory."""
    send(target, stack, min(9_500, allow_files() - 500), HALF_SENT)


@attack("A2: the same, watched while the connections are opened")
def burst(target: Target, stack: ExitStack) -> None:
    """New connections would wait behind all of them; another process opens these, in a second."""

    def attack_and_hold() -> None:
        half_sent(target, stack)
        signal.pause()

    process = Process(target=attack_and_hold)
    process.start()
    stack.callback(process.join)
    stack.callback(process.kill)


@attack("A2: more connections than there may be")
def too_many_connections(target: Target, stack: ExitStack) -> None:
    """A new connection must be accepted nevertheless."""
    send(target, stack, min(10_500, allow_files() - 500), b"GET / HT")


@attack("A3: 60 creates that wait for a lock", reservations=False)
def waiting_creates(target: Target, stack: ExitStack) -> None:
    """Another process holds SQLite's write lock; probes are answered nevertheless."""
    stack.enter_context(write_lock(target.service.environment["DISCOUNT_DATABASE_URL"]))
    body = b'{"brand": "%b", "number_to_create": 1}' % BRAND.encode()
    sent = head("POST", "/v1/discount/create", *CREATE, f"Content-Length: {len(body)}") + body
    send(target, stack, 60, sent)


@attack("A3: 400 reservations that wait for a lock", reservations=False)
def waiting_reservations(target: Target, stack: ExitStack) -> None:
    """More reservations than the event loop may begin at once; it answers probes as well."""
    stack.enter_context(write_lock(target.service.environment["DISCOUNT_DATABASE_URL"]))
    for number in range(400):
        path = f"{C}/reservations/waits{number}"
        send(target, stack, 1, head("PUT", path, f"Authorization: {TOKEN}"))


@attack("A3: 64 good callers who list 1,000 codes again and again")
def lists_of_codes(target: Target, stack: ExitStack) -> None:
    """Sixteen threads that read pages would starve the event loop."""
    one = head("GET", f"{C}/codes?limit=1000", f"Authorization: {TOKEN}")
    take_all(stack, send(target, stack, 64, one * 200))


@attack("A3: 64 callers who import again and again")
def floods_of_imports(target: Target, stack: ExitStack) -> None:
    """Refusing them in sixteen threads would leave the event loop as little."""
    content = b"".join(b"CODE-%06d\n" % number for number in range(500))
    asked = head("POST", f"{C}/imports?dry_run=true", *IMPORT, f"Content-Length: {len(content)}")
    take_all(stack, send(target, stack, 64, (asked + content) * 100))


@attack("A5: 1,000 half-sent scrapes", scrapes=True)
def half_sent_scrapes(target: Target, stack: ExitStack) -> None:
    """Each scrape would be a thread of the master."""
    send(target, stack, 1000, b"GET /metrics HTTP/1.1\r\nHo", port=target.metrics_port)


@attack("A5: 100 scrapes that nobody takes", scrapes=True)
def scrapes_nobody_takes(target: Target, stack: ExitStack) -> None:
    """Their answers wait in the master, and delay no other."""
    send(target, stack, 100, head("GET", "/metrics"), small=True, port=target.metrics_port)


@attack("A4: requests that would have two answers")
def two_answers(target: Target, stack: ExitStack) -> None:
    """Through a proxy that shares connections, another client would get the second answer."""
    done = threading.Event()
    chunked = "Transfer-Encoding: chunked"
    ambiguous = [
        head("POST", "/livez", chunked) + b"0\r\nHost: evil\r\n\r\n",
        head("POST", "/livez", "Content-Length: 60000") + b"a" * 60_000,
        head("POST", "/livez", chunked) + b"ea60\r\n" + b"a" * 60_000 + b"\r\n0\r\n\r\n",
        head("POST", "/v1/discount/create", "Content-Length: 60000") + b"a" * 60_000,
        head("GET", "/v1/discount/fetch/x/y#z"),
        head("POST", "/livez", "Content-Length: 9", "Expect: 100-continue") + b"123456789",
        head("GET", "/livez", "Connection: TE, close") + head("GET", "/livez"),
    ]

    def go_on() -> None:
        while not done.is_set():
            for request in ambiguous:
                with suppress(OSError), target.connect() as client:
                    client.sendall(request)
                    client.recv(65536)

    threads = [threading.Thread(target=go_on) for _ in range(3)]
    for thread in threads:
        thread.start()
        stack.callback(thread.join)
    stack.callback(done.set)
