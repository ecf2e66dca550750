"""Ctrl/Cmd-K: every action by name, with the keyboard alone."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import (
    QAbstractListModel,
    QEvent,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QRectF,
    QSize,
    Qt,
)
from PySide6.QtGui import QAction, QColor, QFontMetricsF, QKeyEvent, QKeySequence, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from app.theme.palette import Palette, colors
from app.theme.type import font
from app.widgets.command_palette_search import Found, plain_text, search
from app.widgets.label import Hairline, Label

_WIDTH, _ROW, _MOST_ROWS = 560, 34, 10
_Index = QModelIndex | QPersistentModelIndex


class CommandPalette(QWidget):
    """A panel over the window. `open` it with the actions that are at hand now; Return runs the chosen one."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._over = parent
        self.setAccessibleName("Find an action")
        self._actions: list[QAction] = []
        self._before: QWidget | None = None
        self.line = QLineEdit()
        self.line.setProperty("bare", True)
        self.line.setFont(font(15))
        self.line.setFixedHeight(48)
        self.line.setPlaceholderText("Find an action")
        self.line.setAccessibleName("Name of the action")
        self.line.textChanged.connect(self._search)
        self.line.installEventFilter(self)
        self._model = _Model(self)
        self.list = QListView()
        self.list.setModel(self._model)
        self.list.setItemDelegate(_Rows(self))
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setUniformItemSizes(True)
        self.list.setMouseTracking(True)
        self.list.clicked.connect(lambda _: self.run())
        self._none = Label("No action has this name.", "muted")
        self._none.setContentsMargins(18, 10, 0, 14)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(1, 1, 1, 1)
        layout.setSpacing(0)
        line_box = QVBoxLayout()
        line_box.setContentsMargins(18, 0, 18, 0)
        line_box.addWidget(self.line)
        layout.addLayout(line_box)
        layout.addWidget(Hairline())
        layout.addSpacing(4)
        layout.addWidget(self.list)
        layout.addWidget(self._none)
        layout.addSpacing(6)
        self.hide()

    def open(self, actions: Sequence[QAction]) -> None:
        """Disabled and unnamed actions are left out."""
        self._actions = [action for action in actions if action.isEnabled() and action.text()]
        self._before = self.window().focusWidget()
        self.line.clear()
        self._search("")
        self.show()
        self.raise_()
        self.line.setFocus()

    def close_palette(self) -> None:
        """Gives the focus back to where it was."""
        self.hide()
        if self._before is not None:
            self._before.setFocus()
            self._before = None

    def run(self) -> None:
        """The chosen action, after the palette is gone, so that a dialog of it stands alone."""
        found = self._model.found(self.list.currentIndex())
        self.close_palette()
        if found is not None:
            found.action.trigger()

    def names(self) -> list[str]:
        """What is listed now, best first."""
        return [plain_text(found.action) for found in self._model.all]

    def _search(self, text: str) -> None:
        self._model.show(search(text, self._actions))
        count = len(self._model.all)
        self.list.setVisible(count > 0)
        self._none.setVisible(count == 0)
        self.list.setFixedHeight(_ROW * min(count, _MOST_ROWS))
        self.list.setCurrentIndex(self._model.index(0, 0))
        self.list.scrollToTop()
        height = 48 + 13 + (_ROW * min(count, _MOST_ROWS) if count else 40)
        width = min(_WIDTH, self._over.width() - 32)
        self.setGeometry((self._over.width() - width) // 2, 72, width, height)

    def eventFilter(self, watched: object, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() is QEvent.Type.KeyPress:
            return self._key(event)
        if event.type() is QEvent.Type.FocusOut and self.isVisible():
            self.hide()
        return False

    def _key(self, event: QKeyEvent) -> bool:
        steps = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1, Qt.Key.Key_PageDown: 8, Qt.Key.Key_PageUp: -8}
        key = Qt.Key(event.key())
        if key in steps and self._model.all:
            row = (self.list.currentIndex().row() + steps[key]) % len(self._model.all)
            self.list.setCurrentIndex(self._model.index(row, 0))
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.run()
        elif key is Qt.Key.Key_Escape:
            self.close_palette()
        else:
            return False
        return True

    def paintEvent(self, event: QPaintEvent) -> None:
        p = colors(self)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(QColor(p.surface))
        painter.setPen(QPen(QColor(p.border), 1))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 8, 8)


class _Model(QAbstractListModel):
    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.all: list[Found] = []

    def show(self, found: list[Found]) -> None:
        self.beginResetModel()
        self.all = found
        self.endResetModel()

    def found(self, index: _Index) -> Found | None:
        return self.all[index.row()] if index.isValid() and index.row() < len(self.all) else None

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.all)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        found = self.found(index)
        if found is None or role != Qt.ItemDataRole.DisplayRole:
            return None
        return plain_text(found.action)


class _Rows(QStyledItemDelegate):
    """Name with the typed letters in accent, what it does muted, its shortcut at the right."""

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        return QSize(0, _ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        palette, model = self.parent(), index.model()
        assert isinstance(palette, CommandPalette) and isinstance(model, _Model)
        found = model.found(index)
        if found is None:
            return
        p = colors(palette)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRect(option.rect)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(p.soft_accent))
            painter.drawRoundedRect(QRectF(box).adjusted(6, 1, -6, -1), 6, 6)
        right = _paint_keys(painter, found.action, QRectF(box).adjusted(0, 0, -18, 0), p)
        x = _paint_name(painter, found, QRectF(box).adjusted(18, 0, 0, 0), p)
        painter.setFont(font(11))
        painter.setPen(QColor(p.muted))
        what = found.action.toolTip() if found.action.toolTip() != plain_text(found.action) else ""
        space = QRectF(x + 12, box.top(), max(0.0, right - x - 24), box.height())
        short = QFontMetricsF(font(11)).elidedText(what, Qt.TextElideMode.ElideRight, space.width())
        painter.drawText(space, Qt.AlignmentFlag.AlignVCenter, short)
        painter.restore()


def _paint_name(painter: QPainter, found: Found, box: QRectF, p: Palette) -> float:
    """Where the name ends."""
    painter.setFont(font(13))
    metrics = QFontMetricsF(font(13))
    text, x = plain_text(found.action), box.left()
    for place, letter in enumerate(text):
        painter.setPen(QColor(p.accent if place in found.hits else p.text))
        painter.drawText(QRectF(x, box.top(), 40, box.height()), Qt.AlignmentFlag.AlignVCenter, letter)
        x = box.left() + metrics.horizontalAdvance(text[: place + 1])
    return x


def _paint_keys(painter: QPainter, action: QAction, box: QRectF, p: Palette) -> float:
    """Where the shortcut begins; the right edge when there is none."""
    keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
    if not keys:
        return box.right()
    width = QFontMetricsF(font(11)).horizontalAdvance(keys) + 12
    frame = QRectF(box.right() - width, box.center().y() - 9, width, 18)
    painter.setBrush(QColor(p.raised))
    painter.setPen(QPen(QColor(p.hairline), 1))
    painter.drawRoundedRect(frame, 3, 3)
    painter.setFont(font(11))
    painter.setPen(QColor(p.muted))
    painter.drawText(frame, Qt.AlignmentFlag.AlignCenter, keys)
    return frame.left()
