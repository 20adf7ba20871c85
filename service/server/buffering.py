"""Buffering of requests: the event loop collects them until they can be answered."""

import time
from contextlib import suppress
from functools import cached_property, partial
from selectors import EVENT_READ
from socket import socket
from typing import TYPE_CHECKING, Any

from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, TConn

from service.api.problems.http_errors import RequestTimeout
from service.domain.errors import ServiceError
from service.server.buffered_requests import BufferedRequests
from service.server.connections import ConnectionWorker
from service.server.evictions import Evictions, no_room
from service.server.fast_path.request import MAX_HEAD
from service.server.http.body import ends_too_soon
from service.server.http.head import read_head
from service.server.http.receiving import REQUEST_TIMEOUT_S, BufferedRequest, ReceiveState
from service.server.refusing import known_environ, refusal

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

FIRST_BYTES = 4096
"""Bytes that are read from a new client before the next one is accepted: most requests are shorter.

Whatever thousands of new clients send, this much of it is within the memory for requests.
"""
_TO_ANSWER = {ReceiveState.HEAD_SUFFICES, ReceiveState.WHOLE}


class BufferingWorker(ConnectionWorker):
    """A worker that buffers requests; a subclass answers them."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._buffered = BufferedRequests()

    @cached_property
    def evictions(self) -> Evictions:
        """The requests that are refused to make room."""
        return Evictions(self.services.requests, self.services.log)

    def take_fast_path(self, conn: TConn, held: bytes) -> bool:
        """Answer a request in the event loop if that is possible, and return whether it is."""
        raise NotImplementedError

    def dispatch(self, conn: TConn, incoming: BufferedRequest) -> None:
        """Answer a request, whose body may be incomplete."""
        raise NotImplementedError

    def refuse_queued(self) -> bool:
        """Refuse the complete request that has waited longest; return whether there was one."""
        raise NotImplementedError

    def make_room(self) -> bool:
        """End the least useful connection, and return whether there was one."""
        return (
            self.lingering.end_oldest()
            or self._evict(self._buffered.oldest_without_head())
            or self.end_oldest_idle()
            or self._evict(self._buffered.oldest())
            or self.pending.end_oldest()
        )

    def _evict(self, conn: TConn | None) -> bool:
        """Refuse a connection, if there is one, and free its place immediately."""
        if conn is None:
            return False
        with suppress(OSError):
            conn.sock.send(self._rejection(conn))
        self.drop(conn)
        return True

    def _rejection(self, conn: TConn) -> bytes:
        """Forget a request that is incomplete, and return the answer, empty if nothing was sent."""
        incoming = self._forget(conn)
        self._buffered.release(incoming)
        if incoming.request is not None:
            return self._refusal(conn, no_room(), known_environ(incoming))
        if not incoming.has_data:
            return b""
        return self.evictions.refusal(conn.client[0], is_head=incoming.is_head)

    def enqueue_req(self, conn: TConn) -> None:
        """Read the next request of a new or readable connection."""
        data = self.receive(conn, FIRST_BYTES)
        if data:
            self.begin(conn, data)
        elif data is None:
            self._await(conn, BufferedRequest(time.monotonic()))
        else:
            self.drop(conn)

    def begin(self, conn: TConn, data: bytes) -> None:
        """Begin a request with its first bytes."""
        if not self.take_fast_path(conn, data):
            self._feed(conn, BufferedRequest(time.monotonic()), data)

    def _await(self, conn: TConn, incoming: BufferedRequest) -> None:
        """Add an incomplete request."""
        self._buffered.add(conn, incoming)
        if incoming.has_data:
            self.slow_poller.register(conn.sock, EVENT_READ, partial(self._resume, conn, incoming))
        else:
            self.poller.register(conn.sock, EVENT_READ, partial(self._begin_late, conn))

    def _forget(self, conn: TConn) -> BufferedRequest:
        incoming = self._buffered.remove(conn)
        (self.slow_poller if incoming.has_data else self.poller).unregister(conn.sock)
        return incoming

    def _begin_late(self, conn: TConn, _socket: socket) -> None:
        """Read from a new connection whose first bytes did not come with it."""
        self._forget(conn)
        self.enqueue_req(conn)

    def _resume(self, conn: TConn, incoming: BufferedRequest, _socket: socket) -> None:
        data = self.receive(conn)
        if data:
            self._feed(conn, incoming, data)
        elif data is not None:
            self._forget(conn)
            self._buffered.release(incoming)
            if incoming.body is None:
                self.drop(conn)
            else:
                self.refuse(conn, ends_too_soon(), known_environ(incoming))

    def _feed(self, conn: TConn, incoming: BufferedRequest, data: bytes) -> None:
        """Process received bytes."""
        waited = conn in self._buffered
        try:
            state = incoming.feed(data)
            if state is ReceiveState.HEAD_WHOLE:
                if self._take_fast_path_late(conn, incoming, waited=waited):
                    return
                state = incoming.begin_body(read_head(incoming.head, self.cfg, conn.client))
        except ServiceError as problem:
            if waited:
                self._forget(conn)
            self._buffered.release(incoming)
            self.refuse(conn, problem, known_environ(incoming))
            return
        self._buffered.measure(incoming)
        if state in _TO_ANSWER:
            if waited:
                self._forget(conn)
            self.dispatch(conn, incoming)
        elif waited:
            self._buffered.add(conn, incoming)
        else:
            self._await(conn, incoming)
        while self._buffered.over_limit and self._free_memory():
            pass

    def _take_fast_path_late(self, conn: TConn, incoming: BufferedRequest, *, waited: bool) -> bool:
        """Answer a fast-path call that came in pieces, or with others behind it."""
        few = len(incoming.buffer) <= MAX_HEAD  # the rest is in no budget while it waits
        if not few or not self.take_fast_path(conn, incoming.head):
            return False
        if waited:
            self._forget(conn)
        self._buffered.release(incoming)
        conn.rest = bytes(incoming.buffer)
        return True

    def _free_memory(self) -> bool:
        """Refuse the least useful request, and return whether there was one."""
        oldest = self._buffered.oldest()
        if oldest is None:
            return self.refuse_queued()
        self.deliver(oldest, self._rejection(oldest), keep=False)
        return True

    def murder_pending(self) -> None:
        """End connections whose request, answer or close takes too long."""
        now = time.monotonic()
        late = self._buffered.late(now, REQUEST_TIMEOUT_S if self.alive else STOP_KEEPALIVE_LINGER)
        for conn in late:
            incoming = self._forget(conn)
            self._buffered.release(incoming)
            if incoming.has_data:
                self.refuse(conn, RequestTimeout(), known_environ(incoming))
            else:
                self.drop(conn)
        if late:  # perhaps there are more: other events come first
            self.method_queue.defer(self.murder_pending)
        self.pending.end_slow()
        self.lingering.end_late(now)
        self.evictions.log(now)

    def refuse(self, conn: TConn, problem: ServiceError, environ: "WSGIEnvironment") -> None:
        """Refuse a request that the application does not see, and end the connection."""
        self.deliver(conn, self._refusal(conn, problem, environ), keep=False)

    def _refusal(self, conn: TConn, problem: ServiceError, environ: "WSGIEnvironment") -> bytes:
        known = environ | {"REMOTE_ADDR": conn.client[0]}
        return refusal(problem, self.services.requests, known)
