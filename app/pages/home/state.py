"""What Home is about at the moment: a recipe that could run, or a run that does or did. No widgets."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from app.pages.home.forecast import Forecast, forecast, vocabulary_size
from app.pages.home.now_words import NowWords, words_before, words_now
from app.pages.home.run_view import RunView, StageView
from app.widgets.cost_words import cost_words
from app.widgets.timeline import Span, clock
from engine.errors import CutawayError
from engine.events import RunState
from engine.launch.forecast import StageForecast, read_forecast
from engine.launch.forecast import forecast as stage_forecasts
from engine.launch.local import RecipeRun
from engine.launch.recipe import Recipe, load_recipe
from engine.store.workspace import Workspace

_ROLES = {RunState.DONE: "ok", RunState.FAILED: "danger", RunState.DIED: "warning", RunState.STOPPED: "border"}


class HomeState:
    """recipe_name: preset or file that was chosen last. recipe: None when it cannot be loaded; `trouble` says why."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.recipe_name = ""
        self.recipe: Recipe | None = None
        self.forecast = Forecast({})
        self.trouble: CutawayError | None = None
        self.view: RunView | None = None

    def choose(self, name: str, files: tuple[Path, ...] = ()) -> None:
        """A preset or a recipe file, as it would run from the beginning. files: the text that it reads instead."""
        self.view, self.recipe_name = None, name
        try:
            recipe = load_recipe(name, {"corpus.paths": [str(path) for path in files]} if files else None)
            if files:
                more = f" and {len(files) - 1} more" if len(files) > 1 else ""
                recipe = replace(recipe, name=files[0].stem, description=f"Train on {files[0].name}{more}")
            self.take(recipe)
        except CutawayError as error:
            self.recipe, self.forecast, self.trouble = None, Forecast({}), error

    def follow(self, run: RecipeRun) -> None:
        self.view = RunView(run)
        try:
            self.take(run.recipe, read_forecast(run.folder))
        except CutawayError as error:
            self.recipe, self.forecast, self.trouble = run.recipe, Forecast({}), error

    def take(self, recipe: Recipe, said: tuple[StageForecast, ...] = ()) -> None:
        """Shows this recipe as it stands. said: what was forecast before its run began. Raises CutawayError when its
        settings contradict each other."""
        self.forecast = forecast(recipe, self.workspace, said)
        self.recipe, self.trouble = recipe, None

    @property
    def alive(self) -> bool:
        return self.view is not None and not self.view.state.is_final and self.view.state is not RunState.WAITING

    @property
    def resumable(self) -> bool:
        ends = (RunState.STOPPED, RunState.FAILED, RunState.DIED)
        return self.view is not None and self.view.state in ends

    @property
    def wants_text(self) -> bool:
        """Whether the recipe reads files and nobody has said which. A relative path says nothing in a window."""
        for spec in self.recipe.stages if self.recipe else ():
            if spec.name == "corpus":
                paths = [Path(path) for path in spec.config.model_dump()["paths"]]
                return not paths or not all(path.is_absolute() and path.exists() for path in paths)
        return False

    @property
    def vocabulary_size(self) -> int:
        learned = self.view.stage("train_tokenizer") if self.view else None
        if learned is not None and "vocab_size" in learned.figures:
            return int(learned.figures["vocab_size"])
        return vocabulary_size(self.recipe) if self.recipe else 257

    def words(self) -> NowWords:
        if self.trouble is not None:
            details = f"{self.trouble.why} {self.trouble.remedy}"
            return NowWords("This recipe cannot run", f"*{self.trouble.what}*", "danger", details)
        if self.view is not None:
            return words_now(self.view, self.vocabulary_size)
        people = None
        for spec in self.recipe.stages if self.recipe else ():
            people = getattr(spec.config, "people", people)
        makers = [spec.name for spec in self.recipe.stages if spec.module.OUTPUT == "model"] if self.recipe else []
        return words_before(people, self.forecast.seconds, wants_text=self.wants_text, makes="+".join(makers))

    def free_bytes(self) -> int:
        return shutil.disk_usage(self.workspace.root).free

    def cost_words(self) -> str:
        """What stands beside Start: of a run that would begin now."""
        if self.recipe is None or self.trouble is not None:
            return ""
        return cost_words(self.forecast.stages if self.view is None else stage_forecasts(self.recipe, self.workspace))

    def expected_seconds(self, name: str) -> float:
        """Of one stage, from its beginning to its end, as far as it can be told now."""
        guess = self.forecast.stage_seconds.get(name, 0.0)
        stage = self.view.stage(name) if self.view else None
        if stage is None or stage.state is RunState.WAITING:
            return guess
        if stage.state is RunState.DONE:
            return stage.seconds
        if stage.plan is not None:
            guess = float(stage.plan["estimate"]["seconds"])
        left = stage.seconds_left
        return stage.seconds + left if left is not None else max(guess, stage.seconds)

    @property
    def expected(self) -> float:
        return sum(self.expected_seconds(name) for name in self.forecast.stage_seconds)

    def spans(self) -> list[Span]:
        found = []
        for spec in self.recipe.stages if self.recipe else ():
            stage = self.view.stage(spec.name) if self.view else None
            seconds = self.expected_seconds(spec.name)
            filled = _filled(stage, seconds)
            role = _ROLES.get(stage.state, "accent") if stage else "accent"
            found.append(Span(spec.module.TITLE, max(seconds, 0.01), filled, role))
        return found

    def elapsed(self) -> float | None:
        """Where the mark stands: the stages before the one at work count as long as they are drawn."""
        if self.view is None or self.view.elapsed <= 0:
            return None
        return self.view.elapsed

    def left_words(self) -> str:
        return clock(max(self.expected - (self.elapsed() or 0.0), 0.0))


def _filled(stage: StageView | None, seconds: float) -> float:
    if stage is None or stage.state is RunState.WAITING:
        return 0.0
    return 1.0 if stage.state is RunState.DONE else min(stage.seconds / max(seconds, 0.01), 1.0)
