"""The things that a model can be exported as, each with a line that says what it is for."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QRadioButton, QVBoxLayout, QWidget

from app.jobs.run_summary import size_words
from app.theme.type import XS, M, S
from app.widgets.combo import Combo
from app.widgets.label import Label
from engine.launch.export import Kind

_INDENT = 24
_NUMBERS: tuple[tuple[Kind, str, float], ...] = (
    ("q8_0", "8 bit", 34 / 32),
    ("f16", "16 bit", 2.0),
    ("bf16", "bfloat16", 2.0),
    ("f32", "32 bit", 4.0),
)


class ExportForms(QWidget):
    """parameters: of the model, for the sizes; 0 when it is not known. adapter: whether it is a base with an adapter,
    which the other forms merge into the weights. changed(): another one was chosen."""

    changed = Signal()

    def __init__(self, parameters: int, *, adapter: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.numbers = Combo(small=True, prefix="numbers", name="How exactly the weights are stored")
        for kind, words, size in _NUMBERS:
            self.numbers.add(words, f"about {size_words(round(parameters * size))}" if parameters else "", kind)
        self.numbers.choose("f16")
        whole = f"about {size_words(4 * parameters)}" if parameters else ""
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(M)
        self._group = QButtonGroup(self)
        lines = (
            "Weights, tokenizer, code, where the data came from and how it was trained; what nobody knows is listed."
        )
        self.bundle = self._add("Everything that went into it", lines, whole)
        lines = "One GGUF file, and the Modelfile that Ollama wants beside it."
        self.gguf = self._add("For llama.cpp, Ollama and LM Studio", lines, "", self.numbers)
        self.huggingface = self._add("For transformers", "A folder that the Hugging Face libraries open.", whole)
        lines = "What fine-tuning added, for the peft library. Whoever uses it needs the base model as well."
        self.adapter = self._add("Only the adapter", lines, "") if adapter else None
        self.bundle.setChecked(True)
        self._group.buttonToggled.connect(lambda _, on: self.changed.emit() if on else None)
        self.numbers.currentIndexChanged.connect(lambda _: self._take_numbers())

    @property
    def kind(self) -> Kind:
        if self.gguf.isChecked():
            chosen: Kind = self.numbers.currentData()
            return chosen
        if self.adapter is not None and self.adapter.isChecked():
            return "adapter"
        return "bundle" if self.bundle.isChecked() else "huggingface"

    def _take_numbers(self) -> None:
        """Whoever says how the numbers of a GGUF file are to be wants one."""
        if self.gguf.isChecked():
            self.changed.emit()
        self.gguf.setChecked(True)

    def _add(self, title: str, words: str, size: str, beside: QWidget | None = None) -> QRadioButton:
        radio = QRadioButton(title)
        radio.setAccessibleDescription(words)
        self._group.addButton(radio)
        head = QHBoxLayout()
        head.setSpacing(S)
        head.addWidget(radio, 1)
        head.addWidget(beside or Label(size, "muted", 11))
        below = Label(words, "muted", wrap=True)
        below.setContentsMargins(_INDENT, 0, 0, 0)
        column = QVBoxLayout()
        column.setSpacing(XS)
        column.addLayout(head)
        column.addWidget(below)
        self._layout.addLayout(column)
        return radio
