"""What fine-tuning reads before its first step: conversations as tokens, and the text that its model was made of."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.batches.conversations import Tokens, tokens_of
from engine.batches.token_shards import TokenShards
from engine.corpus.conversation import Conversation
from engine.errors import CutawayError
from engine.events import ArtifactReady, DocumentDropped, Event, Notice, Progress, Tick
from engine.pipeline.stage import Context
from engine.store.artifact import MANIFEST, open_artifact
from engine.store.files import read_json
from engine.store.run_folder import RunFolder
from engine.tokenizer.chat_template import ChatTemplate
from engine.tokenizer.tokenizer import Tokenizer

_TELL_SECONDS = 0.05
_NAMED = 5


@dataclass(frozen=True)
class Read:
    """conversations: those that the template can write, with their tokens. refused: how many it cannot."""

    conversations: tuple[Conversation, ...]
    tokens: tuple[Tokens, ...]
    refused: int


def read_tokens(template: ChatTemplate, conversations: Sequence[Conversation]) -> Iterator[Event | Read]:
    """Tells how far it is and ends with what was read. Raises CutawayError when the template refuses every one."""
    found: list[tuple[Conversation, Tokens]] = []
    notes: Counter[str] = Counter()
    refusals: list[CutawayError] = []
    told = time.monotonic()
    for number, conversation in enumerate(conversations, 1):
        try:
            rendered = template.encode(conversation.messages)
        except CutawayError as error:
            refusals.append(error)
            if len(refusals) <= _NAMED:
                yield DocumentDropped(source=conversation.source, reason=f"{error.what} {error.why}")
            continue
        found.append((conversation, tokens_of(rendered.ids, rendered.mask)))
        if rendered.note:
            notes[rendered.note] += 1
        if time.monotonic() - told > _TELL_SECONDS:
            told = time.monotonic()
            yield Tick() if number % 100 else Progress(done=number, total=len(conversations), unit="conversations")
    if refusals and not found:
        raise refusals[0]
    for note, count in notes.most_common(_NAMED):
        yield Notice(text=f"In {count:,} conversations: {note}", level="warning")
    yield Read(tuple(each for each, _ in found), tuple(tokens for _, tokens in found), len(refusals))


def refuse_nothing_to_learn(kept: int, masked: int, too_long: int, side: str) -> None:
    """Raises CutawayError where nothing is left of one side."""
    if kept:
        return
    count = masked + too_long
    why = f"Of {count:,} conversations, {masked:,} have no token that is learned and {too_long:,} are too long."
    why = why if count else "There is no conversation."
    raise CutawayError(
        f"There is nothing to {'learn from' if side == 'train' else 'measure on'}.",
        why,
        "Every conversation needs an answer of the assistant's. Longer rows (context_length) hold longer ones.",
    )


def text_of(context: Context, base: Path, tokenizer: Tokenizer, folder: Path) -> TokenShards | None:
    """The shards that the base was trained on: the recipe's, or those of the run that it comes from. None where there
    are none, or none that its tokenizer cut. folder: where that is kept; of one that received the tokens of a
    conversation the artifact says what it was before, and its texts have the same ids still."""
    hashes = {tokenizer.hash}
    if (folder / MANIFEST).is_file():
        hashes.add(read_json(folder / MANIFEST)["parents"].get("tokenizer", ""))
    own = [context.parent("shards").folder] if "shards" in context.parents else []
    for found in own or _shards_behind(context, base):
        shards = TokenShards(found)
        if shards.facts.tokenizer_hash in hashes:
            return shards
    return None


def _shards_behind(context: Context, base: Path) -> Iterator[Path]:
    """Of the run of a checkpoint, or of the run that it was tuned from."""
    root = context.workspace.root
    run = next((folder for folder in base.parents if (folder / "recipe.json").is_file()), None)
    if run is None:
        return
    for stage in sorted(run.glob("*-*")):
        for event in RunFolder(stage).all_events():
            if isinstance(event, ArtifactReady) and event.kind == "shards":
                try:
                    yield open_artifact(root / event.folder, "shards").folder
                except CutawayError:
                    continue  # gone: then there is no text to mix in
    earlier = base.parents[1] / "plan.json"
    told = read_json(earlier).get("base_folder") if earlier.is_file() else None
    if told and (root / told) != base:
        yield from _shards_behind(context, root / told)
