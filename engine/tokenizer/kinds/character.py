"""Every character of the training text is a token, as in nanoGPT's Shakespeare.

Ids: the text's characters in code point order, then `<|end|>`, then the bytes that UTF-8 can hold and that are no
character above, then added special tokens. A character that the training text did not have is written with these bytes,
so nothing is ever lost and no `<unknown>` is needed. Shakespeare has 65 characters and so 244 ids. The spare ones are
never a target: their logits sink within the first steps, and from there on they cost less than a thousandth of a nat.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import Any

from engine.errors import CutawayError
from engine.events import Event, Progress, Tick
from engine.tokenizer.tokenizer import Tokenizer, added_names, clean, even_pieces
from engine.tokenizer.training_text import TrainingText

TITLE = "Characters"
# Bytes that no valid UTF-8 holds: overlong starts, and starts beyond U+10FFFF.
_NEVER_IN_UTF8 = {0xC0, 0xC1, *range(0xF5, 0x100)}
_MAX_CHARACTERS = 0x110000


class CharacterTokenizer(Tokenizer):
    kind = "character"

    def __init__(self, characters: str, added: Sequence[str] = ()) -> None:
        """characters: in the order of their ids, each once."""
        self.characters = characters
        self._ids = {character: index for index, character in enumerate(characters)}
        spare = [
            bytes([value])
            for value in range(256)
            if value not in _NEVER_IN_UTF8 and not (value < 128 and chr(value) in self._ids)
        ]
        first = len(characters) + 1
        self._byte_ids = {data: first + index for index, data in enumerate(spare)}
        super().__init__([c.encode() for c in characters] + [b"", *spare], len(characters), added)

    def to_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {"kind": "character", "characters": self.characters}
        return found | ({"added": list(self.added)} if self.added else {})

    def with_special(self, names: Sequence[str]) -> CharacterTokenizer:
        return CharacterTokenizer(self.characters, (*self.added, *names))

    def pieces(self, text: str) -> Iterator[str]:
        return even_pieces(text)

    def _encode_pieces(self, pieces: list[str]) -> list[list[int]]:
        return [self._encode(piece) for piece in pieces]

    def _encode(self, text: str) -> list[int]:
        try:
            return list(map(self._ids.__getitem__, text))
        except KeyError:
            return [token_id for character in text for token_id in self._character_ids(character)]

    def _character_ids(self, character: str) -> list[int]:
        known = self._ids.get(character)
        return [known] if known is not None else [self._byte_ids[bytes([value])] for value in character.encode()]


def load(data: dict[str, Any]) -> CharacterTokenizer:
    characters = data.get("characters")
    if data.get("kind") != "character" or not isinstance(characters, str) or not characters:
        raise ValueError("tokenizer.json is not that of a character tokenizer")
    if len(characters) > _MAX_CHARACTERS or len(set(characters)) != len(characters):
        raise ValueError("Its list names a character twice")
    if clean(characters) != characters:
        raise ValueError("Its list holds half of a character")
    return CharacterTokenizer(characters, added_names(data.get("added")))


def learn(
    texts: TrainingText, vocab_size: int, pattern: str = "", min_frequency: int = 0
) -> Generator[Event, None, Tokenizer]:
    """Collects the characters; all else, which other kinds need, is left alone: the text decides."""
    del vocab_size, pattern, min_frequency
    found: set[str] = set()
    for count, text in enumerate(texts, start=1):
        found.update(clean(text))
        yield Progress(step=count, done=count, total=0, unit="documents") if count % 1000 == 0 else Tick()
    if not found:
        raise CutawayError("There is nothing to learn from.", "The text is empty.", "Choose files that hold text.")
    return CharacterTokenizer("".join(sorted(found)))
