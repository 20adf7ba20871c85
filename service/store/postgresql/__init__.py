"""What is PostgreSQL's alone: a server somewhere, and many who write at once."""
