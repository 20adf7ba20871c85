"""How numbers of things are written in a sentence."""


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """Write a number with its noun: "1 code", "2 codes".

    Args:
        number: How many.
        noun: What one is called, with whatever else changes with the number: "code was".
        plural: What several are called, by default the noun with an `s`.
    """
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"
