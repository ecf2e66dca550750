"""Writing, token by token, with everything that led to each token."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from engine.errors import CutawayError
from engine.generation.distribution import Candidate, Distribution, describe
from engine.generation.loaded import LoadedModel
from engine.generation.reading import Reading
from engine.generation.sampling import SamplingConfig, draw, random_for
from engine.generation.stopping import StopStrings
from engine.tokenizer.pieces import Utf8Joiner


@dataclass(frozen=True)
class GeneratedToken:
    """One token of a reply, index 0 for the first.

    text: what can be shown now; the texts of a reply joined are the reply. It is "" while a character is only half
    there or a stop string may have begun, and holds what was kept back once that is decided. data: the token's bytes.
    probability: with the sampling settings, probability_before: without. rank: 1 for the likeliest without them.
    entropy_before, entropy_after: bits. candidates: the likeliest without settings, and the chosen one if it is none
    of them, last. seconds: for this token. note: a sentence about what is out of the model's view now, or "".
    finish: "" or, on the last token, why it is the last: "end" (of the document), "stop" or "length".
    prediction: all of it that the token was drawn from, so that other settings can be tried on it (`under`).
    """

    index: int
    token_id: int
    text: str
    data: bytes
    probability: float
    probability_before: float
    rank: int
    entropy_before: float
    entropy_after: float
    candidates: tuple[Candidate, ...]
    seconds: float
    prediction: Distribution = field(repr=False, compare=False)
    note: str = ""
    finish: str = ""


def generate(
    loaded: LoadedModel,
    prompt: str | Sequence[int],
    sampling: SamplingConfig,
    max_tokens: int,
    stop: Sequence[str] = (),
    candidates: int = 12,
    start: int = 0,
) -> Iterator[GeneratedToken]:
    """Continues the prompt (text or ids) until the document ends, a stop string stands, or max_tokens are written.

    A stop string is found across token borders and is not part of the text. A prompt longer than the context keeps
    its end; when the view is full it slides by half. Both are said in `note`. The same seed gives the same text.
    start: index of the first token; a reply that is written in several calls then draws as if in one.
    Nothing of the model is changed between two tokens, and no global random number is used.
    """
    if max_tokens < 1:
        raise CutawayError("Nothing can be written.", f"max_tokens is {max_tokens}.", "Ask for at least one token.")
    reading = Reading(loaded, _ids(loaded, prompt))
    writer = _Writer(loaded, StopStrings(stop))
    for index in range(start, start + max_tokens):
        began = time.perf_counter()
        prediction = describe(reading.logits(), reading.ids, sampling, candidates, loaded.tokenizer.token_text)
        token_id = draw(prediction.filtered.after, random_for(sampling.seed, index))
        text, finish = writer.write(token_id, last=index + 1 == start + max_tokens)
        note = reading.take_note()
        yield _token(loaded, prediction, index, token_id, text, time.perf_counter() - began, note, finish)
        if finish:
            return
        reading.append(token_id)


def next_token(
    loaded: LoadedModel, text: str | Sequence[int], sampling: SamplingConfig, candidates: int = 12
) -> Distribution:
    """What could come after the text, without writing it."""
    reading = Reading(loaded, _ids(loaded, text))
    return describe(reading.logits(), reading.ids, sampling, candidates, loaded.tokenizer.token_text)


def _ids(loaded: LoadedModel, text: str | Sequence[int]) -> Sequence[int]:
    return loaded.tokenizer.encode(text) if isinstance(text, str) else text


class _Writer:
    """Turns tokens into text that can be shown, and decides when the reply is over."""

    def __init__(self, loaded: LoadedModel, stops: StopStrings) -> None:
        self._tokenizer = loaded.tokenizer
        self._joiner = Utf8Joiner()
        self._stops = stops

    def write(self, token_id: int, *, last: bool) -> tuple[str, str]:
        """The text that is certain now, and "" or why this token is the last."""
        ended = token_id == self._tokenizer.end_id
        text = "" if ended else self._joiner.feed(self._tokenizer.token_bytes(token_id))
        if ended or last:
            text += self._joiner.flush()
        text = self._stops.feed(text)
        if self._stops.found:
            return text, "stop"
        if ended or last:
            return text + self._stops.flush(), "end" if ended else "length"
        return text, ""


def _token(
    loaded: LoadedModel,
    prediction: Distribution,
    index: int,
    token_id: int,
    text: str,
    seconds: float,
    note: str,
    finish: str,
) -> GeneratedToken:
    chosen = prediction.candidate(token_id, loaded.tokenizer.token_text(token_id))
    named = prediction.candidates
    return GeneratedToken(
        index=index,
        token_id=token_id,
        text=text,
        data=b"" if token_id == loaded.tokenizer.end_id else loaded.tokenizer.token_bytes(token_id),
        probability=chosen.after,
        probability_before=chosen.before,
        rank=prediction.rank(token_id),
        entropy_before=prediction.entropy_before,
        entropy_after=prediction.entropy_after,
        candidates=named if chosen in named else (*named, chosen),
        seconds=seconds,
        prediction=prediction,
        note=note,
        finish=finish,
    )
