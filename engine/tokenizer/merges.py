"""How a text becomes tokens, merge by merge."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate, pairwise
from operator import itemgetter

from engine.tokenizer.kinds.bpe import BpeTokenizer
from engine.tokenizer.tokenizer import Tokenizer

Pair = tuple[bytes, bytes]


@dataclass(frozen=True)
class MergeStep:
    """One joining of two neighbours into `token_id`. rank: place of the merge in the tokenizer's list.

    start, middle, end: in bytes of the text: left is start..middle, right is middle..end.
    """

    rank: int
    token_id: int
    start: int
    middle: int
    end: int


def replay(tokenizer: Tokenizer, text: str) -> list[MergeStep]:
    """Every merge that `encode` applies to the text, in rank order, from left to right within a rank.

    Beginning with single bytes and taking all steps gives exactly the tokens of `encode`. Empty for kinds that merge
    nothing. Time grows with the square of a word's length: meant for text that a person looks at.
    """
    if not isinstance(tokenizer, BpeTokenizer):
        return []
    ranks = _ranks(tokenizer)
    placed: list[tuple[int, MergeStep]] = []
    position = 0
    for word in tokenizer.words(text):
        steps = _replay_word(word, position, ranks, tokenizer)
        # A step never moves before one that its word took earlier, whatever its rank: it may build on it.
        placed += zip(accumulate((step.rank for step in steps), max), steps, strict=True)
        position += len(word)
    return [step for _, step in sorted(placed, key=itemgetter(0))]


def replay_token(tokenizer: Tokenizer, token_id: int) -> list[MergeStep]:
    """The merges that make one token out of its bytes, in the order in which `encode` applies them: no merge ever
    reached over the borders of a token, so they are the same in any text. Empty for kinds that merge nothing."""
    if not isinstance(tokenizer, BpeTokenizer):
        return []
    return _replay_word(tokenizer.token_bytes(token_id), 0, _ranks(tokenizer), tokenizer)


def word_replayer(tokenizer: BpeTokenizer) -> Callable[[bytes], list[MergeStep]]:
    """The merges of one word after another, as `encode` applies them; places count from the word's start."""
    ranks = _ranks(tokenizer)
    return lambda word: _replay_word(word, 0, ranks, tokenizer)


def _ranks(tokenizer: BpeTokenizer) -> dict[Pair, int]:
    return {pair: rank for rank, pair in reversed(list(enumerate(tokenizer.merges)))}


def _replay_word(word: bytes, position: int, ranks: dict[Pair, int], tokenizer: BpeTokenizer) -> list[MergeStep]:
    parts = [word[index : index + 1] for index in range(len(word))]
    steps: list[MergeStep] = []
    while True:
        found = [(ranks[pair], index) for index, pair in enumerate(pairwise(parts)) if pair in ranks]
        if not found:
            return steps
        rank, index = min(found)
        start = position + sum(map(len, parts[:index]))
        middle = start + len(parts[index])
        joined = parts[index] + parts[index + 1]
        steps.append(MergeStep(rank, tokenizer.ids[joined], start, middle, middle + len(parts[index + 1])))
        parts[index : index + 2] = [joined]
