"""What always holds, checked against a history: a pure function from history to violations.

Nothing here knows SQL, HTTP or processes. Each rule reads as the contract does; none may find
fault with a history that a right service could have made, whatever was killed or cut in it,
and whichever of the calls without an answer were done in the end.
"""

from dataclasses import replace

from tests.tools.history.facts import Facts, Violation
from tests.tools.history.history import History
from tests.tools.history.rules import answers, creates, users

RULES = (*users.RULES, *creates.RULES, *answers.RULES)


def violations(history: History) -> list[Violation]:
    """Return every promise of the contract that this history breaks."""
    facts = Facts(history)
    return [
        replace(found, rule=rule.__name__.replace("_", " "))
        for rule in RULES
        for found in rule(facts)
    ]
