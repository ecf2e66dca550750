"""What the banner says: an alarm, a failure, a run that broke off, or why nothing is drawn yet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from app.widgets.banner import BannerAction, BannerWords
from engine.events import CheckpointSaved, Failed, HealthAlarm, RunState

_GENTLER = 0.5


class Troubled(Protocol):
    """What a page knows of the run that it shows. step: where it is; message: what its state came with."""

    state: RunState
    message: str

    @property
    def step(self) -> int: ...

    @property
    def trouble(self) -> HealthAlarm | Failed | None: ...

    @property
    def checkpoints(self) -> Sequence[CheckpointSaved]: ...


@dataclass(frozen=True)
class Remedies:
    """go_on: continue a paused run, its learning rate scaled by a factor. resume: go on from the newest
    checkpoint, likewise. can_go_on, can_resume: whether that is possible now."""

    go_on: Callable[[float], None]
    resume: Callable[[float], None]
    can_go_on: bool
    can_resume: bool


def banner_words(run: Troubled, remedies: Remedies, before: str) -> BannerWords | None:
    """before: title of the stage that works before this one; "" when none does."""
    trouble = run.trouble
    if trouble is not None:
        details = trouble.details if isinstance(trouble, Failed) else ""
        actions = _actions(run, trouble, remedies)
        return BannerWords("danger", trouble.what, f"{trouble.why} {trouble.remedy}", actions, details)
    if run.state is RunState.FAILED:
        return BannerWords("danger", "Training failed.", run.message, _actions(run, None, remedies))
    if run.state is RunState.DIED:
        kept = run.checkpoints[-1].step if run.checkpoints else 0
        why = f"The checkpoint of step {kept:,} is intact." if kept else "No checkpoint had been written yet."
        what = f"The program or the computer ended at step {run.step:,}."
        return BannerWords("warning", what, f"{why} Resume goes on from there.", _actions(run, None, remedies))
    if before:
        return BannerWords("accent", f"Training begins after {before}.", "The text is being made ready for it.")
    return None


def _actions(run: Troubled, trouble: HealthAlarm | Failed | None, remedies: Remedies) -> tuple[BannerAction, ...]:
    actions = []
    kept = run.checkpoints[-1].step if run.checkpoints else None
    from_there = f"from step {kept:,}" if kept is not None else "from the beginning"
    if remedies.can_go_on:
        if not isinstance(trouble, HealthAlarm) or trouble.cause != "disk":
            actions.append(
                BannerAction(
                    "Halve the learning rate and go on",
                    lambda: remedies.go_on(_GENTLER),
                    "The weights stay as they are; the rest of the schedule is scaled",
                )
            )
        actions.append(BannerAction("Go on", lambda: remedies.go_on(1.0), "Continue with the next batch"))
    elif remedies.can_resume:
        if run.state is RunState.FAILED:
            actions.append(
                BannerAction(
                    "Halve the learning rate and resume",
                    lambda: remedies.resume(_GENTLER),
                    f"Go on {from_there} with half the learning rate",
                )
            )
        actions.append(BannerAction(f"Resume {from_there}", lambda: remedies.resume(1.0)))
    return tuple(actions)
