"""What a brand, campaign or user may be called.

Names are compared code point by code point and never normalised (Unicode UAX #15 would
make two of them one), so this module only says yes or no; it changes nothing.
"""

import re

MAX_NAME = 64
"""Most characters in the name of a brand or campaign."""
MAX_USER = 128
"""Most characters in a user id."""
DEFAULT_CAMPAIGN = "default"
"""The campaign that a brand's first codes make."""

_CONTROLS = "\\u0000-\\u001f\\u0080-\\u009f"  # C0 and C1 of ECMA-48
_SURROGATES = "\\ud800-\\udfff"  # no scalar values: UTF-8 cannot carry them
_TEMPLATE = r"^(?! )(?!\.{1,2}$)[^/%s]+(?<! )$"

PATTERN = _TEMPLATE % _CONTROLS
"""The rule as a regular expression for documents, which hold no surrogates anyway."""

_RULE = re.compile(_TEMPLATE % (_CONTROLS + _SURROGATES))


def is_name(text: str, longest: int = MAX_NAME) -> bool:
    """Return whether `text` may name something.

    Args:
        text: The candidate.
        longest: Most characters allowed, `MAX_NAME` or `MAX_USER`.
    """
    return len(text) <= longest and _RULE.fullmatch(text) is not None
