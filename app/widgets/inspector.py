"""The inspector: explains what is under the pointer in three steps. At rest it shows the page's help."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QScrollArea, QStackedLayout, QVBoxLayout, QWidget

from app.theme.palette import colors
from app.theme.type import L, S, font
from app.widgets.buttons import ToolButton
from app.widgets.formula import Formula
from app.widgets.inspection import Inspection, Table
from app.widgets.inspector_steps import Caution, heading, rows, table
from app.widgets.inspector_text import Help, Text
from app.widgets.label import Hairline, Label

__all__ = ["FOLDED", "OPEN", "Inspection", "InspectorPane", "Table"]

OPEN, FOLDED = 300, 40
_SIDE = 20
# A pointer that sweeps over a hundred tokens asks a hundred times; a person reads only where it rests.
_SETTLE_MS = 35
_REST_MS = 400


class InspectorPane(QWidget):
    """Width 300, or 40 when folded. fold_asked(folded): a person pressed the fold button."""

    fold_asked = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Inspector")
        self._shown: Inspection | Help | None = None
        self._help: Help | None = None
        self._next: Inspection | None = None
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.timeout.connect(lambda: self.show_now(self._next))
        self._stack = QStackedLayout(self)
        self._stack.setContentsMargins(1, 0, 0, 0)
        self._stack.addWidget(self._build_open())
        self._stack.addWidget(self._build_folded())
        self.set_folded(False)

    def _build_open(self) -> QWidget:
        page = QWidget()
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        row = QHBoxLayout()
        row.setContentsMargins(_SIDE, L, _SIDE - 4, 0)
        row.setSpacing(0)
        self._rest: Inspection | None = None
        self.pin = ToolButton("ph.push-pin-simple", "Keep this in the inspector", checkable=True)
        fold = ToolButton("ph.caret-right", "Fold the inspector away")
        fold.clicked.connect(lambda: self.fold_asked.emit(True))
        row.addWidget(Label("Inspector", "muted", 11))
        row.addStretch(1)
        row.addWidget(self.pin)
        row.addWidget(fold)
        layout.addLayout(row)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.viewport().setAutoFillBackground(False)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        layout.addWidget(self._scroll, 1)
        return page

    def _build_folded(self) -> QWidget:
        page = QWidget()
        layout = QVBoxLayout(page)
        layout.setContentsMargins(7, 10, 8, 0)
        opener = ToolButton("ph.caret-left", "Open the inspector")
        opener.clicked.connect(lambda: self.fold_asked.emit(False))
        layout.addWidget(opener)
        layout.addStretch(1)
        return page

    @property
    def folded(self) -> bool:
        return self._stack.currentIndex() == 1

    def set_folded(self, folded: bool) -> None:
        self._stack.setCurrentIndex(int(folded))
        self.setFixedWidth(FOLDED if folded else OPEN)
        self.update()

    def inspect(self, inspection: Inspection | None) -> None:
        """Shows it as soon as the pointer rests; None returns to the page's help. Ignored while pinned."""
        if self.pin.isChecked():
            return
        self._next = inspection
        self._settle.start(_SETTLE_MS if inspection is not None else _REST_MS)

    def set_help(self, help_text: Help | None) -> None:
        """Of another page: its beginning is shown at rest."""
        self._help, self._rest = help_text, None
        self._return_to_rest()

    def set_rest(self, inspection: Inspection | None) -> None:
        """What is shown at rest instead of the beginning of the page's help; None for that."""
        if inspection != self._rest:
            self._rest = inspection
            self._return_to_rest()

    def _return_to_rest(self) -> None:
        if not self.pin.isChecked():
            self._settle.stop()
            self.show_now(None)

    def show_help(self) -> None:
        """All of it, asked for by key: replaces even what is pinned."""
        self.pin.setChecked(False)
        self._settle.stop()
        self._show(self._help)

    def show_now(self, inspection: Inspection | None) -> None:
        self._show(inspection or self._rest or (self._help.beginning if self._help else None))

    def _show(self, wanted: Inspection | Help | None) -> None:
        if wanted == self._shown and wanted is not None:
            return
        self._shown = wanted
        body = QWidget()
        layout = QVBoxLayout(body)
        layout.setContentsMargins(_SIDE, 7, _SIDE - 1, L)
        layout.setSpacing(0)
        if isinstance(wanted, Inspection):
            _fill(layout, wanted)
        elif wanted is not None:
            _fill_help(layout, wanted)
        else:
            layout.addWidget(Text("Point at anything on the page: it is explained here in three steps.", "muted"))
        layout.addStretch(1)
        self._scroll.setWidget(body)
        body.setAutoFillBackground(False)

    def paintEvent(self, event: QPaintEvent) -> None:
        p = colors(self)
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(p.surface))
        painter.fillRect(0, 0, 1, self.height(), QColor(p.hairline))
        if self.folded:
            painter.setFont(font(11))
            painter.setPen(QColor(p.muted))
            painter.translate(14, 40)
            painter.rotate(90)
            painter.drawText(QRectF(0, -12, 120, 16), Qt.AlignmentFlag.AlignVCenter, "Inspector")


def _fill(layout: QVBoxLayout, it: Inspection) -> None:
    layout.addWidget(Label(it.title, size=15, weight=500 if it.fixed else 600, fixed=it.fixed, wrap=True))
    if it.subtitle:
        layout.addSpacing(2)
        layout.addWidget(Text(it.subtitle, "muted"))
    if it.words:
        _section(layout, heading("In words", 1), Text(it.words))
    if it.formula:
        parts: list[QWidget] = [Formula(it.formula, width=OPEN - 2 * _SIDE)]
        if it.formula_words:
            parts.append(Text(it.formula_words))
        _section(layout, heading("Formula", 2), *parts, gap=10)
    if it.table or it.rows:
        numbers = [table(it.table)] if it.table else []
        numbers += [rows(it.rows)] if it.rows else []
        _section(layout, heading(f"This very {it.subject}", 3), *numbers)
    if it.note:
        _section(layout, Caution(it.note))
    if it.advice:
        _section(layout, heading("What to do"), Text(it.advice))


def _fill_help(layout: QVBoxLayout, it: Help) -> None:
    layout.addWidget(Label(it.title, size=15, weight=600, wrap=True))
    layout.addSpacing(S)
    for block in it.blocks:
        if block.startswith("## "):
            _section(layout, heading(block[3:]))
        elif block.startswith("- "):
            layout.addWidget(Text(f"•  {block[2:]}"))
            layout.addSpacing(2)
        else:
            layout.addWidget(Text(block))
            layout.addSpacing(S)


def _section(layout: QVBoxLayout, *widgets: QWidget, gap: int = 3) -> None:
    """A hairline with 16 px of air, then the widgets."""
    layout.addSpacing(16)
    layout.addWidget(Hairline())
    layout.addSpacing(10)
    for index, widget in enumerate(widgets):
        layout.addSpacing(gap if index else 0)
        layout.addWidget(widget)
