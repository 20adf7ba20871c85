"""The HTTP server: gunicorn, with workers that receive and answer as the service promises."""
