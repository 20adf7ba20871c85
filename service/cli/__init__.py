"""The `discount` command; it has the same settings and defaults as the service.

A command is imported when it is called, and imports only what it needs, so that `token` and `serve`
start quickly.
"""

import click

from service import __version__
from service.cli.group import CommandGroup

MODULES = {
    "campaigns": "service.cli.campaigns",
    "codes": "service.cli.codes",
    "db": "service.cli.database",
    "erasures": "service.cli.erasures",
    "openapi": "service.cli.document",
    "run": "service.cli.serving",
    "serve": "service.cli.serving",
    "status": "service.cli.status",
    "token": "service.cli.tokens",
    "verify": "service.cli.database",
    "worker": "service.cli.serving",
}
"""The module of each command, by the command's name."""


@click.group(
    cls=CommandGroup, modules=MODULES, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(__version__, prog_name="discount")
def main() -> None:
    """Run and maintain the Discount Service.

    Settings come from the environment; config/example.env lists them.
    """
