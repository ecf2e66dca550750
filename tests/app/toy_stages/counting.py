"""A stage that counts: quick, steerable, and able to fail in every way that a real one can."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from engine.errors import CutawayError
from engine.events import ArtifactReady, Event, HealthAlarm, Resumed, StepMetrics, Tick
from engine.pipeline.stage import Context, StageConfig, dial
from engine.store.files import read_json, write_json

TITLE = "Counting"
OUTPUT = "model"


class Config(StageConfig):
    steps: int = dial(20, "How far to count.", ge=1)
    seconds_a_step: float = dial(0.0, "How long a step takes.", unit="s", ge=0)
    fail_at: int = dial(0, "The step that fails; 0 for none.", ge=0)
    failure: str = dial("words", "What it fails with: words, crash or alarm.")


class Live:
    """Stands where a stage keeps the model that trains."""

    def __init__(self) -> None:
        self.step = 0


def run(config: Config, context: Context) -> Iterator[Event]:
    place = context.run_folder.path / "place.json"
    live: Any = Live()
    context.live = live
    if place.exists():
        live.step = read_json(place)["step"]
        yield Resumed(step=live.step)
    try:
        while live.step < config.steps and not context.control.stopping:
            yield Tick()
            time.sleep(config.seconds_a_step)
            live.step += 1
            if live.step == config.fail_at:
                yield from _fail(config.failure, live.step, context)
            if context.control.take_checkpoint_request():
                write_json(place, {"step": live.step})
            yield _metrics(live.step)
    finally:
        write_json(place, {"step": live.step})
    if live.step == config.steps:
        yield ArtifactReady(
            step=live.step, kind="model", folder=context.relative(context.run_folder.path), reused=False, figures={}
        )


def _metrics(step: int) -> StepMetrics:
    return StepMetrics(
        step=step,
        tokens=step * 100,
        loss=7.0 / (1 + step * 0.1),
        learning_rate=1e-3,
        grad_norm=0.5,
        clipped=False,
        tokens_per_second=1000.0,
    )


def _fail(failure: str, step: int, context: Context) -> Iterator[Event]:
    if failure == "crash":
        raise ZeroDivisionError("a mistake in the stage")
    if failure == "words":
        raise CutawayError("The count was lost.", "Somebody spoke.", "Begin again.")
    context.control.pause()
    yield HealthAlarm(
        step=step, cause="nan", what="The loss became NaN.", why="The rate is too high.", remedy="Lower it."
    )
