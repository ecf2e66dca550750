"""A tokenizer.json that somebody else made (GPT-2, Llama, Qwen, Gemma, ...), used as it is: the same ids.

Byte-level files spell bytes as printable characters; those after SentencePiece write a space as "▁" and rare characters
as bytes, and some put a space before every text. Nothing that a person types becomes a special token.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from tokenizers import Tokenizer as Library

from engine.tokenizer.byte_alphabet import parsed
from engine.tokenizer.kinds.bpe import special_json
from engine.tokenizer.patterns import splitting
from engine.tokenizer.tokenizer import END_TURN, SpecialToken, Tokenizer, TokenSpan, clean

TITLE = "Imported"
FACTS = "cutaway"
_BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")


class ImportedTokenizer(Tokenizer):
    """size: ids of the model, at least those of the file; those that the file leaves free stand for nothing.
    end_ids: what ends a document or an answer, the usual one first. names: special tokens by what they are for, as the
    model's own files say it: "bos_token", "eos_token", ...; what they leave out, its chat template does not have."""

    kind = "imported"

    def __init__(
        self, data: dict[str, Any], end_ids: Sequence[int], size: int, names: Mapping[str, str] | None = None
    ) -> None:
        """data: content of a tokenizer.json. ValueError, in words, for what is not supported."""
        self._data = {key: value for key, value in data.items() if key != FACTS}
        self._facts: dict[str, Any] = {"end_ids": list(end_ids), "size": size}
        self._own_names = dict(names or {})
        self._library = _open(self._data)
        known = self._library.get_added_tokens_decoder()
        special = {token.content for token in known.values() if token.special}
        tokens = self._library.get_vocab(with_added_tokens=True)
        # Special ones may lie beyond: Gemma 3 names one for pictures, which its text models have no row for.
        largest = max((token_id for token, token_id in tokens.items() if token not in special), default=size)
        if largest >= size:
            raise ValueError(f"The tokenizer has the id {largest}, and the model {size} ids")
        tokens = {token: token_id for token, token_id in tokens.items() if token_id < size}
        if not end_ids or not all(0 <= token_id < size for token_id in end_ids):
            raise ValueError("No token is named that ends a text")
        super().__init__(_vocabulary(self._data, tokens, special, size), end_id=end_ids[0])
        self.special = {
            token.content: SpecialToken(token_id, token.lstrip, token.rstrip, token.single_word)
            for token_id, token in sorted(known.items())
            if token.special and token_id < size
        }
        self.end_ids = frozenset(end_ids)
        self.start_ids = _start(self._library)
        # What a person types is text, even where it reads like a special token.
        self._library.encode_special_tokens = True

    @property
    def names(self) -> Mapping[str, str]:
        return self._own_names or super().names

    def to_json(self) -> dict[str, Any]:
        names = {"names": self._own_names} if self._own_names else {}
        return {**self._data, FACTS: {**self._facts, **names}}

    def identity(self) -> dict[str, Any]:
        return {**self._data, FACTS: self._facts}

    def with_special(self, names: Sequence[str]) -> ImportedTokenizer:
        """Behind the rows of the model, whatever the file has: a name without a row there goes."""
        size, model = self.vocab_size, dict(self._data["model"])
        ids = {name: size + index for index, name in enumerate(names)}
        if taken := sorted(set(ids) & set(self._library.get_vocab(with_added_tokens=True))):
            raise ValueError(f"{taken[0]} is a token of it already")
        added = [token for token in self._data.get("added_tokens") or [] if token["id"] < size]
        added += [special_json(name, token_id) for name, token_id in ids.items()]
        if isinstance(model.get("vocab"), dict):  # an added token that stands elsewhere only gets the next free id
            model["vocab"] = {**model["vocab"], **{token["content"]: token["id"] for token in added}}
        ends = [*self._facts["end_ids"], *(ids[name] for name in (END_TURN,) if name in ids)]
        data = {**self._data, "added_tokens": added, "model": model}
        extended = ImportedTokenizer(data, ends, size + len(ids), self._own_names)
        if extended.special_ids != self.special_ids | ids:
            raise ValueError("Its file leaves ids free in a way that no token can be put behind them")
        if set(extended.encode(" ".join(extended.special))) & set(extended.special_ids.values()):
            raise ValueError("It reads the name of a special token as that token wherever a text has it")
        return extended

    def pieces(self, text: str) -> Iterator[str]:
        """Never cut: where its words end is the file's own affair."""
        yield text

    def _encode_pieces(self, pieces: list[str]) -> list[list[int]]:
        with splitting():
            return [found.ids for found in self._library.encode_batch_fast(pieces, add_special_tokens=False)]

    def spans(self, text: str) -> list[TokenSpan]:
        """As the library tells them: a space that was put before the text belongs to no character of it."""
        return self._spans(self._library, text)

    def encode_behind(self, text: str) -> list[int]:
        with splitting():
            ids: list[int] = self._behind.encode(clean(text), add_special_tokens=False).ids
        return ids

    def spans_behind(self, text: str) -> list[TokenSpan]:
        return self._spans(self._behind, text)

    def _spans(self, library: Any, text: str) -> list[TokenSpan]:
        with splitting():
            found = library.encode(clean(text), add_special_tokens=False)
        places = zip(found.ids, found.offsets, strict=True)
        return [TokenSpan(token_id, start, end, self._vocabulary[token_id]) for token_id, (start, end) in places]

    @cached_property
    def _behind(self) -> Any:
        """The library for what follows a special token: some files put a space before the first text only."""
        steps = json.dumps(self._data.get("pre_tokenizer"))
        if '"prepend_scheme": "first"' not in steps:
            return self._library
        never = json.loads(steps.replace('"prepend_scheme": "first"', '"prepend_scheme": "never"'))
        library = _open({**self._data, "pre_tokenizer": never})
        library.encode_special_tokens = True
        return library


