"""The queue that tells workers of jobs: Huey, over a file beside SQLite's or over PostgreSQL.

A message is a job's key and nothing else. It may be lost, come twice or come late: the job's row
is the truth. So nobody waits for the queue, and its SQLite file need not reach the disk.
"""

import json
import os
import signal
from collections.abc import Callable
from typing import Any

import psycopg
from huey import Huey
from huey.consumer import Consumer, Worker
from huey.registry import Message
from huey.serializer import Serializer
from huey.storage import BaseStorage, PostgresStorage, SqliteStorage
from sqlalchemy import make_url

from service.usecases.job_ports import JobKey

NAME = "jobs"
BUSY_TIMEOUT_S = 2
POLL_S = 0.5
"""How long a worker that has nothing to do looks away from the queue."""


class JSONSerializer(Serializer):  # type: ignore[misc]  # Huey brings no types
    """Writes messages as JSON: who can write into the queue must not make a worker run code."""

    def _serialize(self, data: Message) -> bytes:
        return json.dumps(data).encode()

    def _deserialize(self, data: bytes) -> Message:
        return Message(*json.loads(data))


class JobQueue:
    """Hands keys of jobs to workers.

    Args:
        url: The database's URL.
        do: What a worker does with a key; who only tells of jobs needs none.
        make_tables: Whether PostgreSQL's tables are to be made, as `discount db upgrade` does.
            SQLite's file is made by whoever comes first, for it may be deleted at any time.
    """

    def __init__(
        self, url: str, do: Callable[[JobKey], object] | None = None, *, make_tables: bool = False
    ) -> None:
        self._do = do
        self._huey = Huey(
            NAME,
            results=False,
            serializer=JSONSerializer(),
            storage_class=lambda name: _storage(name, url, make_tables=make_tables),
        )
        self._message = self._huey.task(name="do_job")(self._do_job)

    def put(self, key: JobKey) -> None:
        """Tell workers of a job.

        Raises:
            Exception: Whatever kept it from being told.
        """
        self._message(*key)

    def size(self) -> int:
        """Return how many messages wait.

        Raises:
            Exception: The queue cannot be read.
        """
        waiting: int = self._huey.storage.queue_size()
        return waiting

    def consumer(self, idle: Callable[[], None]) -> Any:
        """Make a worker: `run()` works until SIGTERM or SIGINT, then finishes what is in hand.

        Its event `stop_flag` says when to stop.

        Args:
            idle: Called before each rest while the queue is empty or cannot be read.
        """

        class IdleWorker(Worker):  # type: ignore[misc]
            def sleep(self) -> None:
                idle()
                super().sleep()

        class GracefulConsumer(Consumer):  # type: ignore[misc]
            worker_class = IdleWorker

            def start(self) -> None:
                super().start()
                signal.signal(signal.SIGINT, lambda *_: os.kill(os.getpid(), signal.SIGTERM))

        return GracefulConsumer(
            self._huey,
            workers=1,
            periodic=False,
            initial_delay=0.05,
            max_delay=POLL_S,
            scheduler_interval=60,
            graceful_signal="TERM",
        )

    def close(self) -> None:
        """Close what is open; later calls open it again."""
        self._huey.storage.close()

    def _do_job(self, brand_id: int, job_id: str) -> None:
        if self._do is not None:
            self._do(JobKey(brand_id, job_id))


def _storage(name: str, url: str, *, make_tables: bool) -> BaseStorage:
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return SqliteStorage(
            name, filename=f"{parsed.database}-queue", fsync=False, timeout=BUSY_TIMEOUT_S
        )
    dsn = parsed.set(drivername="postgresql").render_as_string(hide_password=False)

    def connect() -> Any:
        return psycopg.connect(
            dsn, connect_timeout=BUSY_TIMEOUT_S, options="-c statement_timeout=2000"
        )

    return PostgresStorage(name, connection=connect, blocking=False, create_tables=make_tables)
