"""What several operations share stands once in the document, and is referred to."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

Content = dict[str, Any]
_SHARED = 2
"""Uses from which a parameter is shared."""


def reference(kind: str, name: str) -> Content:
    """Return a reference to a component."""
    return {"$ref": f"#/components/{kind}/{name}"}


def share_parameters(document: Content) -> None:
    """Replace equal parameters of operations by references to one component each.

    The first of several parameters with the same name gets it; others stay with their operations
    if only one has them, and get a number otherwise.
    """
    uses = Counter(_key(each) for parameters in _lists(document) for each in parameters)
    names: dict[str, str] = {}
    shared: Content = document["components"].setdefault("parameters", {})
    for parameters in _lists(document):
        for place, parameter in enumerate(parameters):
            key = _key(parameter)
            if uses[key] < _SHARED:
                continue
            if key not in names:
                names[key] = _free_name(parameter["name"], shared)
                shared[names[key]] = parameter
            parameters[place] = reference("parameters", names[key])


def _free_name(name: str, taken: Content) -> str:
    if name not in taken:
        return name
    return next(
        each for number in range(2, len(taken) + 3) if (each := f"{name}-{number}") not in taken
    )


def _lists(document: Content) -> Iterator[list[Content]]:
    for calls in document["paths"].values():
        for call in calls.values():
            yield call.get("parameters", [])


def _key(parameter: Content) -> str:
    return json.dumps(parameter, sort_keys=True)
