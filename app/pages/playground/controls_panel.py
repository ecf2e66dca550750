"""The settings of writing, live, and how much doubt they leave."""

from __future__ import annotations

import math

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDoubleSpinBox, QHBoxLayout, QSpinBox, QVBoxLayout, QWidget

from app.pages.playground.session import Session
from app.theme.type import L, S, font
from app.widgets.bar import Bar
from app.widgets.label import Hairline, Label
from app.widgets.panel import Panel
from app.widgets.segments import Segments
from app.widgets.slider import Dial, Slider
from engine.generation.sampling import SamplingConfig

WIDTH = 252
_GAP = 5
_SEEDS = 2**31 - 1
# The arrows stay, without a width: Qt gives a box that has none a text field of one pixel.
_QUIET = """
QAbstractSpinBox, QAbstractSpinBox:focus { border: none; background: transparent; padding: 0; min-height: 22px; }
QAbstractSpinBox:focus { border-bottom: 2px solid palette(highlight); border-radius: 0; }
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button { width: 0; height: 0; }
QAbstractSpinBox::up-arrow, QAbstractSpinBox::down-arrow { image: none; width: 0; height: 0; }
QLineEdit { border: none; background: transparent; padding: 0; min-height: 0; }
"""


class ControlsPanel(Panel):
    """Changes `session.sampling` as it is moved."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(margins=(16, 14, 16, 14), parent=parent)
        self.setFixedWidth(WIDTH)
        self.setAccessibleName("Settings of writing")
        self._session = session
        sampling = session.sampling
        self.temperature = Dial(
            "Temperature",
            Slider(0, 2, sampling.temperature, step=0.01),
            "{:.2f}".format,
            low="0 always the best",
            high="2",
        )
        self.top_p = Dial(
            "Top-p", Slider(0.01, 1, sampling.top_p, step=0.01), "{:.2f}".format, low="0", high="1 keeps all"
        )
        self.top_k = _whole(0, 1000, sampling.top_k, off="off")
        self.min_p = _real(0, 0.99, sampling.min_p, 0.01, off="off")
        self.penalty = _real(1, 3, sampling.repetition_penalty, 0.05)
        self.seed = _whole(0, _SEEDS, sampling.seed)
        self.max_tokens = _whole(1, 2000, session.max_tokens)
        self.adapter = Segments(["On", "Off"], small=True)
        self.adapter.setAccessibleName("Adapter")
        self._adapter_words = Label(role="muted", size=11)
        self._adapter = self._adapter_row()
        self._entropy = Label(role="muted")
        self._entropy_now = Label(weight=600)
        self._bar = Bar(height=3, width=WIDTH - 32)
        self._most = Label("knows nothing", "muted", 11)
        self._build()
        self._connect()

    def _build(self) -> None:
        fields = SamplingConfig.model_fields
        self.body.setSpacing(_GAP)
        self.body.addWidget(self._adapter)
        for dial, name in ((self.temperature, "temperature"), (self.top_p, "top_p")):
            dial.setToolTip(str(fields[name].description))
            self.body.addWidget(dial)
            self.body.addSpacing(_GAP)
        self.body.addWidget(Hairline())
        rows = (
            ("Top-k", self.top_k, str(fields["top_k"].description)),
            ("Min-p", self.min_p, str(fields["min_p"].description)),
            ("Repetition penalty", self.penalty, str(fields["repetition_penalty"].description)),
            ("Seed", self.seed, str(fields["seed"].description)),
            ("Max tokens", self.max_tokens, "How many tokens are written before it pauses"),
        )
        for name, box, words in rows:
            self.body.addWidget(_row(name, box, words, at_rest=box in (self.top_k, self.min_p, self.penalty)))
        self.body.addWidget(Hairline())
        self.body.addWidget(self._entropy_row())
        self.body.addWidget(self._bar)
        ends = QHBoxLayout()
        ends.addWidget(Label("0 sure", "muted", 11))
        ends.addStretch(1)
        ends.addWidget(self._most)
        self.body.addLayout(ends)
        self.body.addStretch(1)

    def _adapter_row(self) -> QWidget:
        """Hidden unless the model is a base with an adapter."""
        box = QWidget()
        box.setToolTip("What fine-tuning added, switched on and off while you look. The last answer is given again.")
        column = QVBoxLayout(box)
        column.setContentsMargins(0, 0, 0, _GAP)
        column.setSpacing(_GAP)
        row = QHBoxLayout()
        row.addWidget(Label("Adapter"))
        row.addStretch(1)
        row.addWidget(self.adapter)
        column.addLayout(row)
        column.addWidget(self._adapter_words)
        column.addSpacing(_GAP)
        column.addWidget(Hairline())
        box.hide()
        return box

    def _show_adapter(self) -> None:
        session = self._session
        self._adapter.setVisible(session.facts is not None and session.facts.adapter)
        self.adapter.set_current(0 if session.adapter else 1)
        self._adapter_words.setText("the tuned model answers" if session.adapter else "the base model answers, untuned")

    def _entropy_row(self) -> QWidget:
        row = QWidget()
        row.setToolTip("Bits of doubt about the next token: as the model gave it, then with these settings")
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(S)
        layout.addWidget(Label("Entropy"))
        layout.addStretch(1)
        layout.addWidget(self._entropy)
        layout.addWidget(self._entropy_now)
        layout.addWidget(Label("bits", "muted", 11))
        return row

    def _connect(self) -> None:
        for changed in (
            self.temperature.changed,
            self.top_p.changed,
            self.top_k.valueChanged,
            self.min_p.valueChanged,
            self.penalty.valueChanged,
            self.seed.valueChanged,
        ):
            changed.connect(lambda _: self._session.set_sampling(self.sampling()))
        self.max_tokens.valueChanged.connect(lambda count: setattr(self._session, "max_tokens", count))
        self.adapter.changed.connect(lambda choice: self._session.set_adapter(choice == 0))
        self._session.changed.connect(self._show_adapter)
        self._session.looked.connect(self.update_entropy)
        self._session.changed.connect(self.update_entropy)
        self.update_entropy()

    def sampling(self) -> SamplingConfig:
        return SamplingConfig(
            temperature=round(self.temperature.number(), 4),
            top_p=round(self.top_p.number(), 4),
            top_k=self.top_k.value(),
            min_p=round(self.min_p.value(), 4),
            repetition_penalty=round(self.penalty.value(), 4),
            seed=self.seed.value(),
        )

    def next_seed(self) -> None:
        """Another draw, as long as there is one: at temperature 0 every seed gives the same."""
        self.seed.setValue(self.seed.value() % _SEEDS + 1)

    def update_entropy(self) -> None:
        distribution, facts = self._session.in_view, self._session.facts
        size = distribution.logits.size if distribution is not None else facts.vocab_size if facts else 0
        most = math.log2(size) if size > 1 else 0.0
        self._most.setText(f"{most:.0f} knows nothing" if most else "knows nothing")
        if distribution is None or not most:
            self._entropy.setText("")
            self._entropy_now.setText("–")
            self._bar.set(0.0)
            return
        before, after = distribution.entropy_before, distribution.entropy_after
        self._entropy.setText(f"{before:.2f} →")
        self._entropy_now.setText(f"{after:.2f}")
        self._bar.set(after / most, before / most)


def _row(name: str, box: QSpinBox | QDoubleSpinBox, words: str, at_rest: bool) -> QWidget:
    """at_rest: the name is muted while the lowest value leaves everything as it is."""
    row = QWidget()
    row.setToolTip(words)
    box.setAccessibleName(name)
    label = Label(name)
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(L)
    layout.addWidget(label)
    layout.addWidget(box, 1)

    def show_use(_: object = None) -> None:
        label.set_role("muted" if at_rest and box.value() == box.minimum() else "text")

    box.valueChanged.connect(show_use)
    show_use()
    return row


def _whole(low: int, high: int, value: int, off: str = "") -> QSpinBox:
    box = QSpinBox()
    box.setRange(low, high)
    box.setValue(value)
    _dress(box, off)
    return box


def _real(low: float, high: float, value: float, step: float, off: str = "") -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(low, high)
    box.setSingleStep(step)
    box.setValue(value)
    _dress(box, off)
    return box


def _dress(box: QSpinBox | QDoubleSpinBox, off: str) -> None:
    """A number at the right edge that is typed over, turned by the wheel, or moved by the arrow keys."""
    box.setSpecialValueText(off)
    box.setStyleSheet(_QUIET)
    box.setAlignment(Qt.AlignmentFlag.AlignRight)
    box.setFont(font(13))
    box.setFixedHeight(24)
    box.setKeyboardTracking(False)
