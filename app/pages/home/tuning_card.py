"""Becoming an assistant: how far it is, how many questions it answers, and one answer before and after."""

from __future__ import annotations

import math
from pathlib import Path

from app.pages.home.examples import TEMPLATE
from app.pages.home.road_card import RoadCard, Scene
from app.pages.home.run_view import StageView
from app.pages.home.samples import one_line
from app.widgets.stage_card import CardWords
from app.widgets.stage_card_tuning import Pair, TuningPicture
from engine.events import RunState


class TuningCard(RoadCard):
    """stages: "sft", and "conversations" where the recipe makes them."""

    page = "finetune"

    def __init__(self, stages: tuple[str, ...]) -> None:
        self.stages = stages
        self._picture = TuningPicture(TEMPLATE)
        super().__init__("Assistant", self._picture)

    def show(self, scene: Scene) -> None:
        self._show_state(scene)
        stage = scene.view.stage("sft") if scene.view else None
        begun = stage is not None and stage.state is not RunState.WAITING
        self.wants_room = begun or not any(spec.name == "pretrain" for spec in scene.recipe.stages)
        if stage is None or not begun or not (stage.checks or stage.step):
            self._picture.show_template()
            words = self._words_before(scene, stage if begun else None)
        else:
            self._picture.show_run(
                stage.track, stage.validation, total=stage.steps, live=stage.alive, pair=pair_of(stage)
            )
            words = self._words(scene, stage)
        self.card.set_words(words)

    def _words_before(self, scene: Scene, stage: StageView | None) -> CardWords:
        asked = scene.view.stage("conversations") if scene.view else None
        number, label = self._material(scene)
        if asked is not None and asked.figures:
            number, label = f"{int(asked.figures['train']):,}", "conversations to learn from"
        elif asked is not None and asked.done:
            number, label = f"{asked.done:,}", "conversations so far"
        message = stage.message if stage is not None and stage.message else ""
        return CardWords("learns to answer", "", number, label, message or self._time(scene))

    def _material(self, scene: Scene) -> tuple[str, str]:
        """Before the conversations are there."""
        people, share = scene.setting("world", "people"), scene.setting("conversations", "people_share")
        if isinstance(people, int) and isinstance(share, float):
            return f"{round(people * share):,}", "people to ask of"
        paths = scene.setting("conversations", "paths")
        names = [Path(path).name for path in paths] if isinstance(paths, list | tuple) else []
        return "", ", ".join(names) or "questions and answers"

    def _words(self, scene: Scene, stage: StageView) -> CardWords:
        plan = stage.plan or {}
        count = (plan.get("conversations") or {}).get("train")
        method = {"lora": "a small addition learns", "full": "all weights move"}.get(str(plan.get("method")), "")
        subtitle = ", ".join(part for part in (f"{count:,} conversations" if count else "", method) if part)
        done = stage.state is RunState.DONE
        corner = f"step *{stage.step:,}*" + (f" of {stage.steps:,}" if stage.steps and not done else "")
        broken = math.isnan(stage.track.last) and stage.step > 0 and bool(stage.track.points)
        if broken:
            return CardWords(subtitle, corner, "NaN", "loss is no number any more", self._time(scene))
        number, label = _result(stage)
        return CardWords(subtitle, corner, number, label, self._time(scene), _held_out(stage))


def pair_of(stage: StageView) -> Pair | None:
    """A question with what the base says to it and what the model says now."""
    told = stage.told_answer
    if told is None:
        return None
    return Pair(one_line(told.question), one_line(told.base), one_line(told.answer), told.right, told.step)


def _result(stage: StageView) -> tuple[str, str]:
    exact = stage.exact
    if exact is not None:
        label = "of held-out texts labelled rightly" if stage.judged else "of held-out questions exact"
        return f"{exact:.0%}", label
    if stage.checks:
        return f"{stage.checks[-1].loss:.2f}", "loss on held-out conversations"
    return "", "its first answers come soon"


def _held_out(stage: StageView) -> str:
    """Beside the time, when the number above is another one."""
    return f"held-out loss {stage.checks[-1].loss:.2f}" if stage.checks and stage.exact is not None else ""
