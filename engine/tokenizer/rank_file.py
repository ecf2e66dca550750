"""A rank file of tiktoken (`cl100k_base.tiktoken`): one token a line, in base64, and its rank, which is its id.

tiktoken joins whichever two neighbours make the token of the lowest rank, the leftmost first, and takes a word that is
a token as it is (openai/tiktoken, src/lib.rs). The `tokenizers` library joins by a list of pairs instead: the list of
all ways to make each token of two others, in the order of ranks, leads to the same tokens.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from engine.tokenizer.byte_alphabet import written
from engine.tokenizer.kinds.bpe import special_json
from engine.tokenizer.patterns import split_json

# As tiktoken_ext/openai_public.py has them, in the words of Oniguruma, where $ would be the end of a line.
_GPT2 = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+\z|\s+(?!\S)|\s"
_CL100K = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s+\z|\s*[\r\n]"
    r"|\s+(?!\S)|\s"
)
_CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
_O200K = (
    rf"[^\r\n\p{{L}}\p{{N}}]?[\p{{Lu}}\p{{Lt}}\p{{Lm}}\p{{Lo}}\p{{M}}]*[\p{{Ll}}\p{{Lm}}\p{{Lo}}\p{{M}}]+{_CONTRACTIONS}"
    rf"|[^\r\n\p{{L}}\p{{N}}]?[\p{{Lu}}\p{{Lt}}\p{{Lm}}\p{{Lo}}\p{{M}}]+[\p{{Ll}}\p{{Lm}}\p{{Lo}}\p{{M}}]*{_CONTRACTIONS}"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_END = "<|endoftext|>"
_FILLS = {f"<|fim_{part}|>": 100258 + place for place, part in enumerate(("prefix", "middle", "suffix"))}
_LONGEST_TOKEN = 1024
_TOLD_TOKENS = 2_000


@dataclass(frozen=True)
class Encoding:
    """What a rank file itself does not tell: the pattern, the special tokens with their ids. sha256: of the file."""

    pattern: str
    special: Mapping[str, int] = field(default_factory=dict)
    sha256: str = ""


ENCODINGS = {
    "gpt2": Encoding(_GPT2, {_END: 50256}, "306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930"),
    "p50k_base": Encoding(_GPT2, {_END: 50256}, "94b5ca7dff4d00767bc256fdd1b27e5b17361d7b8a5f968547f9f23eb70d2069"),
    "cl100k_base": Encoding(
        _CL100K,
        {_END: 100257, **_FILLS, "<|endofprompt|>": 100276},
        "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
    ),
    "o200k_base": Encoding(
        _O200K,
        {_END: 199999, "<|endofprompt|>": 200018},
        "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
    ),
}


def read_ranks(data: bytes) -> dict[bytes, int]:
    """Raises ValueError, in words, for what is no rank file, a rank that is there twice, and a byte that is missing."""
    ranks: dict[bytes, int] = {}
    for number, line in enumerate(data.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            written_token, rank = line.split()
            token, number_of_it = base64.b64decode(written_token, validate=True), int(rank)
        except (ValueError, binascii.Error) as error:
            raise ValueError(f"Line {number:,} is no token in base64 with its rank") from error
        if token in ranks:
            raise ValueError(f"Line {number:,} has a token that stands above already")
        ranks[token] = number_of_it
    if len(set(ranks.values())) != len(ranks) or min(ranks.values(), default=0) < 0:
        raise ValueError("Two tokens have the same rank, or one is below 0")
    if any(bytes([value]) not in ranks for value in range(256)):
        raise ValueError("One of the 256 bytes has no rank, so that not every text could be written")
    if any(not 0 < len(token) <= _LONGEST_TOKEN for token in ranks):
        raise ValueError(f"A token is empty, or longer than {_LONGEST_TOKEN:,} bytes")
    return ranks


def as_json(ranks: Mapping[bytes, int], encoding: Encoding) -> Iterator[int | dict[str, Any]]:
    """Yields how many tokens are done, and at the end the content of a tokenizer.json with the same ids.

    Raises ValueError for a special token whose id or name is taken.
    """
    taken = {name for name, number in encoding.special.items() if number in set(ranks.values())}
    if taken or len(set(encoding.special.values())) != len(encoding.special):
        raise ValueError(f"The id of a special token is taken: {', '.join(sorted(taken)) or 'two share one'}")
    merges: list[list[str]] = []
    for done, (token, rank) in enumerate(sorted(ranks.items(), key=lambda item: item[1])):
        merges += [[written(left), written(right)] for left, right in _ways(token, rank, ranks)]
        if done % _TOLD_TOKENS == 0:
            yield done
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    yield {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [special_json(name, number) for name, number in encoding.special.items()],
        "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split_json(encoding.pattern), byte_level]},
        "post_processor": None,
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": True,
            "vocab": {**{written(token): rank for token, rank in ranks.items()}, **encoding.special},
            "merges": merges,
        },
    }


def _ways(token: bytes, rank: int, ranks: Mapping[bytes, int]) -> list[tuple[bytes, bytes]]:
    """All pairs of tokens that make this one, that which its own bytes lead to first."""
    if len(token) == 1:
        return []
    cuts = [(token[:at], token[at:]) for at in range(1, len(token))]
    found = [pair for pair in cuts if pair[0] in ranks and pair[1] in ranks]
    if len(found) > 1:
        own = tuple(_joined(token, rank, ranks))
        found.sort(key=lambda pair: pair != own)
    return found


def _joined(token: bytes, below: int, ranks: Mapping[bytes, int]) -> list[bytes]:
    """The token's bytes after all merges of a lower rank than its own."""
    parts = [token[index : index + 1] for index in range(len(token))]
    while len(parts) > 1:
        rank, index = min((ranks.get(left + right, below), at) for at, (left, right) in enumerate(pairwise(parts)))
        if rank >= below:
            break
        parts[index : index + 2] = [parts[index] + parts[index + 1]]
    return parts
