from __future__ import annotations

from typing import Literal

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit
from pytestqt.qtbot import QtBot

from app.widgets.config_form import ConfigForm
from app.widgets.config_form_words import bounds_of, kind_of, parse_text, value_text
from engine.pipeline.stage import StageConfig, dial
from engine.stages.pretrain import Config as PretrainConfig


class Oven(StageConfig):
    degrees: int = dial(180, "How hot it is.", unit="°C", ge=50, le=300)
    minutes: int | None = dial(None, "How long it bakes.", unit="min", ge=1)
    salt: float = dial(0.02, "Share of salt.", ge=0, lt=1)
    fan: bool = dial(True, "Whether the air moves.")
    bread: Literal["rye", "wheat"] = dial("rye", "What is baked.")
    note: str | None = dial(None, "Anything else.")


@pytest.fixture
def form(qtbot: QtBot) -> ConfigForm:
    form = ConfigForm(Oven, ("degrees", "minutes", "salt"))
    qtbot.addWidget(form)
    form.set_preset({"degrees": 220})
    form.show()
    return form


def edit(form: ConfigForm, name: str) -> QLineEdit:
    editor = form.rows[name].editor
    assert isinstance(editor, QLineEdit)
    return editor


def test_what_nobody_entered_stands_muted_with_its_origin(form: ConfigForm) -> None:
    assert (edit(form, "degrees").placeholderText(), form.rows["degrees"].origin.text()) == ("220", "preset")
    assert (edit(form, "salt").placeholderText(), form.rows["salt"].origin.text()) == ("0.02", "default")
    form.set_derived({"minutes": 45, "degrees": 999})
    assert (edit(form, "minutes").placeholderText(), form.rows["minutes"].origin.text()) == ("45", "derived")
    assert edit(form, "degrees").placeholderText() == "220"
    assert form.entered() == {}


def test_what_a_person_types_is_theirs_and_can_be_taken_back(qtbot: QtBot, form: ConfigForm) -> None:
    told: list[int] = []
    form.changed.connect(lambda: told.append(1))
    qtbot.keyClicks(edit(form, "minutes"), "1,000")
    assert told
    assert form.entered() == {"minutes": 1000}
    assert form.settings() == {"degrees": 220, "minutes": 1000}
    assert form.rows["minutes"].origin.text() == "yours"
    qtbot.mouseClick(form.rows["minutes"].back, Qt.MouseButton.LeftButton)
    assert form.entered() == {}
    assert not form.rows["minutes"].back.isVisible()


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("degrees", "20", "must be at least 50"),
        ("degrees", "1e4", "must be at most 300"),
        ("degrees", "hot", "must be a whole number"),
        ("degrees", "100.5", "must be a whole number"),
        ("salt", "1", "must be less than 1"),
        ("salt", "nan", "must be a finite number"),
    ],
)
def test_errors_are_words_beside_the_field(form: ConfigForm, name: str, text: str, words: str) -> None:
    edit(form, name).setText(text)
    form.rows[name].changed.emit()
    assert form.errors() == {name: words}
    assert form.rows[name].words.text() == words
    form.rows[name].reset()
    assert form.errors() == {}
    assert form.rows[name].words.text() == Oven.model_fields[name].description


def test_choices_and_switches(form: ConfigForm) -> None:
    form.rows["fan"].enter(False)
    form.rows["bread"].enter("wheat")
    assert form.entered() == {"fan": False, "bread": "wheat"}
    form.set_preset({})
    assert form.entered() == {}


def test_the_rest_is_folded_away(qtbot: QtBot, form: ConfigForm) -> None:
    assert not form.rows["bread"].isVisible()
    qtbot.mouseClick(form._more, Qt.MouseButton.LeftButton)
    assert form.rows["bread"].isVisible()


def test_every_field_of_pretraining_gets_a_row(qtbot: QtBot) -> None:
    form = ConfigForm(PretrainConfig, ("depth",))
    qtbot.addWidget(form)
    form.set_preset({"depth": 4})
    assert set(form.rows) == set(PretrainConfig.model_fields)
    assert form.errors() == {}
    for row in form.rows.values():
        assert row.editor.accessibleName()
        assert row.words.text()


def test_types_and_bounds_are_read_from_the_model() -> None:
    fields = Oven.model_fields
    assert kind_of(fields["minutes"]) == (int, True)
    assert kind_of(fields["bread"]) == (("rye", "wheat"), False)
    assert bounds_of(fields["degrees"]) == "50 to 300"
    assert bounds_of(fields["salt"]) == "0 to below 1"
    assert bounds_of(fields["minutes"]) == "at least 1"
    assert bounds_of(fields["note"]) == ""
    assert [value_text(v) for v in (True, 0.0024, 4096, None)] == ["yes", "0.0024", "4096", ""]
    assert parse_text("4 096", int) == 4096
    assert parse_text("1e-3", float) == 0.001
    assert parse_text("none", float) == "none"


def test_a_form_that_was_never_told_of_a_preset_has_entered_nothing(qtbot: QtBot) -> None:
    form = ConfigForm(PretrainConfig)
    qtbot.addWidget(form)
    form.set_preset({})
    assert form.entered() == {}
