"""The number of examples of property tests."""

from hypothesis import settings


def examples(few: int) -> int:
    """Return `few` for fixed examples, and the profile's number otherwise."""
    profile = settings.default
    assert profile
    return few if profile.derandomize else profile.max_examples
