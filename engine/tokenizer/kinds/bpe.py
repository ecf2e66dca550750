"""Byte-level byte pair encoding (Sennrich et al. 2016, Radford et al. 2019), by default with GPT-4's way of splitting.

A text is cut into words by a pattern; each word begins as bytes, and learned pairs are joined in the order in which
they were learned. Ids: the 256 bytes as themselves, then one for each merge, then `<|end|>`, then added special tokens.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Sequence
from typing import Any

from tokenizers import Tokenizer as Library

from engine.events import Event
from engine.tokenizer.bpe_training import train
from engine.tokenizer.byte_alphabet import parsed, written
from engine.tokenizer.patterns import GPT4, cut, split_json, split_pattern, splitting
from engine.tokenizer.tokenizer import Tokenizer, added_names, clean
from engine.tokenizer.training_text import TrainingText
from engine.tokenizer.trial import tried

TITLE = "Byte pair encoding"
PATTERN = GPT4

Merges = list[tuple[bytes, bytes]]


class BpeTokenizer(Tokenizer):
    kind = "bpe"

    def __init__(self, merges: Merges, added: Sequence[str] = (), pattern: str = PATTERN) -> None:
        """merges: in rank order; both sides of each are bytes or were joined before. pattern: the regular expression
        that cuts text into words. ValueError otherwise."""
        self._merges = merges
        self.pattern = pattern
        vocabulary = _vocabulary(merges)
        self.ids = {data: index for index, data in enumerate(vocabulary)}
        super().__init__([*vocabulary, b""], len(vocabulary), added)
        if taken := [name for name in added if name.encode() in self.ids]:
            raise ValueError(f"{taken[0]} is a token of its texts already")
        # The working copy does not know special tokens at all, so no text can become one.
        self._library: Any = Library.from_str(json.dumps({**self.to_json(), "added_tokens": []}))

    @property
    def merges(self) -> Merges:
        return list(self._merges)

    def identity(self) -> dict[str, Any]:
        found = {"kind": "bpe", "pattern": self.pattern, "merges": [[a.hex(), b.hex()] for a, b in self._merges]}
        return found | ({"added": list(self.added)} if self.added else {})

    def with_special(self, names: Sequence[str]) -> BpeTokenizer:
        return BpeTokenizer(self._merges, (*self.added, *names), self.pattern)

    def to_json(self) -> dict[str, Any]:
        """The `tokenizer.json` of the `tokenizers` library."""
        return {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [special_json(name, token_id) for name, token_id in self.special_ids.items()],
            "normalizer": None,
            "pre_tokenizer": _pre_tokenizer(self.pattern),
            "post_processor": None,
            "decoder": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False},
            "model": {
                "type": "BPE",
                "dropout": None,
                "unk_token": None,
                "continuing_subword_prefix": None,
                "end_of_word_suffix": None,
                "fuse_unk": False,
                "byte_fallback": False,
                "ignore_merges": False,
                "vocab": {**{written(data): index for data, index in self.ids.items()}, **self.special_ids},
                "merges": [[written(left), written(right)] for left, right in self._merges],
            },
        }

    def words(self, text: str) -> list[bytes]:
        """The text as the pattern cuts it; merges never reach over these borders."""
        words = self._library.pre_tokenizer.pre_tokenize_str
        with splitting():
            return [parsed(word) for piece in self.pieces(clean(text)) for word, _ in words(piece)]

    def pieces(self, text: str) -> Iterator[str]:
        """Cuts between words where that is possible, so that a long text receives the ids that it would receive whole.
        Characters by the tens of thousands without a space or a newline are cut in their midst; with a pattern of one's
        own nothing is cut."""
        return cut(text, self.pattern)

    def _encode_pieces(self, pieces: list[str]) -> list[list[int]]:
        with splitting():
            return [encoding.ids for encoding in self._library.encode_batch_fast(pieces, add_special_tokens=False)]


def load(data: dict[str, Any]) -> BpeTokenizer:
    """Only what Cutaway itself would have written: another treatment or another vocabulary means other ids."""
    model = data.get("model")
    if not isinstance(model, dict) or model.get("type") != "BPE":
        raise ValueError("tokenizer.json is not that of a byte pair encoding")
    vocabulary, pairs = model.get("vocab"), model.get("merges")
    if not isinstance(vocabulary, dict) or not isinstance(pairs, list):
        raise ValueError("Its vocabulary or its merges are missing")
    special = data.get("added_tokens")
    named = [token.get("content") if isinstance(token, dict) else None for token in special or []]
    pattern = split_pattern(data.get("pre_tokenizer")) or PATTERN
    tokenizer = BpeTokenizer([_pair(pair) for pair in pairs], added_names(named[1:]), pattern)
    own = tokenizer.to_json()
    if len(set(vocabulary.values())) != len(vocabulary):
        raise ValueError("Two tokens have the same id")
    strangers = set(vocabulary) - set(own["model"]["vocab"])
    if strangers:
        raise ValueError(f"No merge makes the token {min(strangers)!r}")
    if vocabulary != own["model"]["vocab"]:
        raise ValueError("Its ids are not the bytes, the merges in their order, <|end|> and what was added")
    if data != own:
        raise ValueError("It splits or treats text in another way than Cutaway")
    return tokenizer


def learn(
    texts: TrainingText, vocab_size: int, pattern: str = PATTERN, min_frequency: int = 2
) -> Generator[Event, None, Tokenizer]:
    """Learns in a process of its own. vocab_size: bytes, merges and `<|end|>` together, 257 at least. pattern: a name
    in `patterns.PATTERNS`, or a regular expression. min_frequency: of a pair that is joined."""
    expression = yield from tried(pattern)
    merges = yield from train(texts, vocab_size, expression, min_frequency)
    return BpeTokenizer([_pair(pair) for pair in merges], pattern=expression)


def _vocabulary(merges: Merges) -> list[bytes]:
    """Tokens without `<|end|>` by id. Two merges may make the same token, which then keeps its first id."""
    tokens = {bytes([value]): value for value in range(256)}
    for left, right in merges:
        if left not in tokens or right not in tokens:
            raise ValueError(f"The merge of {left!r} and {right!r} joins what was not made before it")
        tokens.setdefault(left + right, len(tokens))
    return list(tokens)


def _pair(value: Any) -> tuple[bytes, bytes]:
    if not isinstance(value, list) or len(value) != 2 or not all(isinstance(side, str) and side for side in value):
        raise ValueError(f"{value!r} is not a merge")
    return parsed(value[0]), parsed(value[1])


def special_json(content: str, token_id: int) -> dict[str, Any]:
    """A special token as the `tokenizers` library writes one."""
    plain = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": token_id, "content": content, **plain, "special": True}


def _pre_tokenizer(pattern: str) -> dict[str, Any]:
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    return {"type": "Sequence", "pretokenizers": [split_json(pattern), byte_level]}
