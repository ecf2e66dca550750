"""The questions of this page. They run on the engine thread, between two steps of whatever trains there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from app.jobs.query import EngineSide, Query, Source

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from engine.generation.loaded import LoadedModel
    from engine.generation.sampling import SamplingConfig

CANDIDATES = 48
LOOK_TOKENS = 128
_PROMPT_WORDS = 5


@dataclass(frozen=True)
class ModelFacts:
    """What the page says about the model that answered. cache_bytes: of keys and values, for one token. chats: it has
    a chat template. adapter: it is a base with an adapter, which can be switched off."""

    label: str
    step: int
    tokenizer_hash: str
    vocab_size: int
    context_length: int
    n_layer: int
    n_head: int
    cache_bytes: int
    note: str
    chats: bool = False
    adapter: bool = False


@dataclass(frozen=True)
class Understood:
    """What the new part of the text became. tokens: (id, bytes, text of the token alone); a forced one is the last."""

    facts: ModelFacts
    tokens: tuple[tuple[int, bytes, str], ...]


@dataclass(frozen=True)
class Looks:
    """Attention over the last tokens in view. weights: float16 [n_layer, n_head, T, T]; levels: the same as 0..255.
    kinds: a letter for heads with a habit (see `head_kinds`). left_out: tokens before the first one here."""

    tokens: tuple[tuple[int, bytes, str], ...]
    weights: NDArray[np.float16]
    levels: NDArray[np.uint8]
    kinds: dict[tuple[int, int], str]
    left_out: int
    facts: ModelFacts


@dataclass(frozen=True)
class Ask:
    """What to do. typed: text behind the tokens `ids`. forced: a token to put behind that, None for none.
    count: how many tokens to write, 0 for none. start: index of the first of them in its reply. adapter: whether a
    model's adapter works. whole: this is the answer of a conversation, which ends where the model's view is full rather
    than let its beginning go, and nothing comes behind its end."""

    ids: tuple[int, ...]
    typed: str
    forced: int | None
    sampling: SamplingConfig
    count: int
    start: int
    adapter: bool = True
    whole: bool = False


def continue_text(place: Source, ask: Ask) -> Query:
    """Yields Understood, then each GeneratedToken, then the Distribution of what could come after them."""

    def query(side: EngineSide) -> Iterator[object]:
        loaded = side.model(place)
        yield from under_adapter(loaded, ask.adapter, _continued(loaded, ask))

    return query


def _continued(loaded: LoadedModel, ask: Ask) -> Iterator[object]:
    from engine.generation.decoder import generate, next_token

    encode = loaded.tokenizer.encode if ask.ids else loaded.tokenizer.prompt
    added = encode(ask.typed) if ask.typed else []
    added += [ask.forced] if ask.forced is not None else []
    yield Understood(facts_of(loaded), in_words(loaded, added))
    view = [*ask.ids, *added]
    count, ends = ask.count, frozenset[int]()
    if ask.whole:
        from engine.tokenizer.chat_template import template_of

        count = min(count, loaded.model.config.context_length - len(view))
        ends = template_of(loaded.tokenizer, loaded.chat_template).end_ids
    if count > 0:
        for token in generate(loaded, list(view), ask.sampling, count, candidates=CANDIDATES, start=ask.start):
            view.append(token.token_id)
            yield token
            if ask.whole and token.token_id in ends:
                return
    yield next_token(loaded, view, ask.sampling, CANDIDATES)


def predict(place: Source, ids: Sequence[int], sampling: SamplingConfig, adapter: bool = True) -> Query:
    """Yields the one Distribution after `ids`."""

    def query(side: EngineSide) -> Iterator[object]:
        loaded = side.model(place)
        yield from under_adapter(loaded, adapter, _predicted(loaded, ids, sampling))

    return query


def _predicted(loaded: LoadedModel, ids: Sequence[int], sampling: SamplingConfig) -> Iterator[object]:
    from engine.generation.decoder import next_token

    yield next_token(loaded, list(ids), sampling, CANDIDATES)


def look(place: Source, ids: Sequence[int], adapter: bool = True) -> Query:
    """Yields the Looks of every head at the tokens."""

    def query(side: EngineSide) -> Iterator[object]:
        loaded = side.model(place)
        yield from under_adapter(loaded, adapter, _looked(loaded, ids))

    return query


def _looked(loaded: LoadedModel, ids: Sequence[int]) -> Iterator[object]:
    from app.pages.playground.head_kinds import head_kinds
    from app.widgets.attention_mosaic_image import levels_of
    from engine.interpret.attention import attention_maps

    maps = attention_maps(loaded, list(ids), LOOK_TOKENS)
    yield Looks(
        tokens=in_words(loaded, maps.token_ids),
        weights=maps.weights,
        levels=levels_of(maps.weights),
        kinds=head_kinds(maps.weights, maps.token_ids),
        left_out=maps.left_out,
        facts=facts_of(loaded),
    )


def under_adapter(loaded: LoadedModel, on: bool, stream: Iterator[object]) -> Iterator[object]:
    """The same items, each worked out with the model's adapter on or off. Between two of them it is as it was, since
    the model may be in training, or be asked by another page."""
    if not loaded.adapter:
        yield from stream
        return
    from engine.model.lora import is_enabled, set_enabled

    while True:
        was = is_enabled(loaded.model)
        set_enabled(loaded.model, on)
        try:
            item = next(stream, None)
        finally:
            set_enabled(loaded.model, was)
        if item is None:
            return
        yield item


def suggest(run: Path) -> Query:
    """Yields three beginnings that suit what the run's model learnt from, as a tuple of texts."""

    def query(side: EngineSide) -> Iterator[object]:
        from engine.events import ArtifactReady
        from engine.launch.local import RecipeRun
        from engine.store.artifact import open_artifact

        for stage in RecipeRun.open(side.workspace, run).stage_folders():
            for event in stage.all_events():
                if isinstance(event, ArtifactReady) and event.kind == "corpus":
                    corpus = open_artifact(side.workspace.root / event.folder, "corpus")
                    yield _from_world(corpus.file("world.json")) or _from_texts(corpus.folder)
                    return
        yield ()

    return query


