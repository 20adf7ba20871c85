"""The WSGI application that gunicorn serves."""

import sys

from service.app import create_app
from service.container.services import build
from service.server.fast_path.entry import TaskSignals, install
from service.settings import SettingsError, load_settings

try:
    app = create_app(build(load_settings(), signals=TaskSignals()))
    install(app)
except SettingsError as error:
    sys.exit(f"discount: {error}")
