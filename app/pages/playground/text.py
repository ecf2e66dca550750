"""The text on the page: tokens that a person typed and tokens that a model wrote, and what an edit leaves of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import TYPE_CHECKING

from app.pages.playground.queries import ModelFacts
from engine.generation.distribution import Distribution
from engine.generation.sampling import SamplingConfig

if TYPE_CHECKING:  # importing the decoder imports torch, which belongs to the engine thread
    from engine.generation.decoder import GeneratedToken

_KEPT_BYTES = 64 * 2**20
_BYTES_A_LOGIT = 4 + 8 + 8 + 1


@dataclass(frozen=True, slots=True)
class Drawn:
    """How a token was written. index: its place in the reply, which with the seed gives the random number.
    seed: None for a token that a person chose among the candidates. seconds: NaN when it was not computed anew."""

    index: int
    seed: int | None
    temperature: float
    probability: float
    probability_before: float
    rank: int
    entropy_before: float
    seconds: float = math.nan


@dataclass(eq=False, slots=True)
class TextToken:
    """drawn: None for a token that was typed. entropy_after: bits, under the settings as they are now.
    prediction: what the model expected here; None when it was never asked or had to make room."""

    token_id: int
    data: bytes
    text: str
    drawn: Drawn | None = None
    entropy_after: float = 0.0
    prediction: Distribution | None = field(default=None, repr=False)

    @property
    def is_written(self) -> bool:
        return self.drawn is not None

    @property
    def is_special(self) -> bool:
        return not self.data


def typed(tokens: Sequence[tuple[int, bytes, str]]) -> list[TextToken]:
    return [TextToken(*token) for token in tokens]


def written(token: GeneratedToken, sampling: SamplingConfig) -> TextToken:
    """A token as it came from the model, drawn with the settings of the question."""
    text = next(c.text for c in token.candidates if c.token_id == token.token_id)
    drawn = Drawn(
        token.index,
        sampling.seed,
        sampling.temperature,
        token.probability,
        token.probability_before,
        token.rank,
        token.entropy_before,
        token.seconds,
    )
    return TextToken(token.token_id, token.data, text, drawn, token.entropy_after, token.prediction)


def chosen(prediction: Distribution, token_id: int, text: str, data: bytes, index: int) -> TextToken:
    """A token that a person picked among the candidates."""
    candidate = prediction.candidate(token_id, text)
    rank = prediction.rank(token_id)
    drawn = Drawn(index, None, 1.0, candidate.after, candidate.before, rank, prediction.entropy_before)
    return TextToken(token_id, data, text, drawn, prediction.entropy_after, prediction)


def joined(tokens: Sequence[TextToken]) -> str:
    return b"".join(token.data for token in tokens).decode("utf-8", errors="replace")


def reply_index(tokens: Sequence[TextToken]) -> int:
    """How many tokens the model has written since a person typed."""
    return sum(1 for _ in takewhile(lambda token: token.is_written, reversed(tokens)))


def after_edit(tokens: Sequence[TextToken], text: str) -> tuple[list[TextToken], str]:
    """The tokens that stand unchanged at the beginning of the edited text, and the rest, to be read anew.

    A kept token never ends within a word that goes on: the model would see another cut than it learnt.
    """
    kept: list[TextToken] = []
    data, position = text.encode(), 0
    for token in tokens:
        if data[position : position + len(token.data)] != token.data:
            break
        position += len(token.data)
        kept.append(token)
    while kept and position < len(data) and not _may_part(data, position):
        position -= len(kept.pop().data)
    while kept and kept[-1].is_special:
        kept.pop()
    return kept, data[position:].decode("utf-8", errors="replace")


def shared(tokens: Sequence[TextToken], others: Sequence[tuple[int, bytes, str]]) -> int:
    """How many tokens both begin with."""
    pairs = zip(tokens, others, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0].token_id == pair[1][0], pairs))


def make_room(tokens: Sequence[TextToken]) -> None:
    """Drops the oldest predictions beyond 64 MB; they can be asked for again."""
    held = [token for token in tokens if token.prediction is not None]
    if held and held[-1].prediction is not None:
        most = max(_KEPT_BYTES // (held[-1].prediction.logits.size * _BYTES_A_LOGIT), 1)
        for token in held[:-most]:
            token.prediction = None


def milliseconds_a_token(tokens: Sequence[TextToken]) -> float:
    """Over the last 32 written; NaN when none was timed."""
    times = [t.drawn.seconds for t in tokens[-32:] if t.drawn is not None and not math.isnan(t.drawn.seconds)]
    return 1000 * sum(times) / len(times) if times else math.nan


def cache_words(tokens: int, facts: ModelFacts) -> str:
    """Size of the key/value cache: "288 KB"."""
    size = min(tokens, facts.context_length) * facts.cache_bytes
    return f"{size / 2**20:.1f} MB" if size >= 2**20 else f"{size / 1024:,.0f} KB"


def _may_part(data: bytes, position: int) -> bool:
    """Whether a token may end here: before or after white space."""
    return data[position : position + 1].isspace() or data[position - 1 : position].isspace()
