"""Before Start: what is entered, what it comes to, and what learns."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent
from pytestqt.qtbot import QtBot

from app import canned
from app.jobs.desk import Desk
from app.jobs.run_summary import read_summary
from app.pages.finetune.bases import list_bases, stands
from app.pages.finetune.dial_words import DIALS, inspection_of
from app.pages.finetune.setup_form import SetupForm
from app.pages.finetune.setup_view import SetupView
from app.pages.finetune.start_plan import name_of
from app.pages.finetune.trained_map import cells_of
from app.widgets.formula import lay_out
from app.widgets.inspection import Inspection
from engine.model.config import ModelConfig
from engine.model.lora_config import LoraConfig, adapter_parameters
from engine.stages import sft
from engine.store.files import write_json
from engine.store.workspace import Workspace

MODEL = ModelConfig(vocab_size=1030, context_length=128, n_layer=4, n_head=6, n_kv_head=6, d_model=192, d_ff=768)


@pytest.fixture
def form(qtbot: QtBot) -> SetupForm:
    form = SetupForm()
    qtbot.addWidget(form)
    return form


def test_nothing_entered_sets_nothing(form: SetupForm) -> None:
    assert form.entered() == {}
    assert form.errors() == {}


def test_lora_alone_is_said_with_what_belongs_to_it(form: SetupForm) -> None:
    form.method._group.button(1).click()
    form.rows["rank"].enter(4)
    form.fit(MODEL)
    form.parts.chips["up"].click()
    assert form.entered() == {"method": "lora", "rank": 4, "lora_parts": ["query", "key", "value", "out", "down"]}
    form.method._group.button(0).click()
    assert form.entered() == {}


def test_a_model_without_a_gate_offers_none(form: SetupForm) -> None:
    form.fit(MODEL)
    assert not form.parts.chips["gate"].isEnabled()
    assert "gate" not in form.parts.chosen()
    form.fit(MODEL.model_copy(update={"activation": "swiglu"}))
    assert "gate" in form.parts.chosen()


def test_what_is_wrong_is_said_beside_the_field(form: SetupForm) -> None:
    form.rows["dropout"].enter("two")
    assert form.errors()["dropout"] == "must be a number"
    assert not form.rows["dropout"].words.isHidden()
    form.rows["dropout"].reset()
    assert form.errors() == {}


def test_a_dial_under_the_pointer_or_the_focus_is_explained(form: SetupForm, qtbot: QtBot) -> None:
    said: list[Inspection | None] = []
    form.inspected.connect(said.append)
    form.set_derived({"learning_rate": 3e-4, "weight_decay": 0.1, "steps": 1000})
    form.rows["weight_decay"].eventFilter(form.rows["weight_decay"].editor, QEvent(QEvent.Type.FocusIn))
    assert said[-1] is not None
    assert dict(row[:2] for row in said[-1].rows)["left of an idle weight at the end"] == "97.0%"


@pytest.mark.parametrize("name", [*sft.Config.model_fields])
def test_every_setting_has_words_and_a_formula_that_can_be_set(name: str, qapp: object) -> None:
    said = inspection_of(name, "1", "the usual value", None)
    assert said.words
    if said.formula:
        lay_out(said.formula)


def test_words_are_of_settings_that_exist() -> None:
    assert set(DIALS) <= set(sft.Config.model_fields)


def test_the_map_counts_what_learns() -> None:
    whole = cells_of(MODEL, None, 6)
    matrices = sum(sum(row.learns) for row in whole)
    assert matrices == MODEL.matrix_parameters()
    lora = LoraConfig(rank=8, parts=("query", "down"), layers=(1, 3))
    thin = cells_of(MODEL, lora, 6)
    assert sum(sum(row.learns) for row in thin) == adapter_parameters(MODEL, lora, 6)
    assert [bool(each) for each in next(row for row in thin if row.name == "query").learns] == [
        False,
        True,
        True,
        False,
    ]


def test_a_run_is_named_by_its_base_and_method() -> None:
    assert name_of("first-words", {}) == "first-words-tuned"
    assert name_of("first-words", {"method": "lora"}) == "first-words-lora"
    assert name_of("first-words-tuned", {}) == "first-words-tuned"
    assert name_of("first-words-lora-tuned", {"method": "lora"}) == "first-words-lora"


def test_the_outlook_follows_every_entry(qtbot: QtBot, desk: Desk, tmp_path: Path) -> None:
    made = canned.build(tmp_path / "canned", "empty", "first-assistant")
    desk.use_workspace(made.workspace.root)
    summaries = [read_summary(made.workspace, folder) for folder in made.workspace.run_folders()]
    bases = list_bases(made.workspace, summaries, datetime.now().astimezone())
    assert [base.name for base in bases] == ["first-words"]
    view = SetupView(desk)
    qtbot.addWidget(view)
    assert view.trouble == "Choose a model to tune."
    view.begin_with(bases[0])
    view.use_data({"conversations": {"source": "world"}}, "", 3000)
    assert view.outlook is not None
    full, steps = view.outlook.trained, view.outlook.plan.training.steps
    view.form.rows["epochs"].enter(8)
    assert view.outlook.plan.training.steps == pytest.approx(2 * steps, abs=1)
    view.form.method._group.button(1).click()
    assert view.outlook.trained < full / 4
    assert view.outlook.recipe.stages[-1].config.model_dump()["method"] == "lora"
    view.form.rows["context_length"].enter(4096)
    assert view.outlook is None
    assert "longer than the model’s view" in view.trouble.replace("'", "’")
    view.use_data({}, "There is no world in this workspace.", 0)
    assert view.trouble == "There is no world in this workspace."


def test_an_adapter_without_its_base_is_no_model(workspace: Workspace) -> None:
    checkpoint = workspace.runs / "tuned" / "1-sft" / "checkpoints" / "step-000002"
    base = workspace.runs / "base" / "4-pretrain" / "checkpoints" / "step-000004"
    for folder in (checkpoint, base):
        folder.mkdir(parents=True)
    assert stands(workspace, checkpoint)
    (checkpoint / "adapter.safetensors").write_bytes(b"")
    write_json(checkpoint / "state.json", {"base": {"folder": base.relative_to(workspace.root).as_posix()}})
    assert stands(workspace, checkpoint)
    base.rmdir()
    assert not stands(workspace, checkpoint)
