"""The HTTP server: gunicorn with workers of our own."""
