"""The guarantees, checked against a history: a pure function from history to violations.

Nothing here knows SQL, HTTP or processes. Each rule follows the contract's wording. No rule may
reject a history that a correct service could have produced, whatever was killed or cut in it, and
whichever of the calls without an answer took effect in the end.
"""

from dataclasses import replace

from tests.tools.history.facts import Facts, Violation
from tests.tools.history.history import History
from tests.tools.history.rules import (
    answers,
    codes,
    contract,
    counts,
    creates,
    erasures,
    holds,
    moves,
    redemptions,
    users,
)

RULES = (
    *contract.RULES,
    *users.RULES,
    *creates.RULES,
    *answers.RULES,
    *codes.RULES,
    *redemptions.RULES,
    *holds.RULES,
    *moves.RULES,
    *erasures.RULES,
    *counts.RULES,
)


def violations(history: History) -> list[Violation]:
    """Return every violation of the contract in a history."""
    facts = Facts(history)
    return [
        replace(found, rule=rule.__name__.replace("_", " "))
        for rule in RULES
        for found in rule(facts)
    ]
