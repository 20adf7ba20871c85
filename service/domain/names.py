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


def _rule(never: str) -> str:
    """Return the rule as a regular expression without look-around, which not all engines have.

    A name begins with something else than a dot, or with a dot and something else, or with a dot
    and two more characters; the last one is never a space.
    """
    some, end, first = f"[^/{never}]", f"[^ /{never}]", f"[^ ./{never}]"
    return f"^({first}({some}*{end})?|\\.({first}|{some}+{end}))$"


PATTERN = _rule(_CONTROLS)
"""The rule for documents, which contain no surrogates."""
_RULE = re.compile(_rule(_CONTROLS + _SURROGATES))


def is_name(text: str, longest: int = MAX_NAME) -> bool:
    """Return whether `text` is a valid name.

    Args:
        text: The candidate.
        longest: Most characters: `MAX_NAME` or `MAX_USER`.
    """
    return len(text) <= longest and _RULE.fullmatch(text) is not None
