"""The columns of lists: fields in CSV, members in NDJSON and JSON."""

CODE = "code"
"""The column of the code, the only one that an import reads."""
CODE_COLUMNS = (CODE, "state", "created_at", "reserved_at", "expires_at", "redeemed_at", "version")
"""The columns of an export."""
REPORT_COLUMNS = ("line", "reason", "detail")
"""The columns of an import's report."""
