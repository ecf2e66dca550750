"""A choice that opens a list: the chosen name and, muted beside it, what it is."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPoint, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QComboBox, QSizePolicy, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from app.theme.icons import paint_icon
from app.theme.palette import colors
from app.theme.type import font
from app.widgets.buttons import paint_focus

_GAP = 9
_AWAY = 3
DETAIL = Qt.ItemDataRole.UserRole + 1


class Combo(QComboBox):
    """small: 24 px high with a filled ground, for panels; else 30 px with an edge, for the header.
    prefix: muted before the choice ("probe"). name: accessible name.

    Add with `add(text, detail, data)`; everything else is QComboBox (currentData, activated, currentIndexChanged).
    """

    def __init__(self, *, small: bool = False, prefix: str = "", name: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._small, self._prefix = small, prefix
        self.setAccessibleName(name or prefix)
        self.setFont(self._font())
        self.setItemDelegate(_Rows(self))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.currentIndexChanged.connect(lambda _: self.updateGeometry())

    def add(self, text: str, detail: str = "", data: Any = None) -> None:
        self.addItem(text, data)
        self.setItemData(self.count() - 1, detail, DETAIL)
        self.updateGeometry()

    def set_detail(self, index: int, detail: str) -> None:
        self.setItemData(index, detail, DETAIL)
        self.updateGeometry()
        self.update()

    def choose(self, data: Any) -> bool:
        """Makes the item with this data the current one. False when there is none."""
        index = self.findData(data)
        if index >= 0:
            self.setCurrentIndex(index)
        return index >= 0

    def _font(self) -> QFont:
        return font(11 if self._small else 13)

    def _pieces(self) -> list[tuple[str, bool]]:
        """Text and whether it is muted, from left to right."""
        pieces = [(self._prefix, True), (self.currentText(), False), (self.currentData(DETAIL) or "", True)]
        return [(text, muted) for text, muted in pieces if text]

    def sizeHint(self) -> QSize:
        metrics = QFontMetrics(self._font())
        text = sum(metrics.horizontalAdvance(text) for text, _ in self._pieces())
        gaps = _GAP * (len(self._pieces()) - 1)
        return QSize(text + gaps + (32 if self._small else 42), 24 if self._small else 30)

    def minimumSizeHint(self) -> QSize:
        return QSize(min(120, self.sizeHint().width()), self.sizeHint().height())

    def showPopup(self) -> None:
        details = [self.itemData(row, DETAIL) or "" for row in range(self.count())]
        metrics = QFontMetrics(self._font())
        widest = max(
            (metrics.horizontalAdvance(self.itemText(row) + detail) + 56 for row, detail in enumerate(details)),
            default=0,
        )
        self.view().setMinimumWidth(max(widest, self.width()))
        super().showPopup()
        self._place(self.view().window())

    def _place(self, popup: QWidget) -> None:
        """Below the choice, above it where there is no room below: the style's own place, with the chosen row over the
        choice, leaves the window near its top."""
        window = self.window()
        bottom = window.mapToGlobal(QPoint(0, window.height())).y()
        below = self.mapToGlobal(QPoint(0, self.height() + _AWAY))
        above = self.mapToGlobal(QPoint(0, -popup.height() - _AWAY))
        popup.move(below if below.y() + popup.height() <= bottom or above.y() < 0 else above)

    def paintEvent(self, event: QPaintEvent) -> None:
        p = colors(self)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rect = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        ground = (p.background if p.is_dark else p.raised) if self._small else p.background
        lit = self.isEnabled() and self.underMouse()
        painter.setBrush(QColor(p.raised if lit and not self._small else ground))
        painter.setPen(QPen(QColor(p.border if lit or not self._small else p.hairline), 1))
        radius = 4 if self._small else 6
        painter.drawRoundedRect(rect, radius, radius)
        self._paint_text(painter)
        caret = 10
        box = QRectF(self.width() - caret - (9 if self._small else 11), (self.height() - caret) / 2, caret, caret)
        paint_icon(painter, box, "ph.caret-down", p.text if self._small else p.muted, bold=True)
        if self.hasFocus() and not self.view().isVisible():
            paint_focus(painter, QRectF(self.rect()), p.accent, radius)

    def _paint_text(self, painter: QPainter) -> None:
        p = colors(self)
        painter.setFont(self._font())
        metrics = QFontMetrics(self._font())
        x, right = (8.0, self.width() - 22.0) if self._small else (11.0, self.width() - 25.0)
        for text, muted in self._pieces():
            shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, max(0, round(right - x)))
            ink = p.muted if muted or not self.isEnabled() else p.text
            painter.setPen(QColor(ink))
            painter.drawText(QRectF(x, 0, right - x, self.height()), Qt.AlignmentFlag.AlignVCenter, shown)
            x += metrics.horizontalAdvance(shown) + _GAP


class _Rows(QStyledItemDelegate):
    """A row of the open list: name, and its detail muted at the right."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(0, 28)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        combo = self.parent()
        assert isinstance(combo, QWidget)
        p = colors(combo)
        chosen = bool(option.state & (QStyle.StateFlag.State_Selected | QStyle.StateFlag.State_MouseOver))
        painter.save()
        painter.fillRect(option.rect, QColor(p.soft_accent if chosen else p.surface))
        painter.setFont(combo.font())
        box = QRectF(option.rect).adjusted(12, 0, -12, 0)
        painter.setPen(QColor(p.text))
        painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, str(index.data()))
        painter.setPen(QColor(p.muted))
        side = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
        painter.drawText(box, side, str(index.data(DETAIL) or ""))
        painter.restore()
