"""The WSGI application that gunicorn serves."""

from service.app import create_app
from service.container.services import build
from service.observability.messages import exit_with
from service.server.fast_path.entry import TaskSignals, install
from service.settings import SettingsError, load_settings

try:
    app = create_app(build(load_settings(), signals=TaskSignals()))
    install(app)
except SettingsError as error:
    exit_with(str(error))
