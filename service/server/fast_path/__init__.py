"""The fast path: fast-path calls, answered by the event loop without Flask and without a thread."""
