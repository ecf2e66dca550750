"""A run as a terminal shows it: one progress bar a stage, and a line for what is worth reading."""

from __future__ import annotations

import sys
from pathlib import Path

from tqdm import tqdm

from engine.commands._output import note, note_error
from engine.errors import CutawayError
from engine.events import (
    ArtifactReady,
    Compiled,
    Compiling,
    Event,
    Failed,
    HealthAlarm,
    MemoryRanOut,
    Notice,
    Progress,
    Resumed,
    RunState,
    StateChanged,
    StepMetrics,
    TextSample,
    Validation,
)
from engine.store.files import read_json

_LOG_SECONDS = 30.0  # into a file a bar would write a line ten times a second


class Display:
    """Call `stage` when the next one begins and `show` with every event. The bar goes when the stage is done, and a
    line with its figures stays."""

    def __init__(self) -> None:
        self._bar: tqdm[None] | None = None
        self._title = ""
        self._folder = Path()

    def stage(self, title: str, folder: Path) -> None:
        self.close()
        self._title, self._folder = title, folder

    def show(self, event: Event) -> None:
        if isinstance(event, Progress):
            self._advance(event.done, event.total, event.unit)
        elif isinstance(event, StepMetrics):
            self._advance(event.step, self._steps(), "steps")
            self._word(f"loss {event.loss:.3f}, {event.tokens_per_second:,.0f} tokens/s")
        elif isinstance(event, StateChanged):
            self._word("" if event.state == RunState.RUNNING else event.state)
        elif isinstance(event, (Failed, HealthAlarm)):
            self.close()
            note_error(CutawayError(event.what, event.why, event.remedy))
        elif isinstance(event, ArtifactReady):
            self.close()
            figures = ", ".join(f"{name.replace('_', ' ')} {_number(value)}" for name, value in event.figures.items())
            note(f"{self._title:<10} {figures}{' (made before)' if event.reused else ''}")
        else:
            self._tell(event)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _tell(self, event: Event) -> None:
        if isinstance(event, Notice):
            note(f"  {event.text}")
        elif isinstance(event, (Compiling, Compiled, MemoryRanOut)):
            note(f"  {event.words}")
        elif isinstance(event, Resumed):
            note(f"  Going on from step {event.step:,}.")
        elif isinstance(event, Validation):
            held_out = f"{event.loss:.3f} nats per token, {event.bits_per_byte:.3f} bits per byte"
            note(f"  Step {event.step:,}, held-out text: {held_out}")
        elif isinstance(event, TextSample):
            note(f"  {event.prompt}{event.text}".replace("\n", "\n  "))

    def _advance(self, done: int, total: int, unit: str) -> None:
        if self._bar is not None and (self._bar.unit != f" {unit}" or done < self._bar.n):
            self.close()
        if self._bar is None:
            interval = 0.1 if sys.stderr.isatty() else _LOG_SECONDS
            words = {"desc": f"{self._title:<10}", "unit": f" {unit}", "file": sys.stderr, "dynamic_ncols": True}
            self._bar = tqdm(**words, total=total or None, initial=done, leave=False, mininterval=interval)
        self._bar.total = total or None
        self._bar.update(done - self._bar.n)

    def _word(self, text: str) -> None:
        if self._bar is not None:
            self._bar.set_postfix_str(text, refresh=False)

    def _steps(self) -> int:
        """The horizon, which may have been derived when the stage began."""
        bar = self._bar
        if bar is not None and bar.unit == " steps":
            return int(bar.total or 0)
        try:
            return int(read_json(self._folder / "plan.json")["training"]["steps"])
        except (CutawayError, KeyError, TypeError, ValueError):
            return 0


def _number(value: float | int | str) -> str:
    if isinstance(value, float):
        return f"{value:,.3g}" if value < 1000 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else value
