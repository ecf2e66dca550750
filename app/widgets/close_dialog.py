"""What becomes of the run when the window closes."""

from __future__ import annotations

from typing import Literal

from PySide6.QtWidgets import QWidget

from app.jobs.job_queue import Job
from app.widgets.choice_dialog import Choice, ask

Answer = Literal["stop", "detach", "stay"]


def ask_on_close(parent: QWidget, job: Job) -> Answer:
    """Escape stays: closing is never what somebody gets by accident."""
    answer = ask(
        parent,
        f"{job.run.recipe.name} is still working.",
        "Saved and stopped, it can be resumed from its checkpoint. Or it keeps training without a window, in a process "
        "of its own; open Cutaway again to watch or stop it.",
        [Choice("stay", "Stay"), Choice("stop", "Save and stop"), Choice("detach", "Close, keep training", "primary")],
        escape="stay",
    )
    return "stop" if answer == "stop" else "detach" if answer == "detach" else "stay"
