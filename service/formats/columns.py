"""The columns of lists: names of fields in CSV, of members in NDJSON and JSON."""

CODE = "code"
"""The column that holds the code; the only one that an import reads."""
CODE_COLUMNS = (CODE, "state", "created_at", "reserved_at", "expires_at")
"""What an export says of a code, in this order."""
REPORT_COLUMNS = ("line", "reason", "detail")
"""What the report of an import says of a line that was refused."""
