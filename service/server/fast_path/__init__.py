"""The fast path: plain calls, answered by the event loop without Flask and without a thread."""
