"""The page: four panels, applied at once and kept."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QFrame, QScrollArea, QVBoxLayout, QWidget

from app.jobs.desk import Desk
from app.pages._page import PageWidget
from app.pages.settings.about import AboutPanel
from app.pages.settings.computing import ComputingPanel
from app.pages.settings.looks import LooksPanel
from app.pages.settings.workspace import WorkspacePanel
from app.theme.type import M

_NARROW = 900


class _Content(QWidget):
    """As high as its text needs at the width that it has: by itself it would ask for what the narrowest needs."""

    def minimumSizeHint(self) -> QSize:
        hint, layout = super().minimumSizeHint(), self.layout()
        return QSize(hint.width(), layout.totalHeightForWidth(self.width())) if layout is not None else hint


class SettingsPage(PageWidget):
    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.desk = desk
        self.workspace = WorkspacePanel(desk)
        self.computing = ComputingPanel(desk)
        self.looks = LooksPanel(desk.settings)
        self.about = AboutPanel(desk)
        content = _Content()
        self._columns = QBoxLayout(QBoxLayout.Direction.LeftToRight, content)
        self._columns.setContentsMargins(0, 0, 0, 0)
        self._columns.setSpacing(M)
        for panels in ((self.workspace, self.computing), (self.looks, self.about)):
            column = QVBoxLayout()
            column.setSpacing(M)
            for panel in panels:
                column.addWidget(panel)
            column.addStretch(1)
            self._columns.addLayout(column, 1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(content)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(scroll)
        desk.settings.changed.connect(self._keep)

    def shown(self) -> None:
        self.workspace.refresh()
        self.computing.refresh()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        wide = self.width() >= _NARROW
        self._columns.setDirection(QBoxLayout.Direction.LeftToRight if wide else QBoxLayout.Direction.TopToBottom)

    def _keep(self) -> None:
        if self.isVisible() and not self.desk.settings.save():
            self.desk.bus.notice.emit("warning", "The settings file cannot be written: this holds until you close.")
