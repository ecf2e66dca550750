"""The stage on a toy corpus: what it writes down, what it keeps, and that going on equals never having stopped."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from engine.control import Control
from engine.events import (
    ArtifactReady,
    CheckpointSaved,
    Event,
    Failed,
    Notice,
    Resumed,
    RunState,
    StateChanged,
    StepMetrics,
    TextSample,
    Tick,
    Validation,
)
from engine.launch.local import RecipeRun
from engine.launch.recipe import recipe_from_json
from engine.pipeline.drive import drive
from engine.pipeline.stage import Context
from engine.stages import pretrain
from engine.store.artifact import Artifact, open_artifact
from engine.store.checkpoint import list_checkpoints, load_checkpoint, verify_checkpoint
from engine.store.machine import Machine, read_machine, write_machine
from engine.store.run_folder import RunFolder, RunRecord
from engine.store.workspace import Workspace, open_workspace

TEXT = "The owl and the pussy-cat went to sea in a beautiful pea-green boat. They took some honey.\n\n" * 40
TINY = {"depth": 1, "d_model": 16, "n_head": 2, "context_length": 16, "batch_tokens": 96, "micro_rows": 2}
TINY |= {"steps": 12, "evaluate_every": 5, "sample_every": 6, "checkpoint_every": 3, "sample_tokens": 4}

Parents = dict[str, Artifact]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, Parents, Parents]:
    """A workspace, the parents that the stage needs, and those of another text."""
    root = tmp_path_factory.mktemp("made")
    workspace = open_workspace(root / "workspace")
    (root / "text.txt").write_text(TEXT)
    (root / "other.txt").write_text(TEXT.upper())
    return workspace, *(prepared(workspace, root / name) for name in ("text.txt", "other.txt"))


def prepared(workspace: Workspace, text: Path) -> Parents:
    stages = {
        "corpus": {"paths": [str(text)]},
        "train_tokenizer": {"kind": "character"},
        "tokenize": {"split": "tail", "validation_share": 0.1},
    }
    run = RecipeRun.create(workspace, recipe_from_json({"name": text.stem, "description": "", "stages": stages}))
    ready = [event for event in run.work(Control()) if isinstance(event, ArtifactReady)]
    return {event.kind: open_artifact(workspace.root / event.folder, event.kind) for event in ready}


@pytest.fixture
def context(made: tuple[Workspace, Parents, Parents]) -> Callable[..., Context]:
    """context(name) -> of a run folder of that name, the same one each time. One thread: the toy is tiny."""
    workspace, parents, _ = made

    def build(name: str, **changes: object) -> Context:
        folder = RunFolder.create(workspace.runs / name, RunRecord("pretrain", "Pretrain", {}, {}, 1, ""))
        return replace(Context(workspace, folder, Control(), "toy", parents, "cpu", 1), **changes)

    return build


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    return str(request.node.name)


def train(context: Context, **changes: object) -> Iterator[Event]:
    return drive(pretrain, pretrain.Config(**{**TINY, **changes}), context)


def losses(folder: RunFolder) -> dict[int, float]:
    return {event.step: event.loss for event in folder.all_events() if isinstance(event, StepMetrics)}


def of(kind: type[Event], events: list[Event]) -> list[Event]:
    return [event for event in events if isinstance(event, kind)]


def plan_of(context: Context) -> dict[str, object]:
    return dict(json.loads((context.run_folder.path / "plan.json").read_text()))


def all_bytes(checkpoint: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in checkpoint.glob("*.safetensors")}


def test_every_event_of_a_whole_run(context: Callable[..., Context], name: str) -> None:
    work = context(name)
    events = list(train(work))
    assert [event.step for event in of(StepMetrics, events)] == list(range(1, 13))
    assert [event.step for event in of(Validation, events)] == [5, 10, 12]
    assert [event.step for event in of(TextSample, events)] == [6, 12]
    assert [event.step for event in of(CheckpointSaved, events)] == [3, 6, 9, 12]
    (ready,) = of(ArtifactReady, events)
    assert isinstance(ready, ArtifactReady) and ready.kind == "model" and ready.figures["steps"] == 12
    assert ready.figures["tokens"] == 12 * 96
    assert work.workspace.root / ready.folder == work.run_folder.path
    assert work.run_folder.status().state is RunState.DONE
    assert work.live is None  # nobody talks to a model that trains no more
    steps = [event for event in events if isinstance(event, StepMetrics)]
    assert all(event.tokens_per_second > 0 and event.memory_bytes > 0 for event in steps)


def test_the_plan_is_on_file_before_the_first_step(context: Callable[..., Context], name: str) -> None:
    work = context(name)
    stream = train(work)
    next(event for event in stream if isinstance(event, Notice))
    plan = plan_of(work)
    stream.close()
    settled = pretrain.plan(pretrain.Config(**TINY), vocab_size=int(plan["model"]["vocab_size"]))  # type: ignore[index]
    assert plan["model"] == settled.model.model_dump() and plan["training"] == settled.training.model_dump()
    assert plan["origins"]["steps"] == "preset" and plan["origins"]["learning_rate"] == "derived"  # type: ignore[index]
    assert plan["batch_tokens"] == 96 and plan["tokens"] == 12 * 96
    facts = json.loads(work.parent("shards").file("shards.json").read_text())
    assert plan["train_tokens"] == facts["train_tokens"] and plan["threads"] == 1
    assert plan["precision"] in ("float32", "bfloat16") and float(str(plan["peak_flops"])) > 1e6
    assert plan["estimate"]["parameters"] == settled.model.parameters()  # type: ignore[index]


def test_the_checkpoint_holds_exactly_the_model_of_the_plan(context: Callable[..., Context], name: str) -> None:
    work = context(name)
    list(train(work, steps=2))
    checkpoint = load_checkpoint(list_checkpoints(work.run_folder.checkpoints)[-1], ("model", "optimizer", "random"))
    count = sum(tensor.numel() for tensor in checkpoint.tensors["model"].values())
    assert count == plan_of(work)["estimate"]["parameters"]  # type: ignore[index]
    assert checkpoint.state["step"] == 2 and checkpoint.state["tokens"] == 192
    assert (
        checkpoint.state["tokenizer_hash"]
        == json.loads(work.parent("shards").file("shards.json").read_text())["tokenizer_hash"]
    )


@pytest.mark.parametrize("keep", [2, 3])
def test_only_the_newest_checkpoints_are_kept(context: Callable[..., Context], name: str, keep: int) -> None:
    work = context(name)
    list(train(work, keep_checkpoints=keep))
    names = [path.name for path in list_checkpoints(work.run_folder.checkpoints)]
    assert names == ["step-000006", "step-000009", "step-000012"][-keep:]
    assert sorted(path.name for path in work.run_folder.checkpoints.iterdir()) == names  # nothing half-deleted


@pytest.mark.parametrize("ending", ["stop", "close"])
def test_a_run_that_was_ended_anywhere_equals_one_that_was_not(
    context: Callable[..., Context], name: str, ending: str
) -> None:
    whole, broken = context(f"{name}-whole"), context(f"{name}-broken")
    list(train(whole, dropout=0.2))
    for ticks in (4, 7, 10):  # of three micro-batches a step: also in the middle of one
        control = Control()
        stream = train(replace(broken, control=control), dropout=0.2)
        for event in stream:
            ticks -= isinstance(event, Tick)
            if ticks == 0 and ending == "stop":
                control.stop()
            elif ticks == 0:
                break
        stream.close()
        assert broken.run_folder.status().state is RunState.STOPPED
        kept = list_checkpoints(broken.run_folder.checkpoints)
        assert not kept or verify_checkpoint(kept[-1]) is None
    list(train(broken, dropout=0.2))
    assert losses(broken.run_folder) == losses(whole.run_folder)
    resumed = of(Resumed, list(broken.run_folder.all_events()))
    assert len(resumed) == 3 and resumed[-1].step > resumed[0].step
    last = [list_checkpoints(work.run_folder.checkpoints)[-1] for work in (whole, broken)]
    assert all_bytes(last[0]) == all_bytes(last[1])


def test_stop_between_micro_batches_keeps_the_last_whole_step(context: Callable[..., Context], name: str) -> None:
    work = context(name)
    steps = ticks = 0
    for event in train(work, checkpoint_every=100):
        steps += isinstance(event, StepMetrics)
        ticks = ticks + 1 if isinstance(event, Tick) else 0
        if steps == 4 and ticks == 1:  # the first of three micro-batches of step 5
            work.control.stop()
    (kept,) = list_checkpoints(work.run_folder.checkpoints)
    verify_checkpoint(kept)
    assert kept.name == "step-000004" and max(losses(work.run_folder)) == 4
    states = [event.state for event in work.run_folder.all_events() if isinstance(event, StateChanged)]
    assert states == ["running", "stopping", "saving", "stopped"]


def test_a_run_that_saved_nothing_begins_anew_and_says_so(context: Callable[..., Context], name: str) -> None:
    """A kill before the first checkpoint: what was recorded is void from step 0 on."""
    work = context(name)
    stream = train(work)
    next(event for event in stream if isinstance(event, StepMetrics) and event.step == 2)
    first = losses(work.run_folder)
    # What a kill leaves: no checkpoint, since `finally` never ran.
    stream.close()
    for path in list_checkpoints(work.run_folder.checkpoints):
        path.rename(path.with_name("lost"))
    events = list(train(work))
    assert [event.step for event in of(Resumed, events)] == [0]
    assert {step: loss for step, loss in losses(work.run_folder).items() if step in first} == first


def test_a_fresh_run_is_not_called_resumed(context: Callable[..., Context], name: str) -> None:
    assert not of(Resumed, list(train(context(name), steps=1)))


@pytest.mark.parametrize("damage", ["cut", "flip"])
def test_a_damaged_checkpoint_gives_way_to_the_one_before_with_a_notice(
    context: Callable[..., Context], name: str, damage: str
) -> None:
    whole, work = context(f"{name}-whole"), context(f"{name}-damaged")
    list(train(whole))
    for event in train(work):
        if isinstance(event, CheckpointSaved) and event.step == 9:
            work.control.stop()
    newest = list_checkpoints(work.run_folder.checkpoints)[-1]
    data = bytearray((newest / "optimizer.safetensors").read_bytes())
    data[-1] ^= 1
    (newest / "optimizer.safetensors").write_bytes(data[:-9] if damage == "cut" else data)
    events = list(train(replace(work, control=Control())))
    assert [event.step for event in of(Resumed, events)] == [6]
    told = [event.text for event in events if isinstance(event, Notice) and event.level == "warning"]
    assert told == ["step-000009 is damaged, so the run goes on from step-000006."]
    assert losses(work.run_folder) == losses(whole.run_folder)
    assert all_bytes(newest) == all_bytes(list_checkpoints(whole.run_folder.checkpoints)[-2])  # written anew


def test_a_turned_learning_rate_survives_a_resume(context: Callable[..., Context], name: str) -> None:
    work = context(name)
    for event in train(work, steps=40):
        if isinstance(event, StepMetrics) and event.step == 3:
            work.control.scale_learning_rate(0.25)
        if isinstance(event, StepMetrics) and event.step == 6:
            work.control.stop()
    list(train(replace(work, control=Control()), steps=40))
    rates = {e.step: e.learning_rate for e in work.run_folder.all_events() if isinstance(e, StepMetrics)}
    untouched = context(f"{name}-untouched")
    list(train(untouched, steps=40))
    planned = {e.step: e.learning_rate for e in untouched.run_folder.all_events() if isinstance(e, StepMetrics)}
    assert {step: round(rate / planned[step], 6) for step, rate in rates.items()} == {
        step: 1.0 if step <= 3 else 0.25 for step in range(1, 41)
    }


@pytest.mark.parametrize(("forced", "expected"), [("float32", "float32"), ("bfloat16", "bfloat16")])
def test_the_precision_that_was_chosen_is_used(
    context: Callable[..., Context], name: str, forced: str, expected: str
) -> None:
    work = context(name)
    list(train(work, precision=forced, steps=3))
    assert plan_of(work)["precision"] == expected


def test_auto_takes_what_was_measured_and_a_resumed_run_keeps_it(context: Callable[..., Context], name: str) -> None:
    work = context(name)
    for event in train(work, precision="float32"):
        if isinstance(event, StepMetrics) and event.step == 4:
            work.control.stop()
    list(train(replace(work, control=Control()), precision="auto"))
    assert plan_of(work)["precision"] == "float32"
    fresh = context(f"{name}-fresh")
    list(train(fresh, precision="auto", steps=2))
    faster = "bfloat16" if float(str(plan_of(fresh)["bf16_speedup"])) > 1.2 else "float32"
    assert plan_of(fresh)["precision"] == faster


def test_the_measured_speed_is_remembered(context: Callable[..., Context], name: str) -> None:
    work = context(name)
    list(train(work, steps=25))
    machine = read_machine(work.workspace)
    assert machine.is_measured and all(flops > 0 for flops in machine.training_flops.values())


def test_what_is_measured_at_the_start_does_not_change_what_was_said_before_it(
    context: Callable[..., Context], name: str
) -> None:
    work = context(name)
    said = Machine()  # nothing was measured yet
    write_machine(work.workspace, said)
    list(train(work, steps=3))
    plan = plan_of(work)
    made = pretrain.plan(pretrain.Config(**{**TINY, "steps": 3}), vocab_size=int(plan["model"]["vocab_size"]))  # type: ignore[index]
    expected = made.expected(said.flops_for(made.model.parameters()))
    assert plan["estimate"]["seconds"] == pytest.approx(expected.seconds)  # type: ignore[index]
    assert read_machine(work.workspace).peak_flops == plan["peak_flops"]


def test_the_best_speed_counts_whatever_else_the_computer_does() -> None:
    machine = Machine().with_peak("cpu", "bfloat16", 4.2, 7e11).with_peak("cpu", "bfloat16", 2.0, 3e11)
    assert (machine.peak_flops, machine.speedup) == (7e11, 4.2)
    for flops in (3e11, 0.2e11, 2.9e11):
        machine = machine.with_training(2_000_000, flops)
    assert machine.flops_for(2_000_000) == 3e11
    for _ in range(5):  # a computer that stays slower is believed
        machine = machine.with_training(2_000_000, 1e11)
    assert machine.flops_for(2_000_000) == 1e11
    assert Machine(training_flops={"21": 5e11}).with_training(2_000_000, 1e11).flops_for(2_000_000) == 5e11
    other = machine.with_peak("cuda", "bfloat16", 9.0, 9e14)
    assert (other.peak_flops, other.training_flops) == (9e14, {})


def test_the_estimate_before_start_stays_what_was_said(context: Callable[..., Context], name: str) -> None:
    work = context(name)
    for event in train(work, steps=40):
        if isinstance(event, StepMetrics) and event.step == 25:
            work.control.stop()
    said = plan_of(work)["estimate"]
    machine = read_machine(work.workspace)
    write_machine(work.workspace, replace(machine, training_flops=dict.fromkeys(machine.training_flops, 1000.0)))
    list(train(replace(work, control=Control()), steps=40))
    assert plan_of(work)["estimate"] == said


def test_a_context_longer_than_the_corpus_is_refused_in_words(context: Callable[..., Context], name: str) -> None:
    work = context(name)
    *_, failed, ended = train(work, context_length=4096, batch_tokens=4096)
    assert isinstance(failed, Failed) and "context is longer than the corpus" in failed.what
    assert "4,096" in failed.why and "at most" in failed.remedy and not failed.details
    assert isinstance(ended, StateChanged) and ended.state == "failed"
    assert not list_checkpoints(work.run_folder.checkpoints)


def test_another_tokenizer_is_refused_in_words(
    context: Callable[..., Context], name: str, made: tuple[Workspace, Parents, Parents]
) -> None:
    _, parents, other = made
    work = context(name, parents={**parents, "tokenizer": other["tokenizer"]})
    failed = next(event for event in train(work) if isinstance(event, Failed))
    assert "another tokenizer" in failed.what and "Tokenize" in failed.remedy


def test_without_shards_it_says_what_is_missing(
    context: Callable[..., Context], name: str, made: tuple[Workspace, Parents, Parents]
) -> None:
    work = context(name, parents={"tokenizer": made[1]["tokenizer"]})
    failed = next(event for event in train(work) if isinstance(event, Failed))
    assert failed.what == "This stage needs a shards."
