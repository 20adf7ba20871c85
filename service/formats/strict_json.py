"""JSON without duplicate members, whose meaning RFC 8259 leaves open."""

from collections import Counter
from typing import Any


class DuplicateMembers(ValueError):  # noqa: N818 - it is the object's state
    """An object has duplicate members."""

    def __init__(self, names: list[str]) -> None:
        """Create an error with their names."""
        super().__init__("A member is there twice.")
        self.names = names


def unique_members(members: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object from its members, for `object_pairs_hook` of `json.loads`.

    Raises:
        DuplicateMembers: A member occurs more than once.
    """
    content = dict(members)
    if len(content) < len(members):
        times = Counter(name for name, _ in members)
        raise DuplicateMembers([name for name, count in times.items() if count > 1])
    return content
