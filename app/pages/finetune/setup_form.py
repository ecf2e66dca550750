"""The settings of a fine-tuning in groups: method, learning, against forgetting, looks, and all others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from app.pages.finetune.dial_words import inspection_of
from app.pages.finetune.setup_row import SetupRow
from app.theme.type import M, S
from app.widgets.buttons import Button
from app.widgets.chips import Chips
from app.widgets.config_form_words import error_words, kind_of
from app.widgets.effective_values import ORIGIN_WORDS
from app.widgets.label import Label
from app.widgets.panel import Panel
from app.widgets.segments import Segments
from engine.model.config import ModelConfig
from engine.stages.sft import PARTS, Config

METHODS = ("full", "lora")
LORA = ("rank", "alpha", "lora_first_layer", "lora_last_layer")
LEARNING = ("learning_rate", "epochs", "batch_rows")
FORGETTING = ("pretraining_share", "dropout", "weight_decay", "patience")
LOOKS = ("evaluate_every", "questions", "shown_questions")
_BAR = 12
_ELSEWHERE = ("base", "method", "lora_parts", *LORA, *LEARNING, *FORGETTING, *LOOKS)


class SetupForm(QScrollArea):
    """changed(): something was entered. inspected(Inspection | None): a setting is under the pointer or has the focus.

    A field holds only what a person entered; what it will be otherwise stands in it in muted text.
    """

    changed = Signal()
    inspected = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._known: dict[str, Any] = {}
        rest = [name for name in Config.model_fields if name not in _ELSEWHERE]
        self.rows = {name: SetupRow(name, Config.model_fields[name]) for name in (*_ELSEWHERE[3:], *rest)}
        self.method = Segments(["All weights", "LoRA"])
        self.method.setAccessibleName("Method")
        self.parts = Chips(PARTS)
        self.parts.setAccessibleName("Parts that get an addition")
        self._lora = QWidget()
        self._rest = _grid([self.rows[name] for name in rest])
        self._more = Button("All settings", "quiet", "ph.caret-down", small=True)
        self._lay_out()
        self._connect()
        self.reset()

    def _lay_out(self) -> None:
        holder = QWidget()
        column = QVBoxLayout(holder)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(M)
        column.addWidget(self._build_method())
        for title, words, names in (
            ("Learning", "", LEARNING),
            ("Against forgetting", "and learning by heart", FORGETTING),
            ("Looks", "before, meanwhile and at the end", LOOKS),
        ):
            panel = Panel(title, words, margins=(16, 10, 8, 10))
            panel.body.addWidget(_grid([self.rows[name] for name in names]))
            column.addWidget(panel)
        column.addWidget(self._more, 0, Qt.AlignmentFlag.AlignLeft)
        self._rest_panel = Panel("All others", margins=(16, 10, 8, 10))
        self._rest_panel.body.addWidget(self._rest)
        self._rest_panel.hide()
        column.addWidget(self._rest_panel)
        column.addStretch(1)
        self.setWidget(holder)
        self.setMinimumWidth(holder.minimumSizeHint().width() + _BAR)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def _build_method(self) -> Panel:
        panel = Panel("Method", margins=(16, 10, 8, 10))
        panel.add_control(self.method)
        column = QVBoxLayout(self._lora)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(S)
        parts = QHBoxLayout()
        parts.setSpacing(S)
        parts.addWidget(Label("Parts"))
        parts.addStretch(1)
        parts.addWidget(self.parts)
        parts.addSpacing(S)
        column.addLayout(parts)
        column.addWidget(_grid([self.rows[name] for name in LORA]))
        self._plain = Label("Every weight of the base may move.", "muted", wrap=True)
        panel.body.addWidget(self._plain)
        panel.body.addWidget(self._lora)
        return panel

    def _connect(self) -> None:
        for row in self.rows.values():
            row.changed.connect(self._on_changed)
            row.pointed.connect(lambda on, row=row: self._inspect_row(row) if on else self.inspected.emit(None))
        self.method.changed.connect(lambda _: self._on_changed())
        self.parts.changed.connect(self._on_changed)
        self._more.clicked.connect(self._turn_rest)
        self.method.installEventFilter(self)
        self.parts.installEventFilter(self)

    # What it says

    def entered(self) -> dict[str, Any]:
        """Only what a person set."""
        found = {name: row.value() for name, row in self.rows.items() if row.is_entered()}
        if self.method.current():
            found["method"] = METHODS[self.method.current()]
            if self.parts.chosen() != self._possible:
                found["lora_parts"] = list(self.parts.chosen())
        else:
            found = {name: value for name, value in found.items() if name not in (*LORA, "lora_dropout")}
        return found

    def errors(self) -> dict[str, str]:
        """Field -> what is wrong with it, in words."""
        try:
            Config.model_validate(self.entered())
        except ValidationError as error:
            return {str(item["loc"][0]): error_words(item) for item in error.errors() if item["loc"]}
        return {}

    def reset(self) -> None:
        """As nobody had entered anything."""
        for name, row in self.rows.items():
            blocked = row.blockSignals(True)
            row.reset()
            row.expect(Config.model_fields[name].default, "default")
            row.blockSignals(blocked)
        self.method.set_current(0)
        self._possible: tuple[str, ...] = tuple(PARTS)
        self.parts.set_chosen(PARTS)
        self._on_changed()

    def choose_method(self, method: str) -> None:
        """method: one of METHODS."""
        self.method.set_current(METHODS.index(method))
        self._on_changed()

    def fit(self, model: ModelConfig) -> None:
        """Another base: it may have no gate, or fewer layers."""
        self._possible = tuple(part for part in PARTS if part != "gate" or model.gated)
        self.parts.set_possible(self._possible)

    def set_derived(self, values: Mapping[str, Any]) -> None:
        """What everything comes to, given what was entered."""
        self._known = dict(values)
        for name, row in self.rows.items():
            if name in values:
                optional = kind_of(Config.model_fields[name])[1]
                row.expect(values[name], "derived" if optional else "default")

    def _on_changed(self) -> None:
        lora = self.method.current() == 1
        self._lora.setVisible(lora)
        self._plain.setVisible(not lora)
        self.rows["lora_dropout"].setEnabled(lora)
        errors = self.errors()
        for name, row in self.rows.items():
            row.show_error(errors.get(name, ""))
        self.changed.emit()

    def _turn_rest(self) -> None:
        folded = self._rest_panel.isHidden()
        self._rest_panel.setVisible(folded)
        self._more.set_text("Fewer settings" if folded else "All settings")
        self._more.set_icon("ph.caret-up" if folded else "ph.caret-down")

    def _inspect_row(self, row: SetupRow) -> None:
        origin = ORIGIN_WORDS.get(row.origin.text(), row.origin.text())
        self.inspected.emit(inspection_of(row.field_name, row.shown, origin, self._known))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() is QEvent.Type.Enter and watched is self.method:
            chosen = METHODS[self.method.current()]
            self.inspected.emit(inspection_of("method", chosen, "", self._known))
        elif event.type() is QEvent.Type.Enter and watched is self.parts:
            self.inspected.emit(inspection_of("lora_parts", ", ".join(self.parts.chosen()), "", self._known))
        elif event.type() is QEvent.Type.Leave and watched in (self.method, self.parts):
            self.inspected.emit(None)
        return super().eventFilter(watched, event)


def _grid(rows: Sequence[SetupRow]) -> QWidget:
    holder = QWidget()
    grid = QGridLayout(holder)
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(S)
    grid.setVerticalSpacing(4)
    grid.setColumnStretch(0, 1)
    grid.setColumnMinimumWidth(2, 52)
    for place, row in enumerate(rows):
        for column, widget in enumerate(row.widgets()):
            grid.addWidget(widget, place, column, Qt.AlignmentFlag.AlignVCenter)
    return holder
