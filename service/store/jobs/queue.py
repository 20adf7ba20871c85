"""The queue that tells workers of jobs: Huey, over a file beside SQLite's or over PostgreSQL.

A message is a job's key and nothing else. It may be lost, come twice or come late: the job's row
is the truth. So nobody waits for the queue, and its SQLite file need not reach the disk.
"""

import json
import os
import signal
import time
from collections.abc import Callable
from typing import Any

from huey import Huey
from huey.consumer import Consumer, Worker
from huey.registry import Message
from huey.serializer import Serializer
from huey.storage import BaseStorage, PostgresStorage, SqliteStorage

from service.settings import Settings, sqlite_file
from service.store.engines import conninfo_of_settings
from service.store.postgresql.connection import Connection
from service.usecases.job_ports import JobKey

NAME = "jobs"
BUSY_TIMEOUT_S = 2
"""How long anybody waits for the queue."""
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
        settings: They name the database.
        do: What a worker does with a key; who only tells of jobs needs none.
    """

    def __init__(self, settings: Settings, do: Callable[[JobKey], object] | None = None) -> None:
        self._do = do
        self._huey = Huey(
            NAME,
            results=False,
            serializer=JSONSerializer(),
            storage_class=lambda name: _storage(name, settings),
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


def _storage(name: str, settings: Settings) -> BaseStorage:
    if not settings.on_postgresql:
        # The file may be deleted at any time: whoever comes first makes it again.
        file = f"{sqlite_file(settings.database_url)}-queue"
        return SqliteStorage(name, filename=file, fsync=False, timeout=BUSY_TIMEOUT_S)
    conninfo = conninfo_of_settings(settings)

    def connect() -> Connection:
        connection = Connection.connect(conninfo())
        if not settings.prepared_statements:
            connection.prepare_threshold = None
        return connection

    # No LISTEN: a pooler between here and the server may hand each statement to another session.
    return _ImpatientStorage(name, connection=connect, blocking=False, create_tables=False)


class _ImpatientStorage(PostgresStorage):  # type: ignore[misc]
    """Waits for no server that is stopped: what is told of a job must not keep its caller."""

    @property
    def conn(self) -> Connection:
        connection: Connection = super().conn
        connection.deadline = time.monotonic() + BUSY_TIMEOUT_S
        return connection
