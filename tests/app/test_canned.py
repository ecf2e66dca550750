import math
from pathlib import Path

import pytest

from app.canned import STATES, build
from engine.events import RunState, StepMetrics, TextSample, UnknownEvent, Validation
from engine.store.run_folder import RunFolder


def stages(folder: Path) -> list[RunFolder]:
    return [RunFolder(path) for path in sorted(folder.iterdir()) if path.is_dir()]


def test_the_run_is_at_step_348_of_600_and_adds_up(tmp_path: Path) -> None:
    canned = build(tmp_path, "running")
    assert canned.folder == canned.workspace.run_folders()[0]
    *before, pretrain = stages(canned.folder)
    assert [stage.status().state for stage in before] == [RunState.DONE] * 3
    assert pretrain.status().state is RunState.RUNNING
    events = list(pretrain.all_events())
    assert not any(isinstance(event, UnknownEvent) for event in events)
    steps = [event for event in events if isinstance(event, StepMetrics)]
    assert [event.step for event in steps] == list(range(1, 349))
    assert steps[-1].loss == pytest.approx(0.80, abs=0.01)
    assert steps[0].loss == pytest.approx(math.log(1024), rel=0.1)
    assert steps[-1].seconds == pytest.approx(348 * 4096 / 13_240)
    assert [event.step for event in events if isinstance(event, Validation)] == [100, 200, 300]
    assert [event.step for event in events if isinstance(event, TextSample)] == [100, 200, 340]
    assert sum(stage.status().seconds for stage in stages(canned.folder)) == pytest.approx(111.5, abs=0.1)


@pytest.mark.parametrize("state", [state for state in STATES if state != "empty"])
def test_each_state_reads_back_as_itself(tmp_path: Path, state: str) -> None:
    canned = build(tmp_path, state)
    assert stages(canned.folder)[-1].status().state.value == state


def test_the_others_ended_in_every_way(tmp_path: Path) -> None:
    canned = build(tmp_path)
    ends = {stages(folder)[-1].status().state for folder in canned.workspace.run_folders()[1:]}
    assert ends == {RunState.DONE, RunState.STOPPED, RunState.FAILED, RunState.DIED}


def test_the_same_state_is_told_the_same_way(tmp_path: Path) -> None:
    first, second = build(tmp_path / "a"), build(tmp_path / "b")
    for one, other in zip(stages(first.folder), stages(second.folder), strict=True):
        assert one.events_path.read_bytes() == other.events_path.read_bytes()


def test_empty_is_empty_and_nonsense_is_refused(tmp_path: Path) -> None:
    canned = build(tmp_path, "empty")
    assert canned.folder is None
    assert canned.workspace.run_folders() == []
    with pytest.raises(ValueError, match="nonsense"):
        build(tmp_path, "nonsense")
