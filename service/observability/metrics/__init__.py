"""Metrics: instruments, collectors, and the port for Prometheus."""
