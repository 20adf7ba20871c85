"""Strategies of names: legal and illegal ones in every script, by the contract's wording."""

from unicodedata import category, normalize

from hypothesis import strategies as st

CONTROLS = "".join(map(chr, (*range(0x20), *range(0x80, 0xA0))))
"""C0 and C1; U+007F is neither."""


def text_of_utf8(*, exclude: str = "", min_size: int = 0, max_size: int) -> st.SearchStrategy[str]:
    """Return texts that UTF-8 can encode: any without surrogates."""
    letters = st.characters(exclude_categories=["Cs"], exclude_characters=exclude)
    return st.text(letters, min_size=min_size, max_size=max_size)


def is_legal(text: str, longest: int) -> bool:
    """Return whether a text is a legal name in the words of the contract."""
    return (
        1 <= len(text) <= longest
        and not any(
            letter == "/" or letter in CONTROLS or category(letter) == "Cs" for letter in text
        )
        and text[0] != " "
        and text[-1] != " "
        and text not in {".", ".."}
    )


def legal_names(longest: int) -> st.SearchStrategy[str]:
    """Return legal names, short ones and those at the limit."""
    anything = text_of_utf8(exclude=f"/{CONTROLS}", min_size=1, max_size=12)
    full = text_of_utf8(exclude=f"/{CONTROLS}", min_size=longest, max_size=longest)
    return (anything | full).filter(lambda name: is_legal(name, longest))


@st.composite
def illegal_names(draw: st.DrawFn, longest: int) -> str:
    """Return names that break one rule: legal ones with an addition.

    None has a `/`, and none is empty: in a path, those are other paths.
    """
    name = draw(legal_names(longest))
    at = draw(st.integers(0, len(name)))
    return draw(
        st.sampled_from([".", "..", f" {name}"[:longest], name.rjust(longest + 1, "x")])
        | st.sampled_from([*CONTROLS, "\ud800", "\udfff"]).map(
            lambda letter: name[:at] + letter + name[at:]
        )
    )


@st.composite
def look_alikes(draw: st.DrawFn, longest: int) -> list[str]:
    """Return different names that look alike."""
    name = draw(legal_names(longest))
    others = {
        normalize("NFC", name),
        normalize("NFD", name),
        normalize("NFKC", name),
        name.swapcase(),
        f"{name}\u200d",
        f"{name}\u00a0",
        f"{name}%20",
    } - {name}
    legal = sorted(other for other in others if is_legal(other, longest))
    return [
        name,
        *(draw(st.lists(st.sampled_from(legal), max_size=2, unique=True)) if legal else []),
    ]
