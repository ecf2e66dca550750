"""The page while there is no model yet: what it will look like, in one picture."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.theme.type import L
from app.widgets.candidate_bars import BarRow, CandidateBars, Cut
from app.widgets.empty_state import EmptyState
from app.widgets.panel import Panel
from app.widgets.token_view import Colouring, TokenChip, TokenView

_TYPED = "Mira Toll was born in Anvik. Every morning she"
# Words as a model of the built-in world writes them, with how sure it was: drawn for this picture.
_WRITTEN = (
    (" walks", 0.42), (" down", 0.62), (" to", 0.78), (" the", 0.9), (" harbour", 0.35), (" with", 0.5),
    (" her", 0.88), (" fox", 0.66), (".", 0.58), (" She", 0.6), (" works", 0.4), (" as", 0.8), (" a", 0.92),
    (" glass", 0.21), ("bl", 0.97), ("ower", 0.99), (",", 0.3), (" and", 0.7), (" the", 0.26), (" wind", 0.2),
)  # fmt: skip
_BEFORE = (("baker", 40.6, 53.3), ("glass", 20.8, 23.1), ("bell", 13.1, 13.0), ("map", 7.0, 5.9), ("teacher", 5.9, 4.8))
_EXCLUDED = (("quiet", 3.0), ("painter", 2.1), ("sailor", 1.5))


class NoModel(QWidget):
    """asked(): the button was pressed."""

    asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.state = state = EmptyState(
            "ph.chat-teardrop-dots",
            "There is no model to talk to yet.",
            "Make first-words",
            "Then you type a beginning, and see every token come with its chances.",
        )
        state.clicked.connect(self.asked)
        self.button = state.button
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addStretch(1)
        layout.addWidget(state)
        layout.addWidget(_picture(), 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addStretch(2)

    def show_time(self, time: str) -> None:
        """time: what making one takes here, such as "3 minutes"."""
        self.state.set_sentence(f"There is no model to talk to yet: first-words makes one in about {time}.")


def _picture() -> QWidget:
    """The real widgets over an invented answer; nothing of it can be clicked."""
    panel = Panel("Text", "an example", margins=(20, 12, 20, 16))
    panel.set_filled(False)
    panel.setFixedWidth(760)
    panel.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
    view = TokenView(size=17, fixed=False, line_height=36, chip_height=28)
    view.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    view.set_colouring(Colouring.PROBABILITY)
    words = [(f"{'' if index == 0 else ' '}{word}", None) for index, word in enumerate(_TYPED.split())]
    view.set_tokens(
        [TokenChip(text, -1, text.encode(), value, plain=value is None) for text, value in (*words, *_WRITTEN)]
    )
    view.set_current(len(words) + 13)
    view.setFixedHeight(view.content_height(720))
    bars = CandidateBars()
    bars.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    kept = [BarRow(i, f"␣{name}", before / 100, after / 100) for i, (name, before, after) in enumerate(_BEFORE)]
    out = [BarRow(10 + i, f"␣{name}", share / 100, 0.0, "top-p") for i, (name, share) in enumerate(_EXCLUDED)]
    bars.show_rows([*kept, *out], Cut("top-p 0.92", "5 kept, together 92.7%; 1,019 tokens excluded"), picked=1)
    bars.setFixedHeight(20 + 8 * 29 + 22)
    row = QHBoxLayout()
    row.setContentsMargins(0, L, 0, 0)
    row.addWidget(bars)
    panel.body.addWidget(view)
    panel.body.addLayout(row)
    return panel
