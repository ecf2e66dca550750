"""The doubt at each written token as bars, with what there is to say about the last reply."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.pages.playground.session import Session
from app.pages.playground.text import TextToken
from app.theme.type import S
from app.widgets.entropy_bars import EntropyBars
from app.widgets.label import Label


class DoubtStrip(QWidget):
    """Follows a session: bars stand for written tokens only, and a click picks the token."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._written: list[int] = []
        self._low = False
        self.bars = EntropyBars()
        self.note = Label(role="muted", size=11)
        titles = QHBoxLayout()
        titles.setSpacing(9)
        self._titles = (
            Label("Doubt at each token", size=11),
            Label("entropy in bits, before and after; follows the sliders", "muted", 11),
        )
        for title in self._titles:
            titles.addWidget(title)
        titles.addStretch(1)
        titles.addWidget(self.note)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(S)
        layout.addLayout(titles)
        layout.addWidget(self.bars)
        session.replaced.connect(self._replace)
        session.appended.connect(self._append)
        session.looked.connect(self._mark)
        session.noted.connect(self._say)
        self.bars.clicked.connect(lambda bar: session.select(self._written[bar]))

    @property
    def count(self) -> int:
        """Of written tokens."""
        return len(self._written)

    def set_low(self, low: bool) -> None:
        """Without its title, where there is little room: the row is there only when it says something."""
        self._low = low
        for title in self._titles:
            title.setVisible(not low)
        self._say(self.note.text())

    def follow_settings(self) -> None:
        tokens = [self._session.tokens[index] for index in self._written]
        self.bars.set_values([_before(token) for token in tokens], [token.entropy_after for token in tokens])

    def _say(self, words: str) -> None:
        self.note.setText(words)
        self.note.setVisible(bool(words) or not self._low)

    def _replace(self) -> None:
        self._written = [index for index, token in enumerate(self._session.tokens) if token.is_written]
        self.follow_settings()
        self._mark()

    def _append(self, first: int) -> None:
        for index, token in enumerate(self._session.tokens[first:], first):
            if token.is_written:
                self._written.append(index)
                self.bars.append(_before(token), token.entropy_after)

    def _mark(self) -> None:
        place = self._session.selected
        self.bars.set_current(self._written.index(place) if place in self._written else None)


def _before(token: TextToken) -> float:
    return token.drawn.entropy_before if token.drawn is not None else 0.0
