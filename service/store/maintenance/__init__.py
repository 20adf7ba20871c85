"""Maintenance of a database, which no call uses."""
