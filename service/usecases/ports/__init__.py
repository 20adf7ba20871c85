"""Ports of the use cases, one per module, which the store and the worker implement."""
