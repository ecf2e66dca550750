"""Conversations about a world, made from the truth on file."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from engine.corpus.conversation import Conversation
from engine.corpus.conversations.sorting import Counts, Sorter
from engine.corpus.conversations.stored import Side
from engine.corpus.worlds.asking import ask_world
from engine.corpus.worlds.world import World
from engine.errors import CutawayError
from engine.events import Event, Tick
from engine.pipeline.stage import Context
from engine.stages._conversations_made import Material, Pace
from engine.store.artifact import Artifact, open_artifact
from engine.store.files import read_json

if TYPE_CHECKING:
    from engine.stages.conversations import Config

_TRUTH = "world.json"
_BYTES_A_PERSON = 20_000


def from_world(config: Config, context: Context) -> Generator[Event, None, Material]:
    """Raises CutawayError when there is no world."""
    corpus = _corpus(config, context)
    if not corpus.file(_TRUTH).is_file():
        raise CutawayError(
            "There is nobody to ask about.",
            f"The corpus {corpus.folder.name} was not made from a world: it has no {_TRUTH}.",
            "Choose the corpus of a world, or bring your own conversations as files.",
        )
    world = World.from_json(read_json(corpus.file(_TRUTH)))
    yield Tick()
    size = _BYTES_A_PERSON * len(world.people)
    source = f"invented by Cutaway with seed {config.seed}"
    return _FromWorld(config, {"corpus": corpus.hash}, source, size, divided=True, licence="CC0-1.0", world=world)


def _corpus(config: Config, context: Context) -> Artifact:
    if not config.corpus:
        return context.parent("corpus")
    root = context.workspace.root.resolve()
    folder = (root / config.corpus).resolve()
    if not folder.is_relative_to(root) or not folder.is_dir():
        raise CutawayError(
            f'There is no corpus "{config.corpus}".',
            "The workspace has no such folder.",
            "Name a folder of the workspace, such as corpora/first-words-0123456789.",
        )
    return open_artifact(folder, "corpus")


@dataclass
class _FromWorld(Material):
    world: World = field(kw_only=True, repr=False)

    def fill(self, sorter: Sorter) -> Iterator[Event]:
        train, held_out = ask_world(self.world, self.config.seed, self.config.people_share)
        pace = Pace()
        sides: tuple[tuple[Side, list[Conversation]], ...] = (("held_out", held_out), ("train", train))
        for side, conversations in sides:
            for conversation in conversations:
                sorter.add(self.with_system(conversation), side)
                if pace.due():
                    yield Tick()

    def check(self, counts: Counts) -> None:
        """A world always gives enough."""

    def facts(self, counts: Counts) -> dict[str, Any]:
        reason = "Cutaway made the questions and their answers from the truth about the world."
        return {"format": "world", "reason": reason, "files": [], **counts.to_json(), "notices": []}
