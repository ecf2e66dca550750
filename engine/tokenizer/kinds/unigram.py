"""Unigram (Kudo 2018): of all ways to write a word in pieces, the likeliest; what has no piece is written in bytes.

A text is cut into words by a pattern, as for byte pair encoding, and spaces stay what they are. Ids: the 256 bytes as
themselves, the pieces from the likeliest on, then `<|end|>`, then added special tokens.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Generator, Iterator, Sequence
from typing import Any

from tokenizers import Tokenizer as Library

from engine.events import Event
from engine.tokenizer.bpe_training import train_unigram
from engine.tokenizer.kinds.bpe import special_json
from engine.tokenizer.patterns import GPT4, cut, split_json, split_pattern, splitting
from engine.tokenizer.tokenizer import Tokenizer, added_names, clean
from engine.tokenizer.training_text import TrainingText
from engine.tokenizer.trial import tried
from engine.tokenizer.unigram_pieces import NEEDED

TITLE = "Unigram"
_BYTE_NAME = re.compile(r"<0x[0-9A-F]{2}>")

Pieces = list[tuple[str, float]]


class UnigramTokenizer(Tokenizer):
    """scores: log-probabilities of the pieces. A byte's is so low that its name in a text, <0x0A>, stays text."""

    kind = "unigram"

    def __init__(self, pieces: Pieces, added: Sequence[str] = (), pattern: str = GPT4) -> None:
        """pieces: with their scores, in the order of their ids. ValueError for what is no such list."""
        _check(pieces)
        self.pieces_of_text = pieces
        self.pattern = pattern
        vocabulary = [*(bytes([value]) for value in range(256)), *(piece.encode() for piece, _ in pieces), b""]
        super().__init__(vocabulary, len(vocabulary) - 1, added)
        known = {piece for piece, _ in pieces}
        if taken := [name for name in added if name in known]:
            raise ValueError(f"{taken[0]} is a token of its texts already")
        # The working copy does not know special tokens at all, so no text can become one.
        self._library: Any = Library.from_str(json.dumps({**self.to_json(), "added_tokens": []}))

    def identity(self) -> dict[str, Any]:
        found = {"kind": "unigram", "pattern": self.pattern, "pieces": [list(one) for one in self.pieces_of_text]}
        return found | ({"added": list(self.added)} if self.added else {})

    def with_special(self, names: Sequence[str]) -> UnigramTokenizer:
        return UnigramTokenizer(self.pieces_of_text, (*self.added, *names), self.pattern)

    def to_json(self) -> dict[str, Any]:
        """The `tokenizer.json` of the `tokenizers` library. The unknown token is never given: the bytes are there."""
        lowest = min(score for _, score in self.pieces_of_text)
        never = 8 * min(lowest, 0.0) - 100.0
        names = [(f"<0x{value:02X}>", never) for value in range(256)]
        return {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [special_json(name, token_id) for name, token_id in self.special_ids.items()],
            "normalizer": None,
            "pre_tokenizer": split_json(self.pattern),
            "post_processor": None,
            "decoder": {"type": "Sequence", "decoders": [{"type": "ByteFallback"}, {"type": "Fuse"}]},
            "model": {
                "type": "Unigram",
                "unk_id": 0,
                "byte_fallback": True,
                "vocab": [list(one) for one in (*names, *self.pieces_of_text)],
            },
        }

    def words(self, text: str) -> list[bytes]:
        """The text as the pattern cuts it; pieces never reach over these borders."""
        words = self._library.pre_tokenizer.pre_tokenize_str
        with splitting():
            return [word.encode() for piece in self.pieces(clean(text)) for word, _ in words(piece)]

    def pieces(self, text: str) -> Iterator[str]:
        return cut(text, self.pattern)

    def _encode_pieces(self, pieces: list[str]) -> list[list[int]]:
        with splitting():
            return [encoding.ids for encoding in self._library.encode_batch_fast(pieces, add_special_tokens=False)]


def load(data: dict[str, Any]) -> UnigramTokenizer:
    """Only what Cutaway itself would have written: anything else may mean other ids."""
    model = data.get("model")
    if not isinstance(model, dict) or model.get("type") != "Unigram" or not isinstance(model.get("vocab"), list):
        raise ValueError("tokenizer.json is not that of a Unigram model")
    pieces = [_piece(one) for one in model["vocab"]]
    pattern, special = split_pattern(data.get("pre_tokenizer")), data.get("added_tokens")
    if pattern is None or not isinstance(special, list):
        raise ValueError("It does not tell how text is cut into words, or what ends a text")
    named = [token.get("content") if isinstance(token, dict) else None for token in special]
    tokenizer = UnigramTokenizer(pieces[256:], added_names(named[1:]), pattern)
    if data != tokenizer.to_json():
        raise ValueError("It treats text in another way than Cutaway, or its ids are in another order")
    return tokenizer


def learn(
    texts: TrainingText, vocab_size: int, pattern: str = GPT4, min_frequency: int = 0
) -> Generator[Event, None, Tokenizer]:
    """Learns in a process of its own. vocab_size: bytes, pieces and `<|end|>` together. min_frequency is left alone:
    how much a piece helps decides, not how often it occurs."""
    del min_frequency
    expression = yield from tried(pattern)
    return UnigramTokenizer((yield from train_unigram(texts, vocab_size, expression)), pattern=expression)


def _check(pieces: Pieces) -> None:
    names = [piece for piece, _ in pieces]
    if len(set(names)) != len(names) or not all(names):
        raise ValueError("A piece is there twice, or empty")
    if any(_BYTE_NAME.fullmatch(name) or clean(name) != name for name in names):
        raise ValueError("A piece has the name of a byte, or half a character")
    if not set(NEEDED) <= set(names):
        raise ValueError(f"One of the characters {NEEDED} is no piece")
    if not all(math.isfinite(score) for _, score in pieces):
        raise ValueError("The score of a piece is no number")


def _piece(value: Any) -> tuple[str, float]:
    if not isinstance(value, list) or len(value) != 2 or not isinstance(value[0], str):
        raise ValueError(f"{value!r} is no piece with its score")
    if not isinstance(value[1], (int, float)) or isinstance(value[1], bool):
        raise ValueError(f"The score of {value[0]!r} is no number")
    return value[0], float(value[1])
