"""One turn of a masked conversation: its role in the margin, its tokens as chips."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.pages.finetune.mask_shown import FRAME, Group, Masked
from app.theme.type import S
from app.widgets.label import Label
from app.widgets.token_view import Colouring, TokenChip, TokenView

_MARGIN = 88


class TurnTokens(QWidget):
    """hovered(index), clicked(index): of a token in the whole conversation; -1 when the pointer left."""

    hovered = Signal(int)
    clicked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.first = 0
        self.role = Label(size=13, weight=500)
        self.words = Label(role="muted", size=11)
        self.view = TokenView(line_height=29)
        self.view.set_colouring(Colouring.TRAINED)
        self.view.set_scrolling(False)
        self.view.hovered.connect(lambda index: self.hovered.emit(index if index < 0 else self.first + index))
        self.view.clicked.connect(lambda index: self.clicked.emit(self.first + index))
        margin = QWidget()
        margin.setFixedWidth(_MARGIN)
        column = QVBoxLayout(margin)
        column.setContentsMargins(0, 5, 0, 0)
        column.setSpacing(1)
        column.addWidget(self.role)
        column.addWidget(self.words)
        column.addStretch(1)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(S)
        layout.addWidget(margin, 0, Qt.AlignmentFlag.AlignTop)
        layout.addWidget(self.view, 1)

    def show_group(self, masked: Masked, group: Group, chips: Sequence[TokenChip]) -> None:
        self.first = group.first
        trained = sum(masked.mask[group.first : min(group.end, masked.limit)])
        self.role.setText("the frame" if group.role == FRAME else group.role)
        self.role.set_role("accent" if trained else "muted")
        self.words.setText(_words(group, trained, masked.limit))
        self.view.set_tokens(chips)
        self.view.setAccessibleName(f"Tokens of {group.role}, turn {group.turn + 1}")


def _words(group: Group, trained: int, limit: int) -> str:
    count = group.end - group.first
    if group.first >= limit:
        return f"{count:,} cut off"
    return f"{trained:,} of {count:,} trained" if trained else f"{count:,} read"
