"""JSON whose objects name each member once: RFC 8259 leaves open what else a second one means."""

from collections import Counter
from typing import Any


class DuplicateMembers(ValueError):  # noqa: N818 - it is the object's state
    """An object names members more than once."""

    def __init__(self, names: list[str]) -> None:
        """Say which."""
        super().__init__("A member is there twice.")
        self.names = names


def unique_members(members: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of its members, for `object_pairs_hook` of `json.loads`.

    Raises:
        DuplicateMembers: One is there more than once.
    """
    content = dict(members)
    if len(content) < len(members):
        times = Counter(name for name, _ in members)
        raise DuplicateMembers([name for name, count in times.items() if count > 1])
    return content
