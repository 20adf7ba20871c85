"""A small TCP proxy with faults on demand: it cuts, holds, delays or refuses connections."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum

Target = tuple[str, int] | str
"""A host and a port, or the path of a Unix socket."""


class Mode(StrEnum):
    """The treatment of data."""

    PASS = "pass"  # noqa: S105 - no password
    HOLD = "hold"  # nothing passes, and neither end gets an error; data waits
    DELAY = "delay"
    REFUSE = "refuse"  # new connections are closed at once


class Proxy:
    """Passes bytes both ways between whoever connects and a target.

    Args:
        target: Where to.
        delay_s: How long `Mode.DELAY` holds each piece back.
    """

    def __init__(self, target: Target, delay_s: float = 0.05) -> None:
        self.target = target
        self.delay_s = delay_s
        self.mode = Mode.PASS
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.address: tuple[str, int] = self._listener.getsockname()
        self._ends: set[asyncio.StreamWriter] = set()
        self._connections: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._stopped = asyncio.Event()
        self._flowing = asyncio.Event()
        self._flowing.set()

    def set(self, mode: Mode) -> None:
        """Set the treatment."""
        self.mode = mode
        change = self._flowing.clear if mode is Mode.HOLD else self._flowing.set
        self._loop.call_soon_threadsafe(change)

    def cut(self) -> None:
        """Reset all connections."""
        self._loop.call_soon_threadsafe(self._abort_all)

    def stop(self) -> None:
        """Cut all connections, and stop listening."""
        self._loop.call_soon_threadsafe(self._stopped.set)

    def run(self) -> None:
        """Serve until stopped."""
        self._loop.run_until_complete(self._serve())
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    async def _serve(self) -> None:
        async with await asyncio.start_server(self._connect, sock=self._listener):
            await self._stopped.wait()
            self._flowing.set()
            self._abort_all()
            await asyncio.gather(*self._connections, return_exceptions=True)

    def _abort_all(self) -> None:
        for end in self._ends:
            end.transport.abort()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Relay data between two ends; when one closes, close the other."""
        task = asyncio.current_task()
        assert task
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        self._ends.add(writer)
        try:
            there, back = await self._open()
            self._ends.add(back)
            pumps = [
                asyncio.create_task(self._pump(reader, back)),
                asyncio.create_task(self._pump(there, writer)),
            ]
            _, other = await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            for pump in other:
                pump.cancel()
            self._ends.discard(back)
            back.close()
        except OSError:
            writer.transport.abort()
        finally:
            self._ends.discard(writer)
            writer.close()

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self.mode is Mode.REFUSE:
            raise ConnectionRefusedError
        if isinstance(self.target, str):
            return await asyncio.open_unix_connection(self.target)
        return await asyncio.open_connection(*self.target)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while some := await reader.read(65536):
                if self.mode is Mode.DELAY:
                    await asyncio.sleep(self.delay_s)
                await self._flowing.wait()
                writer.write(some)
                await writer.drain()


@contextmanager
def proxying(target: Target) -> Iterator[Proxy]:
    """Run a proxy in a thread of its own; it listens on a port of its own."""
    proxy = Proxy(target)
    thread = threading.Thread(target=proxy.run, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.stop()
        thread.join(10)
