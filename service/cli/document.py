"""`discount openapi`: the document without a server."""

import json

import click

from service.cli import streams
from service.settings import load_settings


@click.command()
def openapi() -> None:
    """Print the OpenAPI document."""
    from service.api.openapi.document import build_document
    from service.app import create_app
    from service.container.services import build

    document = build_document(create_app(build(load_settings())))
    streams.write_line(json.dumps(document, indent=2))
