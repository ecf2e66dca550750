"""When a tokenizer learned a token, and from which two pieces."""

from __future__ import annotations

from dataclasses import dataclass

from engine.tokenizer.merges import MergeStep, replay_token
from engine.tokenizer.tokenizer import Tokenizer


@dataclass(frozen=True)
class Learned:
    """A tokenizer with the rank at which each of its tokens was first made."""

    tokenizer: Tokenizer
    ranks: dict[bytes, int]

    def rank(self, data: bytes) -> int | None:
        """Place among the merges, from 1; None for what was there from the beginning."""
        return self.ranks.get(data)

    def steps(self, token_id: int) -> list[MergeStep]:
        """The merges that make the token out of its bytes; empty for a single byte."""
        return replay_token(self.tokenizer, token_id)


def learned(tokenizer: Tokenizer) -> Learned:
    ranks: dict[bytes, int] = {}
    for rank, (left, right) in enumerate(tokenizer.merges, start=1):
        ranks.setdefault(left + right, rank)
    return Learned(tokenizer, ranks)
