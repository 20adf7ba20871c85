"""What the document says of the probes, which are no operations: anybody may ask them."""

from collections.abc import Mapping
from typing import Any

PROBES: Mapping[str, Any] = {
    "/livez": {
        "operationId": "livez",
        "tags": ["probes"],
        "summary": "Tell whether the process answers",
        "description": "It touches nothing.",
        "security": [],
        "responses": {
            "200": {
                "description": "It does.",
                "content": {
                    "application/json": {
                        "schema": {"type": "object"},
                        "example": {"status": "ok"},
                    }
                },
            }
        },
    },
    "/readyz": {
        "operationId": "readyz",
        "tags": ["probes"],
        "summary": "Tell whether calls can be served",
        "description": "Each thing that is needed is checked, within a second.",
        "security": [],
        "responses": {
            status: {
                "description": text,
                "content": {
                    "application/json": {
                        "schema": {"type": "object"},
                        "example": {"status": word, "checks": {"database": database}},
                    }
                },
            }
            for status, text, word, database in (
                ("200", "They can.", "ready", "ok"),
                ("503", "They cannot; `checks` says why.", "not ready", "unavailable"),
            )
        },
    },
}
