"""The tables as statements see them. Migrations make them; a test holds the two together.

Every key begins with the brand's integer id, so that the data can be split by brand. One
row of `code` is a code and, once a user holds it, that user's reservation: the two promises
of the service are two unique keys of one table, which no race gets around.

What only one engine has says so in its `info`, see `belongs`. Texts are compared code point by
code point, as SQLite does it; PostgreSQL must be told.

Moments are integers, milliseconds since 1970-01-01T00:00:00Z.
"""

from service.store.tables.codes import brand, campaign, code, tally
from service.store.tables.imports import (
    import_block,
    import_file,
    import_refusal,
    import_row,
    import_run,
)
from service.store.tables.jobs import job
from service.store.tables.shared import belongs, belongs_to_all, metadata
from service.store.tables.stored_answers import IDEMPOTENCY_KEY, idempotency

__all__ = [
    "IDEMPOTENCY_KEY",
    "belongs",
    "belongs_to_all",
    "brand",
    "campaign",
    "code",
    "idempotency",
    "import_block",
    "import_file",
    "import_refusal",
    "import_row",
    "import_run",
    "job",
    "metadata",
    "tally",
]
