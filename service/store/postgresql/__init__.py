"""PostgreSQL: a server with many concurrent writers."""
