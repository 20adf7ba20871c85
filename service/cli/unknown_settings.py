"""Warnings about unknown environment variables that look like settings."""

import os
import re
from collections.abc import Collection, Mapping
from difflib import get_close_matches

from service.cli import streams
from service.settings import setting_names

PREFIX = "DISCOUNT_"
_OF_TESTS = "DISCOUNT_TEST"
"""Prefixes of variables of the tests."""
_OF_KUBERNETES = re.compile(r"\w+_SERVICE_(HOST|PORT)(_\w+)?|\w+_PORT_\d+_(TCP|UDP|SCTP)(_\w+)?")
"""Variables of pods near a Kubernetes Service whose name begins with "discount".

https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
"""
_ADDRESS = re.compile(r"(tcp|udp|sctp)://")


def warn_of_unknown_settings() -> None:
    """Warn of each unknown variable, with the setting that may be meant.

    They are removed from the environment, so that child processes do not warn again.
    """
    for name, warning in unknown_settings(os.environ).items():
        streams.warn(warning)
        del os.environ[name]


def unknown_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Return a sentence about each unknown variable, by its name."""
    known = setting_names()
    names = [
        name
        for name, value in environment.items()
        if name.startswith(PREFIX) and name not in known and not _is_of_others(name, value)
    ]
    return {name: _sentence(name, known) for name in sorted(names)}


def _sentence(name: str, known: Collection[str]) -> str:
    nearest = _nearest(name, known)
    advice = f"did you mean {nearest}?" if nearest else "config/example.env lists the settings."
    return f"{name} is not a setting of the service and has no effect; {advice}"


def _is_of_others(name: str, value: str) -> bool:
    return bool(
        name.startswith(_OF_TESTS) or _OF_KUBERNETES.fullmatch(name) or _ADDRESS.match(value)
    )


def _nearest(name: str, known: Collection[str]) -> str | None:
    """Return the setting whose name is most similar, whatever the prefix."""
    by_rest = {setting.removeprefix(PREFIX): setting for setting in known}
    return next(
        (by_rest[rest] for rest in get_close_matches(name.removeprefix(PREFIX), by_rest, 1)), None
    )
