"""Where the panels stand: writing, talking, or looking inside."""

from __future__ import annotations

from PySide6.QtWidgets import QGridLayout, QWidget

from app.theme.type import M

WRITE, CHAT, LOOK = range(3)


class Arrangement(QWidget):
    """text, chat: above. candidates and controls, or look: below. In a conversation the controls stand beside both, so
    that it has more height; a text is as tall as they leave it, up to half."""

    def __init__(self, text: QWidget, chat: QWidget, candidates: QWidget, controls: QWidget, look: QWidget) -> None:
        super().__init__()
        self._panels = (text, chat, candidates, controls, look)
        both, left = (0, 0, 1, 2), (0, 0, 1, 1)
        below, right = (1, 0, 1, 1), (1, 1, 1, 1)
        self._places = {
            WRITE: ((text, both), (candidates, below), (controls, right)),
            CHAT: ((chat, left), (candidates, below), (controls, (0, 1, 2, 1))),
            LOOK: ((text, both), (look, (1, 0, 1, 2))),
        }
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(M)
        self._grid.setColumnStretch(0, 1)
        self.show_mode(WRITE)

    def show_mode(self, mode: int) -> None:
        """WRITE, CHAT or LOOK."""
        shown = [panel for panel, _ in self._places[mode]]
        for panel in self._panels:
            self._grid.removeWidget(panel)
            panel.setParent(self)
            panel.setVisible(panel in shown)
        for panel, place in self._places[mode]:
            self._grid.addWidget(panel, *place)
        for row, stretch in enumerate((3, 2) if mode == CHAT else (1, 1)):
            self._grid.setRowStretch(row, stretch)
