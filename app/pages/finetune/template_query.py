"""Opens a base model's tokenizer and template, and writes conversations with them, on the engine thread."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.jobs.query import EngineSide, Query
from app.pages.finetune.bases import chosen_checkpoint
from app.pages.finetune.data_reading import Look, reading, world_of
from app.pages.finetune.mask_rows import ROWS, Piece
from app.pages.finetune.mask_shown import Masked
from engine.corpus.conversation import Conversation
from engine.errors import CutawayError
from engine.store.workspace import Workspace

if TYPE_CHECKING:
    from engine.tokenizer.chat_template import ChatTemplate
    from engine.tokenizer.tokenizer import Tokenizer

_TELL_SECONDS = 0.08
_PROBLEMS = 50


@dataclass(frozen=True)
class Opened:
    """own: whether the template is Cutaway's. added: names of special tokens that the tokenizer has not yet.
    base: what the model is called. context: tokens that it sees at once."""

    template: ChatTemplate
    own: bool
    added: tuple[str, ...]
    base: str
    context: int

    @property
    def tokenizer(self) -> Tokenizer:
        return self.template.tokenizer


@dataclass(frozen=True)
class Counted:
    """Of the conversations so far, in order: lengths in tokens, how many of them are trained, and within the context.
    problems: position -> why the template does not take it; its length is 0 then."""

    lengths: tuple[int, ...] = ()
    trained: tuple[int, ...] = ()
    trained_within: tuple[int, ...] = ()
    problems: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Packing:
    """pieces: of the first rows. rows: how many there are. filled: the share of their places that is used, 0 to 1;
    alone: that share if every conversation had a row to itself. conversations: those that found a place."""

    pieces: tuple[tuple[Piece, ...], ...]
    rows: int
    filled: float
    alone: float
    conversations: int


def opening(base: Path, context: int | None) -> Query:
    """Yields one Opened."""

    def query(side: EngineSide) -> Iterator[object]:
        yield open_source(side.workspace, base, context)

    return query


def open_source(workspace: Workspace, base: Path, context: int | None = None) -> Opened:
    """base: a run, a checkpoint or a model's folder. No weights are read. Raises CutawayError."""
    from engine.store.files import read_json
    from engine.tokenizer.tokenizer import load_tokenizer

    checkpoint = base if base.parent.name == "checkpoints" else chosen_checkpoint(base)
    if checkpoint is None:
        raise CutawayError(
            f"{base.name} holds no model yet.", "No stage of it has saved a checkpoint.", "Choose another model."
        )
    state = read_json(checkpoint / "state.json")
    tokenizer = load_tokenizer(workspace.root / str(state["tokenizer"]))
    length = context or int(state["model"]["context_length"])
    return opened(tokenizer, state.get("chat_template"), _name(base), length)


def opened(tokenizer: Tokenizer, chat_template: str | None, base: str, context: int) -> Opened:
    """A model that came with a template keeps it; any other gets Cutaway's, and the special tokens of it."""
    from engine.tokenizer.chat_template import CHATML, template_of
    from engine.tokenizer.chat_tokens import CHAT_TOKENS, with_chat_tokens

    if chat_template:
        return Opened(template_of(tokenizer, chat_template), chat_template == CHATML, (), base, context)
    added = tuple(name for name in CHAT_TOKENS if name not in tokenizer.special)
    return Opened(template_of(with_chat_tokens(tokenizer), CHATML), True, added, base, context)


def masking(source: Opened, conversation: Conversation) -> Query:
    """Yields one Masked."""

    def query(_: EngineSide) -> Iterator[object]:
        yield masked(source, conversation)

    return query


def masked(source: Opened, conversation: Conversation) -> Masked:
    """Raises CutawayError when the template does not take it."""
    rendered = source.template.encode(conversation.messages)
    # Every token but the last is an input: a row of `context` places holds context + 1 tokens.
    return Masked(conversation, rendered.ids, rendered.mask, rendered.turns, source.context + 1)


def counting(source: Opened, conversations: Sequence[Conversation]) -> Query:
    """Yields Counted now and then, the last one of all, and then a Packing."""

    def query(_: EngineSide) -> Iterator[object]:
        lengths: list[int] = []
        trained: list[int] = []
        within: list[int] = []
        problems: dict[int, str] = {}
        told = time.monotonic()
        for at, conversation in enumerate(conversations):
            try:
                found = masked(source, conversation)
            except CutawayError as error:
                if len(problems) < _PROBLEMS:
                    problems[at] = f"{error.what} {error.why}"
                found = Masked(conversation, (), (), (), 0)
            lengths.append(len(found.ids))
            trained.append(sum(found.mask))
            within.append(found.trained)
            if time.monotonic() - told > _TELL_SECONDS:
                told = time.monotonic()
                yield Counted(tuple(lengths), tuple(trained), tuple(within), dict(problems))
        yield Counted(tuple(lengths), tuple(trained), tuple(within), problems)
        yield _drawn(source, conversations, packing(lengths, within, source.context))

    return query


def packing(lengths: Sequence[int], trained: Sequence[int], context: int, seed: int = 1) -> Packing:
    """How the trainer fills rows of `context` places; what is longer has lost its end."""
    from engine.batches.conversations import pack

    numbers = [number for number, length in enumerate(lengths) if length > 1 and trained[number]]
    places = [min(lengths[number] - 1, context) for number in numbers]
    rows = pack(places, context, seed)
    pieces = tuple(tuple(Piece(numbers[i], places[i]) for i in row) for row in rows[:ROWS])
    used = sum(places)
    return Packing(
        pieces,
        len(rows),
        used / (len(rows) * context) if rows else 0.0,
        used / (len(places) * context) if places else 0.0,
        len(places),
    )


def _drawn(source: Opened, conversations: Sequence[Conversation], packed: Packing) -> Packing:
    """With the places of the trained tokens in the rows that are drawn."""

    def drawn(piece: Piece) -> Piece:
        mask = masked(source, conversations[piece.number]).mask[1 : piece.tokens + 1]
        return replace(piece, trained=tuple(runs(mask)))

    return replace(packed, pieces=tuple(tuple(drawn(piece) for piece in row) for row in packed.pieces))


def runs(mask: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """First and last + 1 of every run of True."""
    first = None
    for at, trained in enumerate((*mask, False)):
        if trained and first is None:
            first = at
        elif not trained and first is not None:
            yield first, at
            first = None


def reading_train(table: Mapping[str, Any], base: Path | None) -> Query:
    """Yields the conversations of the table that are trained on, as one Look; its rejected rows do not matter here.
    Where the table names no world, it is the one that the base's run made."""

    def query(side: EngineSide) -> Iterator[object]:
        named = dict(table)
        if named.get("source", "world") == "world" and not named.get("corpus"):
            world = world_of(side.workspace, base)
            named |= {"corpus": world.relative_to(side.workspace.root).as_posix()} if world is not None else {}
        for item in reading(named)(side):
            yield item if isinstance(item, Look) else None

    return query


def _name(base: Path) -> str:
    """A run by the name of its recipe's run, an imported model by its own."""
    folder = next((place for place in (base, *base.parents) if (place / "recipe.json").is_file()), base)
    return folder.name
