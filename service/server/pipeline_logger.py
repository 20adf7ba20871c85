"""gunicorn's messages in the service's log pipeline."""

import logging

from gunicorn.config import Config
from gunicorn.glogging import Logger

from service.observability.logging import route_stdlib_logging
from service.settings import load_settings


class PipelineLogger(Logger):
    """A logger that routes gunicorn's messages into the service's log, without an access log."""

    def setup(self, cfg: Config) -> None:
        """Remove gunicorn's handlers; messages propagate to the root logger.

        Never below `info`: gunicorn's debug messages contain paths, and heads with tokens.
        """
        self.cfg = cfg
        self._access_log_enabled = False
        self.loglevel = max(logging.INFO, self.LOG_LEVELS[cfg.loglevel])
        self.error_log.handlers = []
        self.error_log.propagate = True
        route_stdlib_logging(load_settings())
        self.error_log.setLevel(self.loglevel)
