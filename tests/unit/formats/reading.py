"""Reading of whole lists in tests."""

import json

from service.formats.code_lists import Position, read_rows
from service.formats.list_form import ListForm


def read(form, *blocks):
    """Read a list block by block, each with a new reader, as different processes do."""
    position, good, refused = Position(), [], []
    for number, block in enumerate(blocks):
        kept = json.loads(json.dumps(position.as_object()))
        position = Position.from_object(kept, position.name)
        rows = read_rows(form, position, block, last=number == len(blocks) - 1)
        good += rows.good
        refused += rows.refused
        if rows.fault:
            return good, [*refused, rows.fault]
    return good, refused


def read_csv(*blocks):
    return read(ListForm.CSV, *blocks)


def read_ndjson(*blocks):
    return read(ListForm.NDJSON, *blocks)
