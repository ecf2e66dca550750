"""The tokenizer of a GGUF file as a `tokenizer.json` of the `tokenizers` library."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from engine.errors import CutawayError
from engine.formats.gguf_patterns import ALIASES, PATTERNS
from engine.formats.gguf_vocabulary import BYTE, CONTROL, NORMAL, SPACE, USER_DEFINED

_LONGEST_TOKEN = 1024
_PLAIN = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)


def tokenizer_json(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Raises CutawayError for a kind or a way of cutting that is not known, and for lists that do not fit together."""
    kind = metadata.get("tokenizer.ggml.model")
    if kind not in ("gpt2", "llama"):
        raise _refused(f"Its tokenizer is of the kind {kind}; read are gpt2 and llama.")
    tokens = _texts(metadata, "tokens")
    if not tokens or len(set(tokens)) != len(tokens):
        raise _refused("Its tokenizer has no tokens, or one twice.")
    types = metadata.get("tokenizer.ggml.token_type", [NORMAL] * len(tokens))
    if not isinstance(types, list) or len(types) != len(tokens):
        raise _refused("Its tokenizer does not tell what each of its tokens is.")
    found = _merged(metadata, tokens) if kind == "gpt2" else _scored(metadata, tokens, types)
    special = {CONTROL: True, USER_DEFINED: False}
    added = [
        {"id": index, "content": token, **_PLAIN, "special": special[types[index]]}
        for index, token in enumerate(tokens)
        if types[index] in special
    ]
    shared = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added}
    return {**shared, **found, "post_processor": _first_of_all(metadata, tokens, kind)}


def _merged(metadata: Mapping[str, Any], tokens: list[str]) -> dict[str, Any]:
    """Byte-level merges, with a way of cutting that has a name."""
    name = str(metadata.get("tokenizer.ggml.pre", "default"))
    name = ALIASES.get(name, name)
    if name not in PATTERNS:
        raise _refused(f'It cuts text into words in the way "{name}"; known are {", ".join(sorted(PATTERNS))}.')
    pre_tokenizer, ignores = PATTERNS[name]
    merges = [merge.split(" ", 1) for merge in _texts(metadata, "merges")]
    known = set(tokens)
    for merge in merges:
        if len(merge) != 2 or not known.issuperset((*merge, "".join(merge))):
            raise _refused(f"Its tokenizer joins what it has no tokens for: {' '.join(merge)[:40]!r}.")
    decoder = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    model = _model(tokens, merges, None, byte_fallback=False) | {"ignore_merges": ignores}
    return {"normalizer": None, "pre_tokenizer": pre_tokenizer, "decoder": decoder, "model": model}


def _scored(metadata: Mapping[str, Any], tokens: list[str], types: list[int]) -> dict[str, Any]:
    """Sentencepiece's form: whichever two neighbours make the token of the highest score are joined first."""
    scores = metadata.get("tokenizer.ggml.scores")
    if not isinstance(scores, list) or len(scores) != len(tokens) or not all(map(_is_number, scores)):
        raise _refused("Its tokenizer does not tell the score of each of its tokens.")
    prefixed = bool(metadata.get("tokenizer.ggml.add_space_prefix", True))
    replace = {"type": "Replace", "pattern": {"String": " "}, "content": SPACE}
    back = {"type": "Replace", "pattern": {"String": SPACE}, "content": " "}
    strip = {"type": "Strip", "content": " ", "start": 1, "stop": 0}
    prepend = {"type": "Prepend", "prepend": SPACE}
    decoders = [back, {"type": "ByteFallback"}, {"type": "Fuse"}, *([strip] if prefixed else [])]
    unknown = metadata.get("tokenizer.ggml.unknown_token_id")
    name = tokens[unknown] if type(unknown) is int and 0 <= unknown < len(tokens) else None
    merges = _merges(tokens, types, scores)
    return {
        "normalizer": {"type": "Sequence", "normalizers": [prepend, replace]} if prefixed else replace,
        "pre_tokenizer": None,
        "decoder": {"type": "Sequence", "decoders": decoders},
        "model": _model(tokens, merges, name, byte_fallback=BYTE in types) | {"fuse_unk": True},
    }


def _merges(tokens: list[str], types: list[int], scores: list[float]) -> list[list[str]]:
    """All ways to make a token of two others, by score: the same joins in the same order."""
    whole = {token: index for index, token in enumerate(tokens) if types[index] in (NORMAL, USER_DEFINED)}
    found: list[tuple[float, int, int, str, str]] = []
    for token, index in whole.items():
        if len(token) > _LONGEST_TOKEN:
            raise _refused(f"Its tokenizer has a token of {len(token):,} characters.")
        for cut in range(1, len(token)):
            left, right = token[:cut], token[cut:]
            if left in whole and right in whole:
                found.append((-scores[index], whole[left], whole[right], left, right))
    return [[left, right] for *_, left, right in sorted(found)]


def _model(tokens: list[str], merges: list[list[str]], unknown: str | None, *, byte_fallback: bool) -> dict[str, Any]:
    return {
        "type": "BPE",
        "dropout": None,
        "unk_token": unknown,
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": False,
        "byte_fallback": byte_fallback,
        "ignore_merges": False,
        "vocab": {token: index for index, token in enumerate(tokens)},
        "merges": merges,
    }


def _first_of_all(metadata: Mapping[str, Any], tokens: list[str], kind: str) -> dict[str, Any] | None:
    """What llama.cpp puts before every text, unless the file says otherwise."""
    usual = kind == "llama" or ALIASES.get(str(metadata.get("tokenizer.ggml.pre"))) == "llama-bpe"
    usual = usual or metadata.get("tokenizer.ggml.pre") == "llama-bpe"
    begin = metadata.get("tokenizer.ggml.bos_token_id")
    if not metadata.get("tokenizer.ggml.add_bos_token", usual) or type(begin) is not int:
        return None
    if not 0 <= begin < len(tokens):
        raise _refused(f"Its tokenizer begins texts with the token {begin}, which it does not have.")
    name = tokens[begin]
    first = {"SpecialToken": {"id": name, "type_id": 0}}
    both = [{"Sequence": {"id": part, "type_id": number}} for number, part in enumerate("AB")]
    return {
        "type": "TemplateProcessing",
        "single": [first, both[0]],
        "pair": [first, both[0], {"SpecialToken": {"id": name, "type_id": 1}}, both[1]],
        "special_tokens": {name: {"id": name, "ids": [begin], "tokens": [name]}},
    }


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def _texts(metadata: Mapping[str, Any], key: str) -> list[str]:
    value = metadata.get(f"tokenizer.ggml.{key}", [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _refused(f"Its tokenizer's {key} are no list of texts.")
    return value


def _refused(why: str) -> CutawayError:
    return CutawayError(
        "The tokenizer in this GGUF file cannot be used.", why, "Choose another file, or another model."
    )
