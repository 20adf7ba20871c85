"""`discount token`: a bearer token for development and tests."""

import click

from service.auth.caller import Scope
from service.auth.keys.loading import load_keys
from service.auth.tokens import ALL_BRANDS, MAX_SUBJECT, MAX_TOKEN, is_subject, issue_token
from service.cli import streams
from service.cli.parameters import NOT_A_NAME, unique
from service.domain.names import is_name
from service.settings import load_settings

MAX_TTL_S = 366 * 24 * 3600
"""Longest time to live, as tokens cannot be revoked."""


def _subject(_context: click.Context, _parameter: click.Parameter, text: str) -> str:
    if not is_subject(text):
        raise click.BadParameter(f"not a text of 1 to {MAX_SUBJECT} characters.")
    return text


def _scope(_context: click.Context, _parameter: click.Parameter, text: str) -> str:
    scopes = unique(text.split())
    unknown = [scope for scope in scopes if scope not in {*Scope}]
    if unknown or not scopes:
        what = f"{unknown[0]!r} is no scope" if unknown else "no scope is named"
        raise click.BadParameter(f"{what}; the scopes are {', '.join(Scope)}.")
    return " ".join(scopes)


def _brands(
    _context: click.Context, _parameter: click.Parameter, names: tuple[str, ...]
) -> list[str]:
    brands = unique(names)
    if brands != ALL_BRANDS and "*" in brands:
        raise click.BadParameter("'*' stands for all brands, and for itself alone.")
    for name in brands:
        if not is_name(name):
            raise click.BadParameter(f"{name!r} {NOT_A_NAME}")
    return brands


@click.command()
@click.option(
    "--subject", required=True, callback=_subject, help="Subject (`sub`) of the token: the caller."
)
@click.option(
    "--scope",
    default=" ".join(Scope),
    callback=_scope,
    help="Scopes of the token, separated by spaces.  [default: all scopes]",
)
@click.option(
    "--brand",
    "brands",
    multiple=True,
    required=True,
    callback=_brands,
    help="A brand that the token grants, or '*' for all; may be repeated.",
)
@click.option(
    "--ttl",
    type=click.IntRange(1, MAX_TTL_S),
    default=3600,
    show_default=True,
    help="Lifetime of the token in seconds.",
)
def token(subject: str, scope: str, brands: list[str], ttl: int) -> None:
    """Print a bearer token, signed with the service's own secret."""
    settings = load_settings()
    keys = load_keys(settings)
    made = issue_token(settings, keys, subject=subject, scope=scope, brands=brands, ttl_s=ttl)
    if len(made) > MAX_TOKEN:
        raise click.ClickException(
            f"A token for so many brands has {len(made)} characters, and the service accepts at "
            f"most {MAX_TOKEN}: use fewer brands, or '*'."
        )
    streams.write_line(made)
