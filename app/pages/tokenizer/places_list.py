"""Where a token stands in the corpus: each place a line, the token in the middle."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QGuiApplication, QKeyEvent, QKeySequence, QPainter
from PySide6.QtWidgets import QAbstractItemView, QFrame, QListView, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from app.theme.palette import colors
from app.theme.type import font
from engine.tokenizer.frequencies import Place

_ROW = 24
_SHOWN = 90  # characters to each side that could ever be seen
_Index = QModelIndex | QPersistentModelIndex
_PARENT = QModelIndex()


class PlaceModel(QAbstractListModel):
    def __init__(self) -> None:
        super().__init__()
        self.places: list[Place] = []

    def show(self, places: Sequence[Place]) -> None:
        self.beginResetModel()
        self.places = list(places)
        self.endResetModel()

    def add(self, places: Sequence[Place]) -> None:
        if places:
            self.beginInsertRows(QModelIndex(), len(self.places), len(self.places) + len(places) - 1)
            self.places += places
            self.endInsertRows()

    def rowCount(self, parent: _Index = _PARENT) -> int:
        return 0 if parent.isValid() else len(self.places)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        place = self.places[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return f"{place.before}{place.text}{place.after}"
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{place.side}, token {place.position:,}\n{place.before}{place.text}{place.after}"
        return None


class PlacesList(QListView):
    """Ctrl+C copies the text of the chosen place, or of all."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.places = PlaceModel()
        self.setModel(self.places)
        self.setItemDelegate(_Concordance(self))
        self.setAccessibleName("Places in the corpus")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setUniformItemSizes(True)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.viewport().setAutoFillBackground(False)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            rows = [index.row() for index in self.selectedIndexes()] or range(len(self.places.places))
            told = (self.places.places[row] for row in rows)
            QGuiApplication.clipboard().setText("\n".join(f"{p.before}{p.text}{p.after}" for p in told))
        else:
            super().keyPressEvent(event)


class _Concordance(QStyledItemDelegate):
    def __init__(self, view: PlacesList) -> None:
        super().__init__(view)
        self._view = view

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        return QSize(200, _ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        p, place = colors(self._view), self._view.places.places[index.row()]
        face = font(11, fixed=True)
        metrics, box = QFontMetricsF(face), QRectF(option.rect)
        token = _flat(place.text) or "␣"
        wide = min(metrics.horizontalAdvance(token), box.width() * 0.6)
        left = box.left() + (box.width() - wide) * 0.46
        painter.save()
        painter.setClipRect(box)
        painter.setFont(face)
        painter.fillRect(QRectF(left - 1, box.top() + 3, wide + 2, _ROW - 6), QColor(p.soft_accent))
        sides = (
            (QRectF(box.left(), box.top(), left - box.left() - 2, _ROW), _flat(place.before)[-_SHOWN:], "right"),
            (
                QRectF(left + wide + 2, box.top(), box.right() - left - wide - 2, _ROW),
                _flat(place.after)[:_SHOWN],
                "left",
            ),
        )
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setPen(QColor(p.muted))
        for room, text, side in sides:
            align = Qt.AlignmentFlag.AlignRight if side == "right" else Qt.AlignmentFlag.AlignLeft
            painter.setClipRect(room)
            painter.drawText(room, align | middle | Qt.TextFlag.TextSingleLine, text)
        painter.setClipRect(box)
        painter.setPen(QColor(p.accent))
        painter.drawText(QRectF(left, box.top(), wide + 2, _ROW), middle | Qt.TextFlag.TextSingleLine, token)
        painter.restore()


def _flat(text: str) -> str:
    return text.replace("\r", " ").replace("\n", "↵").replace("\t", "→")
