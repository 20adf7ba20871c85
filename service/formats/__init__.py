"""Formats of lists of codes: CSV (RFC 4180) and NDJSON, for reading and writing."""
