"""Dispatch of an import's chunks to its phases."""

from service.domain.jobs import Chunk
from service.usecases.import_pipeline.checking import keep_checked, merge
from service.usecases.import_pipeline.reading import keep_run, read_run
from service.usecases.import_pipeline.state import CHECK, READ, ImportTask, Prepared
from service.usecases.import_pipeline.storing import store_all, store_some
from service.usecases.ports.chunk import ChunkReader, ChunkTransaction


def prepare(reader: ChunkReader, task: ImportTask, size: int) -> Prepared | None:
    """Prepare what a chunk writes."""
    if task.cursor.phase == READ:
        return read_run(reader, task)
    return merge(reader, task, size) if task.cursor.phase == CHECK else None


def do_chunk(tx: ChunkTransaction, task: ImportTask, prepared: Prepared | None, size: int) -> Chunk:
    """Write a prepared chunk."""
    if prepared is None:
        return store_some(tx, task, size) if tx.single_writer else store_all(tx, task)
    tx.insert_refusals(task.key, prepared.refused)
    if task.cursor.phase == READ:
        return keep_run(tx, task, prepared)
    return keep_checked(tx, task, prepared)
