"""Metrics: what is counted, by which collector, and where Prometheus scrapes it."""
