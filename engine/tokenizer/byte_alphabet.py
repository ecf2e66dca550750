"""The alphabet of byte-level BPE files: each byte as one printable character (Radford et al. 2019, GPT-2).

Files of the `tokenizers` library hold tokens as text, and bytes such as 0 or 128 are no text. Printable bytes stand
for themselves, the other 68 take the characters from U+0100 on: a space is written "Ġ", a newline "Ċ".
"""

from __future__ import annotations

from functools import cache


@cache
def characters() -> tuple[str, ...]:
    """The character of each byte, 256 of them."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(0x100, 0x200))
    return tuple(chr(value if value in printable else next(others)) for value in range(256))


@cache
def _values() -> dict[str, int]:
    return {character: value for value, character in enumerate(characters())}


def written(data: bytes) -> str:
    return "".join(map(characters().__getitem__, data))


def parsed(token: str) -> bytes:
    """Raises ValueError for a character that stands for no byte."""
    try:
        return bytes(map(_values().__getitem__, token))
    except KeyError as error:
        raise ValueError(f"{token!r} has the character {error}, which stands for no byte") from error
