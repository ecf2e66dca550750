"""One's own question to base and tuned model, on the engine thread, between two steps of whatever trains there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from app.jobs.query import EngineSide, Query, Source

_MOST_TOKENS = 64


@dataclass(frozen=True)
class Said:
    """Some more of an answer. who: as asked for. ended: "" while it goes on; "itself" when the model wrote the end of
    its turn or of the text, "cut" when it was cut off."""

    who: str
    text: str
    ended: str = ""


def ask_base(place: Source, question: str, who: str) -> Query:
    """Yields Said: the question is the beginning of a text, and the model goes on with it."""

    def query(side: EngineSide) -> Iterator[object]:
        from engine.generation.decoder import generate
        from engine.generation.sampling import SamplingConfig

        loaded = side.model(place)
        for token in generate(loaded, question, SamplingConfig(temperature=0.0), _MOST_TOKENS):
            yield Said(who, token.text, {"": "", "end": "itself"}.get(token.finish, "cut"))

    return query


def ask_tuned(place: Source, question: str, who: str) -> Query:
    """Yields Said: the question is the user's turn of a chat."""

    def query(side: EngineSide) -> Iterator[object]:
        from engine.corpus.conversation import Message
        from engine.generation.decoder import generate
        from engine.generation.sampling import SamplingConfig
        from engine.tokenizer.chat_template import template_of

        loaded = side.model(place)
        template = template_of(loaded.tokenizer, loaded.chat_template)
        prompt = template.prompt([Message("user", question)])
        for token in generate(loaded, prompt, SamplingConfig(temperature=0.0), _MOST_TOKENS):
            if token.token_id in template.end_ids:
                yield Said(who, "", "itself")
                return
            yield Said(who, token.text, "cut" if token.finish else "")

    return query
