"""SQLite: one file with a single writer at a time."""
