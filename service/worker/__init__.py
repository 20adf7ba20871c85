"""The worker: a process that does jobs, one at a time."""
