"""The one place of wiring: what the server, the worker and the command line are made of.

Nothing here knows Flask or gunicorn, and nothing opens a database or a port: whatever is built
opens what it needs when it is first used.
"""
