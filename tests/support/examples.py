"""How many examples property tests try."""

from hypothesis import settings


def examples(few: int) -> int:
    """Return `few` where the same are tried every time, and what the profile says elsewhere."""
    profile = settings.default
    assert profile
    return few if profile.derandomize else profile.max_examples
