"""Gunicorn's own messages, down the service's log pipeline."""

import logging

from gunicorn.config import Config
from gunicorn.glogging import Logger

from service.observability.logging import route_stdlib_logging
from service.settings import load_settings


class PipelineLogger(Logger):
    """Sends gunicorn's own messages down the service's log pipeline, and no access log."""

    def setup(self, cfg: Config) -> None:
        """Take gunicorn's handlers away; its messages reach the root's.

        Never below `info`: gunicorn's debug messages hold paths, and heads with their tokens.
        """
        self.cfg = cfg
        self._access_log_enabled = False
        self.loglevel = max(logging.INFO, self.LOG_LEVELS[cfg.loglevel])
        self.error_log.handlers = []
        self.error_log.propagate = True
        route_stdlib_logging(load_settings())
        self.error_log.setLevel(self.loglevel)
