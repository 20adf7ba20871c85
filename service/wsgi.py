"""What gunicorn serves."""

import sys

from service.app import create_app
from service.settings import SettingsError, load_settings

try:
    app = create_app(load_settings())
except SettingsError as error:
    sys.exit(f"discount: {error}")
