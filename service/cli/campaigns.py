"""`discount campaigns`: campaigns and their rules, as the API has them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from marshmallow import ValidationError

from service.api.representations import campaign_object, full_campaign
from service.api.schemas.campaign_rules import RulesBody
from service.cli import streams
from service.cli.parameters import name
from service.cli.storage import opened_storage
from service.domain.campaigns import CampaignWithCounts, Rules
from service.domain.errors import BrandNotFound, CampaignNotFound
from service.formats.strict_json import unique_members
from service.store.repositories.store import SQLStore
from service.usecases.campaigns import WantedRules, archive_campaign, put_campaign
from service.usecases.ports.clock import system_clock

PAGE = 1000
_STANDARD = "-"
_brand = click.option("--brand", required=True, callback=name, help="Brand of the campaign.")
_campaign = click.option("--campaign", required=True, callback=name, help="Name of the campaign.")


@click.group()
def campaigns() -> None:
    """Show campaigns, and set their rules."""


@campaigns.command("list")
@click.option("--brand", required=True, callback=name, help="Brand of the campaigns.")
def list_(brand: str) -> None:
    """List a brand's campaigns, each as one line of JSON."""
    with _opened(brand) as store:
        after, more = None, True
        while more:
            page = store.campaigns(brand, after, PAGE)
            for found in page.items:
                streams.write_line(json.dumps(campaign_object(found)))
                after = found.name
            more = page.more


@campaigns.command()
@_brand
@_campaign
def show(brand: str, campaign: str) -> None:
    """Show a campaign with its rules and counts, as JSON."""
    with _opened(brand, campaign) as store:
        _show(store.campaign(brand, campaign))


@campaigns.command()
@_brand
@_campaign
@click.option("--shorten", is_flag=True, help="Let it end earlier although codes can be claimed.")
@click.option("--dry-run", is_flag=True, help="Show what would be, and change nothing.")
@click.argument("file")
def put(brand: str, campaign: str, file: str, *, shorten: bool, dry_run: bool) -> None:
    """Set all rules of a campaign to those in FILE ('-' for standard input), a JSON object.

    What FILE does not name gets its default. The campaign is made if there is none.
    """
    wanted = WantedRules(_rules_in(file), shorten=shorten, dry_run=dry_run)
    with _opened(brand, campaign) as store:
        found, new = put_campaign(store, brand, campaign, wanted)
    _show(found)
    done = "would be" if dry_run else "was"
    streams.report(f"The campaign {done} {'made' if new else 'changed'}.")


@campaigns.command()
@_brand
@_campaign
def archive(brand: str, campaign: str) -> None:
    """Archive a campaign: users keep their codes, and no more are given out."""
    with _opened(brand, campaign) as store:
        archive_campaign(store, brand, campaign)
    streams.report("The campaign is archived.")


def _show(found: CampaignWithCounts) -> None:
    streams.write_line(json.dumps(full_campaign(found, system_clock()), indent=2))


def _rules_in(file: str) -> Rules:
    """Read rules.

    Raises:
        ClickException: They cannot be read, or are not valid.
    """
    shown = "Standard input" if file == _STANDARD else click.format_filename(file)
    try:
        text = streams.input_().read() if file == _STANDARD else Path(file).read_bytes()
        body = json.loads(text, object_pairs_hook=unique_members)
        rules: Rules = RulesBody().load(body)["rules"]
    except ValidationError as error:
        faults = "; ".join(_faults(error.messages_dict))
        raise click.ClickException(f"{shown}: {faults}") from error
    except OSError as error:
        raise click.ClickException(f"{shown} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise click.ClickException(f"{shown} is not a JSON object of rules.") from error
    return rules


def _faults(messages: dict[Any, Any], path: str = "") -> Iterator[str]:
    """Yield each fault with the path of its value."""
    for member, found in messages.items():
        if isinstance(found, dict):
            yield from _faults(found, f"{path}/{member}")
        else:
            yield f"{path}/{member}: {' '.join(found)}"


@contextmanager
def _opened(brand: str, campaign: str | None = None) -> Iterator[SQLStore]:
    """Open the store.

    Raises:
        ClickException: There is no such campaign.
    """
    with opened_storage() as storage:
        try:
            yield storage.store
        except BrandNotFound as error:
            raise click.ClickException(f"There is no brand {brand!r}.") from error
        except CampaignNotFound as error:
            missing = f"The brand {brand!r} has no campaign {campaign!r}."
            raise click.ClickException(missing) from error
