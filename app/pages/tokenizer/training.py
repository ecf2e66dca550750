"""What a [train_tokenizer] stage has told so far, and the recipe that begins one. No torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from app.pages.tokenizer.choice import artifact_name
from engine.events import (
    ArtifactReady,
    CompressionMeasured,
    Event,
    Failed,
    MergeLearned,
    Notice,
    Progress,
    RunState,
    StateChanged,
)
from engine.launch.recipe import Recipe, recipe_from_json
from engine.store.artifact import Artifact
from engine.store.workspace import Workspace

STAGE = "train_tokenizer"
_MEASURED_FROM = 0.02  # of the work: a rate of less is a guess


@dataclass
class TrainingTold:
    """merges: up to 60 of all, in order. curve: (vocabulary, bytes per token). began: seconds at the first progress
    of the step at work."""

    state: RunState = RunState.WAITING
    progress: Progress | None = None
    merges: list[MergeLearned] = field(default_factory=list)
    curve: list[tuple[int, float]] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    figures: dict[str, float | int | str] = field(default_factory=dict)
    problem: str = ""
    seconds: float = 0.0
    began: float = 0.0

    def take(self, events: Iterable[Event]) -> None:
        for event in events:
            self.seconds = max(self.seconds, event.seconds)
            if isinstance(event, Progress):
                other = self.progress is None or self.progress.message != event.message
                self.began = event.seconds if other else self.began
                self.progress = event
            elif isinstance(event, MergeLearned):
                self.merges.append(event)
            elif isinstance(event, CompressionMeasured):
                self.curve.append((event.vocab_size, event.bytes_per_token))
            elif isinstance(event, Notice):
                self.notices.append(event.text)
            elif isinstance(event, ArtifactReady):
                self.figures = dict(event.figures)
            elif isinstance(event, Failed):
                self.problem = f"{event.what} {event.why} {event.remedy}"
            elif isinstance(event, StateChanged):
                self.state = RunState(event.state)

    @property
    def at_work(self) -> bool:
        return not self.state.is_final and self.state is not RunState.WAITING

    @property
    def share(self) -> float:
        """Of the step at work, 0 to 1."""
        told = self.progress
        return min(told.done / told.total, 1.0) if told is not None and told.total else 0.0

    @property
    def left(self) -> float | None:
        """Seconds until the step at work is done; None while that cannot be told."""
        if self.progress is None or self.share < _MEASURED_FROM or not self.at_work:
            return None
        return (self.progress.seconds - self.began) / self.share * (1.0 - self.share)


def corpora(workspace: Workspace) -> list[Artifact]:
    """Those that a tokenizer can learn from, the newest first."""
    return [one for one in workspace.artifacts("corpus") if one.manifest.stage in ("corpus", "world")]


def make_recipe(corpus: Artifact, entered: dict[str, Any], *, count: bool) -> Recipe:
    """The corpus is not made again: its stage finds what stands there. count: whether the corpus is cut with the new
    tokenizer afterwards, for frequencies. Raises CutawayError for a value out of bounds."""
    tables: dict[str, Any] = {corpus.manifest.stage: corpus.manifest.config, STAGE: entered}
    if count:
        tables["tokenize"] = {"validation_share": entered.get("validation_share", 0.05)}
    name = str(corpus.manifest.config.get("name") or artifact_name(corpus))
    return recipe_from_json({"name": name, "description": f"a tokenizer for {name}", "stages": tables})
