"""Texts that hypothesis draws."""

from hypothesis import strategies as st

# All that UTF-8 can say. Hypothesis would find out by asking that codec about each of a
# million characters, once in every checkout.
_CHARACTERS = st.characters(exclude_categories=["Cs"])


def any_text(max_size: int) -> st.SearchStrategy[str]:
    """Any text of so many characters at most."""
    return st.text(_CHARACTERS, max_size=max_size)
