"""Lists of codes as CSV (RFC 4180) and NDJSON, read and written."""