def facts_of(loaded: LoadedModel) -> ModelFacts:
    config = loaded.model.config
    element = loaded.model.embedding.weight.element_size()
    return ModelFacts(
        label=loaded.label,
        step=loaded.step,
        tokenizer_hash=loaded.tokenizer.hash,
        vocab_size=config.vocab_size,
        context_length=config.context_length,
        n_layer=config.n_layer,
        n_head=config.n_head,
        cache_bytes=2 * config.n_layer * config.n_kv_head * config.head_dim * element,
        note=loaded.note,
        chats=loaded.chat_template is not None,
        adapter=loaded.adapter,
    )


def in_words(loaded: LoadedModel, ids: Sequence[int]) -> tuple[tuple[int, bytes, str], ...]:
    """(id, bytes, text of the token alone) of each."""
    tokenizer = loaded.tokenizer
    return tuple(
        (
            token_id,
            b"" if token_id == tokenizer.end_id else tokenizer.token_bytes(token_id),
            tokenizer.token_text(token_id),
        )
        for token_id in ids
    )


def _from_world(path: Path) -> tuple[str, ...]:
    """Sentences of the corpus that ask for a fact, each about another person and another attribute."""
    from engine.store.files import read_json

    if not path.is_file():
        return ()
    world = read_json(path)
    people = world["people"]
    attributes = [facts["cloze"][0] for facts in world["attributes"].values() if facts["cloze"]][:3]
    step = max(len(people) // 3, 1)
    return tuple(cloze.format(name=people[index * step]["name"]) for index, cloze in enumerate(attributes))


def _from_texts(folder: Path) -> tuple[str, ...]:
    """How three documents of the corpus begin."""
    from engine.corpus.stored import iter_texts
    from engine.store.artifact import open_artifact

    texts = islice(iter_texts(open_artifact(folder, "corpus")), 3)
    return tuple(" ".join(text[:400].split()[:_PROMPT_WORDS]) for text in texts)
