"""Numbers with their nouns in sentences."""


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """Return a number with its noun: "1 code", "2 codes".

    Args:
        number: The number.
        noun: The singular, with all that changes with the number: "code was".
        plural: The plural, by default the noun with an `s`.
    """
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"
