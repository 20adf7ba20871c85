"""A model of the contract: the answers of a service whose brands have the campaign `default` alone.

The model follows the contract's wording in dicts and sets, and knows nothing of the service's code.
Where the contract leaves a choice (which code a user gets), the model adopts the service's answer
after a check that the answer was allowed.
"""

from collections import Counter
from dataclasses import dataclass, field

DEFAULT = "default"
STATES = ("available", "reserved", "redeemed", "expired", "disabled")


@dataclass(frozen=True)
class Caller:
    """The permissions of a token; `brands` is `None` for all."""

    scopes: frozenset[str]
    brands: frozenset[str] | None = None

    def sees(self, brand: str) -> bool:
        return self.brands is None or brand in self.brands


class Refused(Exception):  # noqa: N818 - what the caller is told
    """The answer must be this problem."""

    def __init__(self, status: int, slug: str) -> None:
        super().__init__(status, slug)
        self.status = status
        self.slug = slug


@dataclass
class Pool:
    """A brand's campaign `default`."""

    holders: dict[str, str | None] = field(default_factory=dict)
    """The holder of each code."""
    held: dict[str, str] = field(default_factory=dict)
    """The code of each user."""

    def state(self, code: str) -> str:
        return "available" if self.holders[code] is None else "reserved"

    def codes(self, state: str | None) -> list[str]:
        """Return the codes, or those in a state, in the order in which they were made."""
        return [code for code in self.holders if state in {None, self.state(code)}]

    def counts(self) -> dict[str, int]:
        seen = Counter(map(self.state, self.holders))
        return {state: seen[state] for state in STATES}


class Model:
    """The state of the service, and every answer that was ever given."""

    def __init__(self) -> None:
        self.pools: dict[str, Pool] = {}
        self.created: dict[str, list[str]] = {}
        """Every code of every create answer, by brand."""
        self.answered: dict[tuple[str, str], tuple[object, list[str]]] = {}
        """The requests with an Idempotency-Key and their answers, by path and key."""
        self.codes_of: dict[tuple[str, str], list[str]] = {}
        """Every code that was answered for a user of a brand."""
        self.moments: dict[tuple[str, ...], str] = {}
        """Every time that was answered for an object."""

    @staticmethod
    def admit(caller: Caller | None, scope: str, brand: str | None = None) -> None:
        """Require that a caller may make a call.

        Raises:
            Refused: There is no token, or it lacks the scope, or it does not name the brand.
        """
        if caller is None:
            raise Refused(401, "unauthenticated")
        if scope not in caller.scopes:
            raise Refused(403, "forbidden")
        if brand is not None and not caller.sees(brand):
            raise Refused(404, "brand-not-found")

    def pool(self, brand: str, campaign: str = DEFAULT) -> Pool:
        """Return a campaign.

        Raises:
            Refused: There is none.
        """
        if brand not in self.pools:
            raise Refused(404, "brand-not-found")
        if campaign != DEFAULT:
            raise Refused(404, "campaign-not-found")
        return self.pools[brand]

    def pool_for_codes(self, brand: str, campaign: str) -> Pool:
        """Return a campaign for new codes; `default` is created on demand.

        Raises:
            Refused: There is none.
        """
        if campaign == DEFAULT:
            return self.pools.setdefault(brand, Pool())
        return self.pool(brand, campaign)

    def add(self, brand: str, pool: Pool, codes: list[str]) -> None:
        """Add new codes."""
        assert len(codes) == len({*codes})
        assert not {*codes} & pool.holders.keys()
        pool.holders.update(dict.fromkeys(codes))
        self.created.setdefault(brand, []).extend(codes)

    def earlier_answer(self, path: str, key: str | None, asked: object) -> list[str] | None:
        """Return the codes that answered the same request before, if any.

        Raises:
            Refused: The key was used for another request.
        """
        if key is None or (path, key) not in self.answered:
            return None
        before, codes = self.answered[path, key]
        if asked != before:
            raise Refused(409, "conflict")
        return codes

    def may_reserve(self, pool: Pool, user: str) -> bool:
        """Return whether a reservation would be new.

        Raises:
            Refused: The user holds nothing, and no code is left.
        """
        if user in pool.held:
            return False
        if not pool.codes("available"):
            raise Refused(404, "no-codes-left")
        return True

    def note_answer(self, brand: str, pool: Pool, user: str, code: str) -> None:
        """Record the answer of `code` to `user`."""
        self.codes_of.setdefault((brand, user), []).append(code)
        if user not in pool.held:
            assert code in pool.holders
            assert pool.holders[code] is None
            pool.holders[code] = user
            pool.held[user] = code
        assert code == pool.held[user]

    def note_moment(self, *what: str, moment: str) -> None:
        """Record the time of something, which must never change."""
        assert moment == self.moments.setdefault(what, moment)

    def brands(self, caller: Caller) -> list[str]:
        """Return the brands that a caller may see."""
        return sorted(filter(caller.sees, self.pools))

    def check_what_always_holds(self) -> None:
        """Check every answer against rules 1 to 3 of the contract's "What always holds"."""
        users = Counter(
            (brand, code) for (brand, _), codes in self.codes_of.items() for code in {*codes}
        )
        assert all(number == 1 for number in users.values()), "a code is held by two users"
        assert all(len({*codes}) == 1 for codes in self.codes_of.values()), "a user got two codes"
        for codes in self.created.values():
            assert len(codes) == len({*codes}), "a code was created twice"