def load(data: dict[str, Any]) -> ImportedTokenizer:
    facts = data.get(FACTS)
    if not isinstance(facts, dict) or not isinstance(facts.get("end_ids"), list):
        raise ValueError("tokenizer.json does not tell what ends a text")
    names = facts.get("names")
    if names is not None and not (isinstance(names, dict) and all(isinstance(name, str) for name in names.values())):
        raise ValueError("What its special tokens are for is not told in names")
    return ImportedTokenizer(data, facts["end_ids"], int(facts["size"]), names)


def _open(data: dict[str, Any]) -> Any:
    try:
        return Library.from_str(json.dumps(data, ensure_ascii=False))
    except Exception as error:  # the library raises Exception itself for every kind of mistake
        raise ValueError(f"tokenizer.json is not one of the tokenizers library: {error}") from error


def _start(library: Any) -> tuple[int, ...]:
    """What the file puts before every text, as Llama does: told by an empty one."""
    return tuple(library.encode("", add_special_tokens=True).ids)


def _vocabulary(data: dict[str, Any], tokens: dict[str, int], special: set[str], size: int) -> list[bytes]:
    """Bytes of every id."""
    steps = json.dumps([data.get(part) for part in ("normalizer", "pre_tokenizer", "decoder")], ensure_ascii=False)
    added = {token["content"] for token in data.get("added_tokens") or []}
    if '"ByteLevel"' in steps:
        read = _byte_level
    elif "▁" in steps:
        read = _sentence_piece
    elif '"ByteFallback"' in steps:
        read = _plain
    else:
        raise ValueError("It is neither byte-level nor made after SentencePiece, so its tokens do not tell their bytes")
    vocabulary = [b""] * size
    for token, token_id in tokens.items():
        if token not in special:
            vocabulary[token_id] = token.encode() if token in added else read(token)
    return vocabulary


def _byte_level(token: str) -> bytes:
    try:
        return parsed(token)
    except ValueError:
        return token.encode()  # a token that no bytes lead to


def _sentence_piece(token: str) -> bytes:
    return _plain(token.replace("▁", " "))


def _plain(token: str) -> bytes:
    byte = _BYTE.fullmatch(token)
    return bytes([int(byte[1], 16)]) if byte else token.encode()
