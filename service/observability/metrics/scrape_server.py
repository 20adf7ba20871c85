"""The server of the metrics port, where a slow client does not delay others.

One thread waits for all clients together; another one makes the answers, one after the other, and a
single one for equal requests. The number of connections is limited: beyond that, the oldest one
with an incomplete request is closed.
"""

import os
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue

from structlog.typing import FilteringBoundLogger

from service.observability.metrics.scrape_client import Client, Phase
from service.observability.metrics.scrape_messages import (
    END_OF_HEAD,
    Request,
    Response,
    read_request,
    write_response,
)

HEAD_TIMEOUT_S = 5.0
"""The timeout of a request."""
SEND_TIMEOUT_S = 10.0
"""The timeout of sending an answer."""
LINGER_S = 1.0
"""How long a connection lingers after its answer (RFC 9112, section 9.6)."""
MAX_CONNECTIONS = 64
MAX_HEAD = 8192
MAX_HELD = 64 * 1024 * 1024
"""Most bytes of unsent answers; beyond that, the oldest client is disconnected."""
PAUSE_S = 0.5
"""The pause of accepting after the system has refused a connection."""


_GO_FIRST = (Phase.HEAD, Phase.CLOSE, Phase.TAKEN)


class ScrapeServer:
    """A server of GET requests on a port.

    Args:
        host: The address to listen on.
        port: The port; 0 for a free one.
        answer: Returns an answer, in a separate thread; may raise anything.
        log: Logs failed answers.

    Raises:
        OSError: The port is in use.
    """

    def __init__(
        self,
        host: str,
        port: int,
        answer: Callable[[Request], Response],
        log: FilteringBoundLogger,
    ) -> None:
        self._answer, self._log = answer, log
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, port), family=family, backlog=128)
        self._listener.setblocking(False)  # noqa: FBT003 - the socket's signature
        self.port: int = self._listener.getsockname()[1]
        self._clients: dict[Client, None] = {}
        """In the order of their connections."""
        self._asked: SimpleQueue[Client | None] = SimpleQueue()
        self._answered: deque[tuple[Client, bytes]] = deque()
        self._selector = selectors.DefaultSelector()
        self._woken, self._wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._accepts_from = 0.0
        self._stopping = False
        self._threads = [
            threading.Thread(target=target, name=name, daemon=True)
            for target, name in ((self._serve, "metrics"), (self._make_answers, "scrape"))
        ]

    def start(self) -> None:
        """Serve until `stop` or the end of the process; a forked process closes everything."""
        os.register_at_fork(after_in_child=self._close)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._selector.register(self._listener, selectors.EVENT_READ)
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop serving."""
        self._stopping = True
        self._asked.put(None)
        os.write(self._wake, b"\0")
        for thread in self._threads:
            thread.join()
        self._close()

    def _close(self) -> None:
        """Close everything; in a forked process, the parent's connections continue."""
        for client in list(self._clients):
            client.sock.close()
        self._clients.clear()
        if self._listener.fileno() >= 0:
            self._listener.close()
            self._selector.close()
            os.close(self._woken)
            os.close(self._wake)

    def _serve(self) -> None:
        while not self._stopping:
            for key, _ in self._selector.select(self._poll_timeout()):
                if isinstance(key.data, Client):
                    self._see_to(key.data)
                elif key.fileobj is self._listener:
                    self._accept_all()
                else:
                    os.read(self._woken, MAX_HEAD)
            while self._answered:
                self._begin_to_send(*self._answered.popleft())
            self._expire()

    def _poll_timeout(self) -> float | None:
        ends = [client.ends for client in self._clients if client.phase is not Phase.ANSWER]
        if self._accepts_from:
            ends.append(self._accepts_from)
        return max(0.0, min(ends) - time.monotonic()) if ends else None

    def _accept_all(self) -> None:
        """Accept waiting connections; pause if the system refuses one."""
        try:
            for _ in range(MAX_CONNECTIONS):
                sock, _address = self._listener.accept()
                self._add(sock)
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError:
            self._selector.unregister(self._listener)
            self._accepts_from = time.monotonic() + PAUSE_S

    def _add(self, sock: socket.socket) -> None:
        while len(self._clients) >= MAX_CONNECTIONS:
            oldest = self._oldest(*_GO_FIRST)
            if oldest is None:
                sock.close()
                return
            if oldest.phase is Phase.HEAD:
                self._read(oldest)  # its request may have come since the last look
            if oldest in self._clients and oldest.phase in _GO_FIRST:
                self._drop(oldest)
        sock.setblocking(False)  # noqa: FBT003 - the socket's signature
        client = Client(sock, HEAD_TIMEOUT_S)
        self._clients[client] = None
        self._selector.register(sock, selectors.EVENT_READ, client)
        self._read(client)  # most have sent all by now, and are not half-sent to whoever comes next

    def _oldest(self, *phases: Phase) -> Client | None:
        """Return the oldest client in the first of these phases that has any."""
        for phase in phases:
            for client in self._clients:
                if client.phase is phase:
                    return client
        return None

    def _see_to(self, client: Client) -> None:
        if client not in self._clients:
            return
        if client.phase is Phase.TAKEN:
            self._send(client)
        else:
            self._read(client)

    def _read(self, client: Client) -> None:
        """Read from a client; one that has its answer is only waited for to close."""
        try:
            part = client.sock.recv(MAX_HEAD)
        except BlockingIOError:
            return
        except OSError:
            part = b""
        if not part:
            self._drop(client)
        elif client.phase is Phase.HEAD:
            client.head += part
            if END_OF_HEAD in client.head or len(client.head) > MAX_HEAD:
                client.phase = Phase.ANSWER
                self._selector.unregister(client.sock)
                self._asked.put(client)

    def _make_answers(self) -> None:
        """Answer all waiting clients, equal requests with a single answer."""
        while None not in (asked := self._all_asked()):
            waiting: dict[bytes, list[Client]] = {}
            for client in asked:
                if client in self._clients:
                    waiting.setdefault(bytes(client.head), []).append(client)
            for head, clients in waiting.items():
                answer = self._answer_to(head)
                self._answered.extend((client, answer) for client in clients)
                os.write(self._wake, b"\0")

    def _all_asked(self) -> list[Client | None]:
        """Wait for a request, and return all clients with requests."""
        asked = [self._asked.get()]
        while not self._asked.empty():
            asked.append(self._asked.get())
        return asked

    def _answer_to(self, head: bytes) -> bytes:
        request = read_request(head)
        if request is None:
            return write_response(
                Response("400 Bad Request", [], b"This is no request.\n"), body=True
            )
        if request.method not in {"GET", "HEAD"}:
            allowed = [("Allow", "GET, HEAD")]
            return write_response(
                Response("405 Method Not Allowed", allowed, b"Only GET.\n"), body=True
            )
        try:
            response = self._answer(request)
        except Exception as error:  # noqa: BLE001 - whatever it is, others are answered
            self._log.error("scrape_failed", exc_info=error)
            response = Response("500 Internal Server Error", [], b"The log says why.\n")
        return write_response(response, body=request.method == "GET")

    def _begin_to_send(self, client: Client, answer: bytes) -> None:
        if client not in self._clients:
            return
        client.rest = memoryview(answer)
        while sum(len(each.rest) for each in self._clients) > MAX_HELD:
            oldest = self._oldest(Phase.TAKEN)
            if oldest is None:
                break
            self._drop(oldest)
        client.enter(Phase.TAKEN, SEND_TIMEOUT_S)
        self._selector.register(client.sock, selectors.EVENT_WRITE, client)
        self._send(client)

    def _send(self, client: Client) -> None:
        try:
            sent = client.sock.send(client.rest)
        except BlockingIOError:
            return
        except OSError:
            self._drop(client)
            return
        client.rest = client.rest[sent:]
        if client.rest:
            return
        try:
            client.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._drop(client)
            return
        client.enter(Phase.CLOSE, LINGER_S)
        self._selector.modify(client.sock, selectors.EVENT_READ, client)

    def _expire(self) -> None:
        """Disconnect clients whose timeout is over, and accept again after a pause."""
        now = time.monotonic()
        late = [c for c in self._clients if c.phase is not Phase.ANSWER and c.ends <= now]
        for client in late:
            self._drop(client)
        if self._accepts_from and now >= self._accepts_from:
            self._accepts_from = 0.0
            self._selector.register(self._listener, selectors.EVENT_READ)

    def _drop(self, client: Client) -> None:
        """Close a connection, even if a child that was just forked has it open as well."""
        del self._clients[client]
        if client.phase is not Phase.ANSWER:
            self._selector.unregister(client.sock)
        with suppress(OSError):
            client.sock.shutdown(socket.SHUT_RDWR)
        client.sock.close()
