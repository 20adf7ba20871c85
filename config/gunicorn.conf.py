"""For who runs gunicorn by hand: `gunicorn --config config/gunicorn.conf.py`."""

from service.server.configuration import *  # noqa: F403 - gunicorn reads the names of this file
