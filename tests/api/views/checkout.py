"""Calls of a checkout, for tests."""

from dataclasses import dataclass, field
from typing import Any

from flask.testing import FlaskClient

from tests.support.tokens import bearer

B = "/v1/brands/brand1"
C = f"{B}/campaigns/default"


@dataclass
class Checkout:
    """A caller that holds and redeems codes."""

    client: FlaskClient
    headers: dict[str, str] = field(default_factory=bearer)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Make a call of the brand."""
        return self.client.open(
            f"{B}{path}", method=method, json=body, headers=self.headers | headers
        )

    def rules(self, **rules: Any) -> None:
        """Set the rules; those that are missing have their defaults."""
        answer = self.call("PUT", "/campaigns/default?shorten=true", rules)
        assert answer.status_code in {200, 201}, answer.text

    def codes(self, count: int = 1) -> list[str]:
        """Create codes."""
        answer = self.call("POST", "/campaigns/default/codes", {"number_to_create": count})
        made: list[str] = answer.json
        return made

    def reserve(self, user: str = "u") -> str:
        """Return the user's code."""
        answer = self.call("PUT", f"/campaigns/default/reservations/{user}")
        code: str = answer.json["discount_code"]
        return code

    def redeem(
        self, code: str, reference: str = "order", user: str = "u", *, dry_run: bool = False
    ) -> Any:
        query = "?dry_run=true" if dry_run else ""
        body = {"reference": reference, "user": user}
        return self.call("PUT", f"/codes/{code}/redemption{query}", body)

    def undo(self, code: str, reference: str = "order") -> Any:
        return self.call("DELETE", f"/codes/{code}/redemption?reference={reference}")

    def shown(self, code: str, reference: str = "order") -> Any:
        return self.call("GET", f"/codes/{code}/redemption?reference={reference}")

    def hold(self, code: str, reference: str = "order", user: str = "u", **options: Any) -> Any:
        body = {"reference": reference, "user": user, **options}
        return self.call("PUT", f"/codes/{code}/hold", body)

    def end_hold(self, code: str, reference: str = "order") -> Any:
        return self.call("DELETE", f"/codes/{code}/hold?reference={reference}")

    def release(self, user: str = "u", **headers: str) -> Any:
        return self.call("DELETE", f"/campaigns/default/reservations/{user}", **headers)

    def state(self, code: str) -> str:
        state: str = self.call("GET", f"/campaigns/default/codes/{code}").json["state"]
        return state

    def counts(self) -> dict[str, int]:
        """Return the number of codes in each state in which there are any."""
        counts = self.call("GET", "/campaigns/default").json["counts"]
        return {state: number for state, number in counts.items() if number}


def seen(answer: Any) -> tuple[int, str, str | None]:
    """Return the status, slug and state of a refusal."""
    problem = answer.json
    return answer.status_code, problem["type"].removeprefix("/problems/"), problem.get("state")
