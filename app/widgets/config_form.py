"""A form made from a pydantic model: a row a field, with its unit, its words, and where its value comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QLineEdit, QVBoxLayout, QWidget

from app.theme.type import M, S
from app.widgets.buttons import Button, ToolButton
from app.widgets.combo import Combo
from app.widgets.config_form_words import bounds_of, error_words, kind_of, parse_text, unit_of, value_text
from app.widgets.label import Label

_NOTHING = object()  # is expected of a field that no form has told of yet: what it shows is nobody's choice


class ConfigForm(QWidget):
    """names: the fields that are always in view, in order; all others follow behind "All settings".

    A field holds only what a person entered. What it will be otherwise stands in it in muted text: the preset's
    value, a derived one, or the default. changed(): something was entered, and `errors` is up to date.
    """

    changed = Signal()

    def __init__(self, model: type[BaseModel], names: Sequence[str] = (), parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self._preset: dict[str, Any] = {}
        first = [name for name in names if name in model.model_fields] or list(model.model_fields)
        rest = [name for name in model.model_fields if name not in first]
        self.rows = {name: ConfigRow(name, model.model_fields[name]) for name in (*first, *rest)}
        self._more = Button("All settings", "quiet", "ph.caret-down", small=True)
        self._rest = _grid([self.rows[name] for name in rest])
        self._rest.hide()
        self._more.setVisible(bool(rest))
        self._more.clicked.connect(self._turn_rest)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(S)
        layout.addWidget(_grid([self.rows[name] for name in first]))
        layout.addWidget(self._more, 0, Qt.AlignmentFlag.AlignLeft)
        layout.addWidget(self._rest)
        layout.addStretch(1)
        for row in self.rows.values():
            row.changed.connect(self._on_changed)

    def set_preset(self, values: Mapping[str, Any]) -> None:
        """What a recipe sets; whatever was entered by hand is forgotten."""
        self._preset = dict(values)
        for name, row in self.rows.items():
            blocked = row.blockSignals(True)  # one change, not one for every field
            row.reset()
            if name in values:
                row.expect(values[name], "preset")
            else:
                row.expect(self._model.model_fields[name].default, "default")
            row.blockSignals(blocked)
        self._on_changed()

    def set_derived(self, values: Mapping[str, Any]) -> None:
        """What the fields come to that neither a person nor the preset set."""
        for name, value in values.items():
            if name in self.rows and name not in self._preset:
                optional = kind_of(self._model.model_fields[name])[1]
                self.rows[name].expect(value, "derived" if optional else "default")

    def entered(self) -> dict[str, Any]:
        """Only what a person set."""
        return {name: row.value() for name, row in self.rows.items() if row.is_entered()}

    def settings(self) -> dict[str, Any]:
        """Preset and entered values together, for the model to validate."""
        return {**self._preset, **self.entered()}

    def errors(self) -> dict[str, str]:
        """Field -> what is wrong with it, in words; empty when all is well."""
        try:
            self._model.model_validate(self.settings())
        except ValidationError as error:
            return {str(item["loc"][0]) if item["loc"] else "": error_words(item) for item in error.errors()}
        return {}

    def _on_changed(self) -> None:
        errors = self.errors()
        for name, row in self.rows.items():
            row.show_error(errors.get(name, ""))
        if any(name in errors and self.rows[name].isHidden() for name in errors if name in self.rows):
            self._rest.show()
        self.changed.emit()

    def _turn_rest(self) -> None:
        folded = self._rest.isHidden()
        self._rest.setVisible(folded)
        self._more.set_text("Fewer settings" if folded else "All settings")
        self._more.set_icon("ph.caret-up" if folded else "ph.caret-down")


def _grid(rows: Sequence[ConfigRow]) -> QWidget:
    holder = QWidget()
    grid = QGridLayout(holder)
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(M)
    grid.setVerticalSpacing(8)
    grid.setColumnStretch(0, 1)
    for place, row in enumerate(rows):
        for column, widget in enumerate(row.widgets()):
            grid.addWidget(widget, place, column, Qt.AlignmentFlag.AlignVCenter)
    return holder


class ConfigRow(QWidget):
    """A field's name and words; its editor, unit, origin and way back stand beside it in the form's grid."""

    changed = Signal()

    def __init__(self, name: str, field: FieldInfo) -> None:
        super().__init__()
        self._kind, self._optional = kind_of(field)
        self._expected: Any = _NOTHING
        self._origin = "default"
        words = field.description or ""
        bounds = bounds_of(field)
        tip = f"{words}\n{bounds} {unit_of(field)}".strip() if bounds else words
        self.name = Label(name, size=13)
        self.unit = Label(unit_of(field), "muted", 11)
        self.words = Label(words, "muted", 11, wrap=True)
        self.origin = Label("", "muted", 11)
        self.origin.setFixedWidth(44)
        self.back = ToolButton("ph.arrow-counter-clockwise", f"Back to what {name} is without you", size=22)
        self.back.clicked.connect(self.reset)
        self.editor = self._build_editor(name)
        self.editor.setToolTip(tip)
        self.name.setToolTip(tip)
        self.name.setBuddy(self.editor)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.name)
        column.addWidget(self.words)
        self._say_origin()

    def widgets(self) -> tuple[QWidget, ...]:
        """From left to right; the row itself is the name with its words."""
        return self, self.editor, self.unit, self.origin, self.back

    def _build_editor(self, name: str) -> QLineEdit | Combo:
        if self._kind is bool or isinstance(self._kind, tuple):
            combo = Combo(name=name)
            for choice in (True, False) if self._kind is bool else self._kind:
                combo.add(value_text(choice), data=choice)
            combo.setFixedWidth(112)
            combo.activated.connect(lambda _: self._on_edited())
            return combo
        edit = QLineEdit()
        edit.setFixedWidth(112)
        edit.setAccessibleName(name)
        edit.textEdited.connect(lambda _: self._on_edited())
        return edit

    def expect(self, value: Any, origin: str) -> None:
        """What the value is as long as nobody enters another. origin: "preset", "derived" or "default"."""
        entered = self.is_entered()
        self._expected, self._origin = value, origin
        if isinstance(self.editor, QLineEdit):
            self.editor.setPlaceholderText(value_text(value))
        elif not entered:
            self.editor.choose(value)
        self._say_origin()

    def is_entered(self) -> bool:
        if isinstance(self.editor, QLineEdit):
            return bool(self.editor.text().strip())
        return self._expected is not _NOTHING and bool(self.editor.currentData() != self._expected)

    def value(self) -> Any:
        """What was entered, unjudged; what is expected when nothing was."""
        if not self.is_entered():
            return self._expected
        if isinstance(self.editor, QLineEdit):
            return parse_text(self.editor.text().strip(), self._kind)
        return self.editor.currentData()

    def enter(self, value: Any) -> None:
        """As if a person had."""
        if isinstance(self.editor, QLineEdit):
            self.editor.setText(value_text(value))
        else:
            self.editor.choose(value)
        self._on_edited()

    def reset(self) -> None:
        if isinstance(self.editor, QLineEdit):
            self.editor.clear()
        else:
            self.editor.choose(self._expected)
        self._on_edited()

    def show_error(self, words: str) -> None:
        self.origin.setToolTip(words)
        self.words.setText(words or self._plain_words)
        self.words.set_role("danger" if words else "muted")

    def _on_edited(self) -> None:
        self._say_origin()
        self.changed.emit()

    def _say_origin(self) -> None:
        entered = self.is_entered()
        self.origin.setText("yours" if entered else self._origin)
        self.origin.set_role("accent" if entered else "muted")
        # Kept in the layout while it is not needed, so that nothing jumps.
        policy = self.back.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.back.setSizePolicy(policy)
        self.back.setVisible(entered)

    @property
    def _plain_words(self) -> str:
        return self.name.toolTip().split("\n")[0]
