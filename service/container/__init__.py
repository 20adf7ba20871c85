"""The wiring of the server, the worker and the command line.

Nothing here depends on Flask or gunicorn, and nothing opens a database or a port: all parts open
what they need when they are first used.
"""
