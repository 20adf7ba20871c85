"""Dispatch of an import's chunks to its phases."""

from service.domain.jobs import Chunk
from service.usecases.import_pipeline.checking import keep_checked, merge
from service.usecases.import_pipeline.reading import keep_run, read_run
from service.usecases.import_pipeline.state import CHECK, READ, Batch, ImportTask, Prepared
from service.usecases.import_pipeline.storing import next_batch, store_all, store_batch
from service.usecases.ports.chunk import ChunkReader, ChunkTransaction


def prepare(reader: ChunkReader, task: ImportTask, size: int) -> Prepared | Batch | None:
    """Prepare what a chunk writes."""
    if task.cursor.phase == READ:
        return read_run(reader, task)
    if task.cursor.phase == CHECK:
        return merge(reader, task, size)
    return next_batch(reader, task, size) if reader.single_writer else None


def do_chunk(tx: ChunkTransaction, task: ImportTask, prepared: Prepared | Batch | None) -> Chunk:
    """Write a prepared chunk."""
    if prepared is None:
        return store_all(tx, task)
    if isinstance(prepared, Batch):
        return store_batch(tx, task, prepared)
    tx.insert_refusals(task.key, prepared.refused)
    if task.cursor.phase == READ:
        return keep_run(tx, task, prepared)
    return keep_checked(tx, task, prepared)
