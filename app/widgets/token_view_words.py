"""A token written out in a line of text: its leading spaces, newlines and loose bytes made visible."""

from __future__ import annotations

_SIGNS = str.maketrans({" ": "␣", "\n": "↵", "\t": "→", "\r": "␍"})


def visible(text: str, data: bytes = b"") -> str:
    """ " in" as "␣in", a newline as "↵", a piece of a split character as its bytes, for example "⟨C3⟩".

    Spaces between words stay spaces: only those at the ends can be overlooked.
    """
    if data and (not text or "\ufffd" in text):
        return f"⟨{data.hex(' ').upper()}⟩"
    inner = text.strip(" \n\t\r")
    if not inner:
        return text.translate(_SIGNS)
    start = text.index(inner)
    ends = text[:start].translate(_SIGNS), text[start + len(inner) :].translate(_SIGNS)
    return ends[0] + inner.replace("\n", "↵") + ends[1]
