"""The questions of a conversation to its model, on the engine thread."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from app.jobs.query import EngineSide, Query, Source
from app.pages.playground.queries import CANDIDATES, Understood, facts_of, in_words, under_adapter
from engine.corpus.conversation import Message
from engine.errors import CutawayError

if TYPE_CHECKING:
    from engine.generation.loaded import LoadedModel
    from engine.generation.sampling import SamplingConfig
    from engine.tokenizer.chat_template import ChatTemplate

_SUGGESTIONS = 3
_LONGEST_SUGGESTION = 60
_LOOKED_THROUGH = 300


@dataclass(frozen=True)
class ChatAsk:
    """messages: of the conversation, the last one the user's. count: how many tokens to answer with at most, 0 for only
    what the answer could begin with. adapter: whether a model's adapter works."""

    messages: tuple[Message, ...]
    sampling: SamplingConfig
    count: int
    adapter: bool = True


@dataclass(frozen=True)
class Heard(Understood):
    """The conversation as the model reads it, up to where its answer begins. owners: for each token the message that it
    belongs to, -1 for the template's frame. left_out: messages that are out of the model's view."""

    owners: tuple[int, ...]
    left_out: frozenset[int]


def converse(place: Source, ask: ChatAsk) -> Query:
    """Yields the ModelFacts, Heard, each GeneratedToken, and the Distribution of what could come next unless the answer
    ended by itself. An answer never slides out of the model's view: it ends where that is full."""

    def query(side: EngineSide) -> Iterator[object]:
        loaded = side.model(place)
        yield from under_adapter(loaded, ask.adapter, _answered(loaded, ask))

    return query


def _answered(loaded: LoadedModel, ask: ChatAsk) -> Iterator[object]:
    from engine.generation.chat import leaving
    from engine.generation.decoder import generate, next_token
    from engine.tokenizer.chat_template import template_of

    yield facts_of(loaded)
    template = template_of(loaded.tokenizer, loaded.chat_template)
    context = loaded.model.config.context_length
    left_out = leaving(template, ask.messages, context, ask.count)
    kept = [index for index in range(len(ask.messages)) if index not in left_out]
    sent = [ask.messages[index] for index in kept]
    view = template.prompt(sent)
    owners = tuple(kept[turn] if turn >= 0 else -1 for turn in _turns(template, sent, view))
    yield Heard(facts_of(loaded), in_words(loaded, view), owners, left_out)
    count = min(ask.count, context - len(view))
    if count > 0:
        for token in generate(loaded, list(view), ask.sampling, count, candidates=CANDIDATES):
            view.append(token.token_id)
            yield token
            if token.token_id in template.end_ids:
                return
    yield next_token(loaded, view, ask.sampling, CANDIDATES)


def _turns(template: ChatTemplate, sent: Sequence[Message], view: Sequence[int]) -> list[int]:
    """For each token of the prompt the message that it belongs to; nobody's where the template does not let that be
    told, which only means that answers of before are shown as words."""
    try:
        rendered = template.encode(sent)
    except CutawayError:
        return [-1] * len(view)
    known = list(view[: len(rendered.ids)]) == list(rendered.ids)
    return [*rendered.turns, *[-1] * (len(view) - len(rendered.ids))] if known else [-1] * len(view)


def suggest_questions(run: Path) -> Query:
    """Yields three questions that nobody asked while the run's model was fine-tuned, as a tuple of texts."""

    def query(side: EngineSide) -> Iterator[object]:
        from engine.corpus.conversations.stored import iter_stored
        from engine.events import ArtifactReady
        from engine.launch.local import RecipeRun

        for stage in RecipeRun.open(side.workspace, run).stage_folders():
            for event in stage.all_events():
                if isinstance(event, ArtifactReady) and event.kind == "conversations":
                    held_out = islice(iter_stored(side.workspace.root / event.folder, "held_out"), _LOOKED_THROUGH)
                    yield _spread([item.content for found in held_out for item in found.question[-1:]])
                    return
        yield ()

    return query


def _spread(questions: Sequence[str]) -> tuple[str, ...]:
    """A few short ones from all over the list."""
    short = [question for question in questions if len(question) <= _LONGEST_SUGGESTION]
    step = max(len(short) // _SUGGESTIONS, 1)
    return tuple(short[::step][:_SUGGESTIONS])
