"""Looking after a database: what no call runs."""
