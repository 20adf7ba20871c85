"""Rules of the names of brands, campaigns and users.

Names are compared by code points and never normalised (Unicode UAX #15 would make some equal),
so this module accepts or refuses names without changing them.
"""

import re

MAX_NAME = 64
"""Longest name of a brand or campaign, in characters."""
MAX_USER = 128
"""Longest user id, in characters."""
DEFAULT_CAMPAIGN = "default"
"""The campaign that is created with a brand's first codes."""

_CONTROLS = "\\u0000-\\u001f\\u0080-\\u009f"  # C0 and C1 of ECMA-48
_SURROGATES = "\\ud800-\\udfff"  # not in UTF-8
_TEMPLATE = r"^(?! )(?!\.{1,2}$)[^/%s]+(?<! )$"

PATTERN = _TEMPLATE % _CONTROLS
"""The rule as a regular expression for documents, which contain no surrogates."""

_RULE = re.compile(_TEMPLATE % (_CONTROLS + _SURROGATES))


def is_name(text: str, longest: int = MAX_NAME) -> bool:
    """Return whether `text` is a valid name.

    Args:
        text: The candidate.
        longest: Most characters: `MAX_NAME` or `MAX_USER`.
    """
    return len(text) <= longest and _RULE.fullmatch(text) is not None
