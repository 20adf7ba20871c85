"""What is SQLite's alone: one file, one writer at a time."""
