"""Writing, token by token, with everything that led to each token."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property, partial

from engine.errors import CutawayError
from engine.generation.distribution import Candidate, Distribution, describe
from engine.generation.drawing import choose
from engine.generation.loaded import LoadedModel
from engine.generation.reading import Reading
from engine.generation.sampling import SamplingConfig
from engine.generation.writer import Writer


@dataclass(frozen=True)
class GeneratedToken:
    """One token of a reply, index 0 for the first.

    name: the text of the token alone. text: what can be shown now; the texts of a reply joined are the reply. It is ""
    while a character is only half there or a stop string may have begun, and holds what was kept back once that is
    decided. data: the token's bytes.
    seconds: for this token. note: a sentence about what is out of the model's view now, or "".
    finish: "" or, on the last token, why it is the last: "end" (of the document), "stop" or "length".
    What follows is worked out when it is first asked for, which takes longer than a small model takes to write.
    """

    index: int
    token_id: int
    name: str
    text: str
    data: bytes
    seconds: float
    note: str
    finish: str
    explain: Callable[[], Distribution] = field(repr=False, compare=False)

    @property
    def prediction(self) -> Distribution:
        """All of it that the token was drawn from, so that other settings can be tried on it (`under`)."""
        return self.explain()

    @property
    def probability(self) -> float:
        """With the sampling settings, 0 to 1."""
        return float(self.prediction.filtered.after[self.token_id])

    @property
    def probability_before(self) -> float:
        """Without the sampling settings."""
        return float(self.prediction.filtered.before[self.token_id])

    @cached_property
    def rank(self) -> int:
        """1 for the likeliest without settings."""
        return self.prediction.rank(self.token_id)

    @property
    def entropy_before(self) -> float:
        """Bits."""
        return self.prediction.entropy_before

    @property
    def entropy_after(self) -> float:
        """Bits."""
        return self.prediction.entropy_after

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """The likeliest without settings, and the chosen one if it is none of them, last."""
        named = self.prediction.candidates
        chosen = self.prediction.candidate(self.token_id, self.name)
        return named if chosen in named else (*named, chosen)


def generate(
    loaded: LoadedModel,
    prompt: str | Sequence[int],
    sampling: SamplingConfig,
    max_tokens: int,
    stop: Sequence[str] = (),
    candidates: int = 12,
    start: int = 0,
    details: bool = True,
    ends: Collection[int] = (),
) -> Iterator[GeneratedToken]:
    """Continues the prompt (text or ids) until the document ends, a stop string stands, or max_tokens are written.

    A stop string is found across token borders and is not part of the text. A prompt longer than the context keeps
    its end; when the view is full it slides by half. Both are said in `note`. The same seed gives the same text.
    start: index of the first token; a reply that is written in several calls then draws as if in one.
    details: work out each token's prediction before it is given away; without it, only if somebody asks for it.
    ends: ids that end the text beside those of the tokenizer, as a chat template's.
    Nothing of the model is changed between two tokens, and no global random number is used.
    """
    if max_tokens < 1:
        raise CutawayError("Nothing can be written.", f"max_tokens is {max_tokens}.", "Ask for at least one token.")
    reading = Reading(loaded, _ids(loaded, prompt))
    writer = Writer(loaded.tokenizer, stop, ends)
    for index in range(start, start + max_tokens):
        began = time.perf_counter()
        logits = reading.logits()
        text_of = loaded.tokenizer.token_text
        explain = cache(partial(describe, logits, tuple(reading.ids), sampling, candidates, text_of))
        if details:
            explain()
        (token_id,) = choose(logits[None], sampling, [reading.ids], [sampling.seed], [index])
        piece = writer.write(token_id, last=index + 1 == start + max_tokens)
        seconds = time.perf_counter() - began
        note = reading.take_note()
        yield GeneratedToken(
            index, token_id, text_of(token_id), piece.text, piece.data, seconds, note, piece.finish, explain
        )
        if piece.finish:
            return
        reading.append(token_id)


def next_token(
    loaded: LoadedModel, text: str | Sequence[int], sampling: SamplingConfig, candidates: int = 12
) -> Distribution:
    """What could come after the text, without writing it."""
    reading = Reading(loaded, _ids(loaded, text))
    return describe(reading.logits(), reading.ids, sampling, candidates, loaded.tokenizer.token_text)


def _ids(loaded: LoadedModel, text: str | Sequence[int]) -> Sequence[int]:
    return loaded.tokenizer.prompt(text) if isinstance(text, str) else text
