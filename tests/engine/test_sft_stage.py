"""Fine-tuning as a stage: what it tells, what it keeps, that it goes on where it was, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.control import Control
from engine.events import (
    Answered,
    ArtifactReady,
    Failed,
    LabelsJudged,
    Notice,
    StepMetrics,
    TuningCheck,
    WeightsMoved,
)
from engine.generation.loaded import load_model
from engine.model.weights import weights
from engine.store.workspace import Workspace, open_workspace
from tests.toy_tuning import conversation, start, told, toy_recipe, toy_rows, work


def ready(run: Any, stage: str = "sft") -> ArtifactReady:
    return next(event for event in told(run, stage) if isinstance(event, ArtifactReady))


def failure(run: Any) -> Failed:
    list(work(run))
    return next(event for event in told(run, "sft") if isinstance(event, Failed))


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """One for all tests here, so that the toy is pretrained once."""
    return open_workspace(tmp_path_factory.mktemp("tuning") / "workspace")


@pytest.mark.parametrize("method", ["full", "lora"])
def test_it_looks_before_meanwhile_and_afterwards(workspace: Workspace, tmp_path: Path, method: str) -> None:
    run = start(workspace, toy_recipe(tmp_path, method=method, rank=4, learning_rate=1e-2))
    list(work(run))
    events = told(run, "sft")
    checks = [event for event in events if isinstance(event, TuningCheck)]
    assert [check.step for check in checks] == [0, 3, 6]
    assert checks[-1].loss < checks[0].loss and checks[0].pretraining_loss > 0 and checks[0].asked == 6
    assert [(e.step, e.number) for e in events if isinstance(e, Answered)] == [
        (s, n) for s in (0, 3, 6) for n in (0, 1)
    ]
    moved = [event for event in events if isinstance(event, WeightsMoved)]
    assert not any(moved[0].moved) and any(moved[-1].moved)
    assert ("embedding" in moved[0].parts) and len(moved[0].parts) == len(moved[0].moved)
    figures = ready(run).figures
    assert figures["asked"] == 8 and figures["best_step"] == 6 and 0 <= float(figures["exact"]) <= 1
    plan = json.loads((run.stage_folder(5).path / "plan.json").read_text())
    counts = plan["conversations"]
    assert counts["train"] + counts["held_out"] == 40 and plan["method"] == method
    loaded = load_model(workspace, run.folder, device="cpu")
    assert loaded.chat_template and loaded.step == 6
    if method == "full":
        assert loaded.model.config.vocab_size == plan["model"]["vocab_size"]
    base = load_model(workspace, run.stage_folder(3).path, device="cpu")
    assert base.chat_template is None
    assert loaded.tokenizer.encode("What follows 3?") == base.tokenizer.encode("What follows 3?")


def test_a_second_recipe_goes_on_from_the_finished_pretraining(workspace: Workspace, tmp_path: Path) -> None:
    first, second = start(workspace, toy_recipe(tmp_path)), start(workspace, toy_recipe(tmp_path, steps=2))
    list(work(first, seed=5))
    list(work(second, seed=5))
    found = ready(second, "pretrain")
    assert found.reused and found.folder == ready(first, "pretrain").folder
    assert not any(isinstance(event, StepMetrics) for event in told(second, "pretrain"))
    assert ready(second).figures["steps"] == 2
    third = start(workspace, toy_recipe(tmp_path, steps=2))
    list(work(third, seed=2))
    assert not ready(third, "pretrain").reused  # another seed is another model


@pytest.mark.parametrize("method", ["full", "lora"])
def test_a_run_that_was_stopped_goes_on_exactly(workspace: Workspace, tmp_path: Path, method: str) -> None:
    settings: dict[str, Any] = {"method": method, "rank": 2, "dropout": 0.1, "lora_dropout": 0.1}
    whole, cut = (start(workspace, toy_recipe(tmp_path, **settings)) for _ in range(2))
    list(work(whole))
    control = Control()
    for event in work(cut, control):
        if isinstance(event, StepMetrics) and event.step == 4:  # the pretraining was found, so this is the tuning
            control.stop()
    list(work(cut))
    losses = [{e.step: e.loss for e in told(run, "sft") if isinstance(e, StepMetrics)} for run in (whole, cut)]
    assert losses[0] == losses[1]
    looks = [{e.step: e.loss for e in told(run, "sft") if isinstance(e, TuningCheck)} for run in (whole, cut)]
    assert looks[0] == looks[1]
    one, two = (load_model(workspace, run.folder, device="cpu").model for run in (whole, cut))
    for (name, a), b in zip(weights(one).items(), weights(two).values(), strict=True):
        assert torch.equal(a, b), name


def test_it_ends_early_and_keeps_the_best(workspace: Workspace, tmp_path: Path) -> None:
    settings = {"steps": 60, "evaluate_every": 1, "patience": 2, "learning_rate": 0.5, "checkpoint_every": 50}
    run = start(workspace, toy_recipe(tmp_path, **settings, keep_checkpoints=2))
    list(work(run))
    checks = [event for event in told(run, "sft") if isinstance(event, TuningCheck)]
    best = min(checks, key=lambda check: check.loss)
    assert [check.best for check in checks[-2:]] == [False, False] and checks[-3] == best
    assert checks[-1].step < 60 and ready(run).figures["best_step"] == best.step
    assert any("no better" in event.text for event in told(run, "sft") if isinstance(event, Notice))
    if best.step:
        assert load_model(workspace, run.folder, device="cpu").step == best.step


def test_labels_are_judged(workspace: Workspace, tmp_path: Path) -> None:
    rows = [{"text": f"{word} number {n}", "label": label} for n in range(12) for word, label in SIDES.items()]
    run = start(workspace, toy_recipe(tmp_path, rows))
    list(work(run))
    judged = [event for event in told(run, "sft") if isinstance(event, LabelsJudged)]
    assert judged[-1].labels == ("bad", "good") and len(judged[-1].confusion) == 4 and len(judged[-1].bin_counts) == 10


SIDES = {"fine": "good", "awful": "bad"}


def test_pretraining_text_is_mixed_in(workspace: Workspace, tmp_path: Path) -> None:
    run = start(workspace, toy_recipe(tmp_path, pretraining_share=0.5))
    list(work(run))
    plan = json.loads((run.stage_folder(5).path / "plan.json").read_text())
    assert plan["text_rows"] == 2


def test_a_tuned_model_is_tuned_again_with_the_text_of_its_pretraining(workspace: Workspace, tmp_path: Path) -> None:
    first = start(workspace, toy_recipe(tmp_path))
    list(work(first))
    recipe = toy_recipe(tmp_path, base=f"runs/{first.folder.name}", pretraining_share=0.5)
    recipe["stages"] = {name: recipe["stages"][name] for name in ("conversations", "sft")}
    second = start(workspace, recipe)
    list(work(second))
    plan = json.loads((second.stage_folder(1).path / "plan.json").read_text())
    assert plan["text_rows"] == 2 and plan["base"] == f"{first.folder.name}, step 6"
    checks = [event for event in told(second, "sft") if isinstance(event, TuningCheck)]
    assert checks[0].loss == pytest.approx(
        [event.loss for event in told(first, "sft") if isinstance(event, TuningCheck)][-1], abs=1e-4
    )


def test_what_is_longer_than_a_row_is_told(workspace: Workspace, tmp_path: Path) -> None:
    rows = [*toy_rows(), conversation("What follows 90?", "It is " + "long " * 30)]
    run = start(workspace, toy_recipe(tmp_path, rows, too_long="truncate"))
    list(work(run))
    words = [event.text for event in told(run, "sft") if isinstance(event, Notice)]
    assert any("lost their end" in text for text in words)


def test_a_dataset_of_which_nothing_is_learned_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    rows = [conversation("Why " * 30 + f"{number}?", "So.") for number in range(30)]
    found = failure(start(workspace, toy_recipe(tmp_path, rows)))
    assert found.what == "There is nothing to learn from." and "no token that is learned" in found.why


def test_rows_longer_than_the_view_and_a_missing_base_are_refused(workspace: Workspace, tmp_path: Path) -> None:
    assert "longer than the model's view" in failure(start(workspace, toy_recipe(tmp_path, context_length=65))).what
    recipe = toy_recipe(tmp_path)
    del recipe["stages"]["pretrain"]
    found = failure(start(workspace, recipe))
    assert found.what == "There is no model to fine-tune." and "base" in found.remedy
    found = failure(start(workspace, toy_recipe(tmp_path, base="runs/gone")))
    assert "is gone" in found.what and "runs/gone" in found.why
