"""A row of the form: a plain name, its value, unit, and where it comes from; its words stand in the inspector."""

from __future__ import annotations

from pydantic.fields import FieldInfo
from PySide6.QtCore import QEvent, QObject, Signal

from app.widgets.config_form import ConfigRow

NAMES = {
    "rank": "Rank",
    "alpha": "Alpha",
    "lora_first_layer": "First layer",
    "lora_last_layer": "Last layer",
    "lora_dropout": "Dropout of the addition",
    "learning_rate": "Learning rate",
    "epochs": "Epochs",
    "steps": "Steps instead of epochs",
    "batch_rows": "Batch",
    "pretraining_share": "Share of pretraining text",
    "dropout": "Dropout",
    "weight_decay": "Weight decay",
    "patience": "Patience",
    "evaluate_every": "Look every",
    "questions": "Questions at a look",
    "shown_questions": "Shown side by side",
    "context_length": "Row",
    "too_long": "Longer than a row",
    "packing": "Several in a row",
}


def plain_name(field: str) -> str:
    return NAMES.get(field, field.replace("_", " ").capitalize())


class SetupRow(ConfigRow):
    """pointed(bool): the pointer or the focus came or left. Its sentence is only there when something is wrong."""

    pointed = Signal(bool)

    def __init__(self, field_name: str, field: FieldInfo) -> None:
        super().__init__(field_name, field)
        self.field_name = field_name
        self.name.setText(plain_name(field_name))
        self.editor.setAccessibleName(plain_name(field_name))
        self.back.setAccessibleName(f"Back to what {plain_name(field_name)} is without you")
        self.editor.setFixedWidth(96)
        self.words.hide()
        for widget in (self, self.editor, self.name):
            widget.installEventFilter(self)

    def show_error(self, words: str) -> None:
        super().show_error(words)
        self.words.setVisible(bool(words))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.Enter, QEvent.Type.FocusIn):
            self.pointed.emit(True)
        elif event.type() is QEvent.Type.Leave and watched is self:
            self.pointed.emit(False)
        return False

    @property
    def shown(self) -> str:
        """What the value is now, as it stands there."""
        from app.widgets.config_form_words import value_text

        return value_text(self.value())
