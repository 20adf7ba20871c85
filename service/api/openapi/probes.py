"""The description of the probes, which are not operations, and need no token."""

from collections.abc import Mapping
from typing import Any

from service.api.openapi.components import reference

PROBES: Mapping[str, Any] = {
    "/livez": {
        "operationId": "livez",
        "tags": ["probes"],
        "summary": "Check whether the process responds",
        "description": "The check has no dependencies.",
        "security": [],
        "responses": {
            "200": {
                "description": "The process responds.",
                "content": {
                    "application/json": {
                        "schema": {"type": "object"},
                        "example": {"status": "ok"},
                    }
                },
            },
            "408": reference("responses", "RequestTimeout"),
        },
    },
    "/readyz": {
        "operationId": "readyz",
        "tags": ["probes"],
        "summary": "Check whether calls can be served",
        "description": "Checks each dependency, within a second.",
        "security": [],
        "responses": {
            "408": reference("responses", "RequestTimeout"),
        }
        | {
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
                ("200", "Calls can be served.", "ready", "ok"),
                (
                    "503",
                    "Calls cannot be served; `checks` has the reason.",
                    "not ready",
                    "unavailable",
                ),
            )
        },
    },
}
