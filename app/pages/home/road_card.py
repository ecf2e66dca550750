"""What every card of the road has in common: what it may show, its mark, its time."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtWidgets import QWidget

from app.pages.home.forecast import Forecast
from app.pages.home.live_guesses import Guesses
from app.pages.home.run_view import RunView, StageView
from app.widgets.stage_card import Mark, StageCard
from app.widgets.stage_card_mark import mark_of
from app.widgets.timeline import clock
from engine.events import RunState
from engine.launch.recipe import Recipe


@dataclass(frozen=True)
class Scene:
    """Everything a card may show. view: None before a run. guesses: None as long as no model was asked."""

    recipe: Recipe
    forecast: Forecast
    view: RunView | None = None
    guesses: Guesses | None = None

    def stage(self, *names: str) -> StageView | None:
        """The first of these stages that is at work or done, else the first there is."""
        found = [stage for name in names if self.view and (stage := self.view.stage(name))]
        return next((stage for stage in found if stage.alive), found[0] if found else None)

    def setting(self, stage: str, key: str) -> object:
        for spec in self.recipe.stages:
            if spec.name == stage:
                return spec.config.model_dump().get(key)
        return None


class RoadCard:
    """stages: what lights it up. page: what a click opens. card: the widget. wants_room: whether it may take what the
    other cards leave; the last one that does, gets it."""

    stages: tuple[str, ...] = ()
    page = ""

    def __init__(self, title: str, picture: QWidget) -> None:
        self.card = StageCard(title, picture)
        self.wants_room = False

    def show(self, scene: Scene) -> None:
        raise NotImplementedError

    def _show_state(self, scene: Scene) -> StageView | None:
        """Sets mark and ring from all stages of the card; gives the stage to show."""
        views = [view for name in self.stages if scene.view and (view := scene.view.stage(name))]
        stage = scene.stage(*self.stages)
        if stage is None or all(view.state is RunState.WAITING for view in views):
            self.card.set_mark(Mark.WAITING)
            return None
        unfinished = [view for view in views if view.state is not RunState.DONE]
        between = unfinished and unfinished[0].state is RunState.WAITING
        mark = Mark.RUNNING if between else mark_of(unfinished[0].state) if unfinished else Mark.DONE
        self.card.set_mark(mark, sum(view.share for view in views) / len(views))
        return stage

    def _time(self, scene: Scene) -> str:
        """ "took 0:09 · estimated 0:10" of all stages of the card."""
        estimated = sum(scene.forecast.stage_seconds.get(name, 0.0) for name in self.stages)
        views = [view for name in self.stages if scene.view and (view := scene.view.stage(name))]
        if not views or all(view.state is RunState.WAITING for view in views):
            return f"about {clock(estimated)}"
        if all(view.reused for view in views):
            return "made before, used again"
        took = clock(sum(view.seconds for view in views))
        done = all(view.state is RunState.DONE for view in views)
        return f"took {took} · estimated {clock(estimated)}" if done else f"{took} of about {clock(estimated)}"
