"""The tables, as used by statements. Migrations create them; a test compares the two.

Every key begins with the brand's integer id, so that the data can be split by brand. One
row of `code` is a code and, if a user holds it, that user's reservation: the two guarantees
of the service are two unique keys of one table, which no race can violate.

Items of a single engine are marked in their `info`, see `belongs`. Texts are compared by
code points, which SQLite does by default, and PostgreSQL on request.

Times are integers: milliseconds since 1970-01-01T00:00:00Z.
"""

from service.store.tables.codes import brand, campaign, code, redemption, tally
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
    "redemption",
    "tally",
]
