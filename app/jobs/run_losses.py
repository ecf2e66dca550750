"""How the loss of a run went, sampled from a file of any length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from engine.events import ArtifactReady, Event, LabelsJudged, StepMetrics, TuningCheck, Validation, decode
from engine.launch.local import RecipeRun
from engine.store.run_folder import RunFolder

POINTS = 64
_TAIL_BYTES = 64 * 1024
_LINES_A_POINT = 6
_MEAN_OF = 10


@dataclass(frozen=True)
class Losses:
    """points: at most 64 training losses over the whole run, in nats per token. step: of the last one. recent:
    of the last steps, up to ten. held_out: the last loss on what is not trained on. stage: index of the stage.
    exact: of a fine-tuning, share of held-out questions that were answered word for word, or of texts that were
    labelled rightly, 0 to 1; NaN when none was asked. labels: whether it is a classifier's. ready: what the stage told
    at its end."""

    points: tuple[float, ...]
    step: int
    recent: tuple[float, ...]
    held_out: float | None
    folder: RunFolder
    stage: int
    exact: float | None = None
    labels: bool = False
    ready: ArtifactReady | None = None


def read_losses(run: RecipeRun) -> Losses | None:
    """Of the last stage that trains; None before its first step."""
    for index, folder in reversed(list(enumerate(run.stage_folders()))):
        points = _sampled(folder)
        if points:
            tail = read_tail(folder)
            steps = [event.loss for event in tail if isinstance(event, StepMetrics)]
            held_out = [event.loss for event in tail if isinstance(event, Validation | TuningCheck)]
            labels, exact, ready = _answered(tail)
            return Losses(
                tuple(loss for _, loss in points),
                points[-1][0],
                tuple(steps[-_MEAN_OF:]),
                held_out[-1] if held_out else None,
                folder,
                index,
                exact,
                labels,
                ready,
            )
    return None


def _answered(tail: Iterable[Event]) -> tuple[bool, float | None, ArtifactReady | None]:
    """Whether there are labels, the last share of right answers, and the end of the stage. What was measured at the
    end, of the best model and with more questions, counts more than any look before."""
    labels, exact, ready = False, None, None
    for event in tail:
        if isinstance(event, LabelsJudged):
            labels, exact = True, event.accuracy
        elif isinstance(event, TuningCheck) and not labels:
            exact = event.exact
        elif isinstance(event, ArtifactReady):
            ready = event
    final = ready.figures.get("exact") if ready is not None and not labels else None
    return labels, float(final) if isinstance(final, float | int) else exact, ready


def _sampled(folder: RunFolder) -> list[tuple[int, float]]:
    """(step, loss) at up to 64 places of the file; what is written later wins over what a resumption made void."""
    points: list[tuple[int, float]] = []
    if not folder.events_path.exists():
        return points
    size = folder.events_path.stat().st_size
    with folder.events_path.open("rb") as stream:
        for place in range(POINTS):
            found = _metrics_after(stream, size * place // (POINTS - 1), size)
            if found is None or (points and points[-1][0] == found.step):
                continue
            while points and points[-1][0] > found.step:
                points.pop()
            points.append((found.step, found.loss))
    return points


def _metrics_after(stream: BinaryIO, offset: int, size: int) -> StepMetrics | None:
    """The first step written after `offset`; at the end of the file, the last one."""
    if offset >= size:
        stream.seek(max(0, size - _TAIL_BYTES // 4))
        steps = [event for event in _decoded(stream.read().splitlines()) if isinstance(event, StepMetrics)]
        return steps[-1] if steps else None
    stream.seek(offset)
    if offset:
        stream.readline()
    lines = (stream.readline() for _ in range(_LINES_A_POINT))
    return next((event for event in _decoded(lines) if isinstance(event, StepMetrics)), None)


def read_tail(folder: RunFolder) -> list[Event]:
    """The last events of a stage: some 250 of them."""
    path = folder.events_path
    if not path.exists():
        return []
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        return list(_decoded(stream.read().splitlines()))


def _decoded(lines: Iterable[bytes]) -> Iterator[Event]:
    for line in lines:
        try:
            yield decode(line.decode("utf-8"))
        except ValueError:
            continue  # the half line at which we came in, or one that is being written
