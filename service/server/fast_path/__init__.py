"""The fast path: calls that the event loop answers without Flask and without a thread."""
