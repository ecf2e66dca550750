"""The conversations to choose from: how each begins, and what kind it is."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QAbstractListModel, QLineF, QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QGuiApplication, QKeyEvent, QKeySequence, QPainter, QPen
from PySide6.QtWidgets import QAbstractItemView, QFrame, QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from app.theme.palette import colors
from app.theme.type import font
from engine.corpus.conversation import Conversation

ROW_HEIGHT = 52
WRONG = Qt.ItemDataRole.UserRole + 1
_Index = QModelIndex | QPersistentModelIndex
_PARENT = QModelIndex()
_LETTERS = 200


class ConversationModel(QAbstractListModel):
    """Rows are positions in `all`; a search and a topic leave some of them out."""

    def __init__(self) -> None:
        super().__init__()
        self.all: Sequence[Conversation] = ()
        self.sound: Sequence[bool] = ()
        self._rows: list[int] = []
        self._search, self._topic = "", ""

    def show(self, conversations: Sequence[Conversation], sound: Sequence[bool] = ()) -> None:
        """sound: for each, whether it can be trained on; empty when all can."""
        self.beginResetModel()
        self.all, self.sound = conversations, sound
        self._rows = self._matching()
        self.endResetModel()

    def update(self, position: int, conversations: Sequence[Conversation], sound: Sequence[bool]) -> None:
        """One of them has another text: only its row is painted anew."""
        self.all, self.sound = conversations, sound
        row = self.row_of(position)
        if row >= 0:
            self.dataChanged.emit(self.index(row), self.index(row))

    def filter(self, search: str, topic: str) -> None:
        self.beginResetModel()
        self._search, self._topic = search.casefold().strip(), topic
        self._rows = self._matching()
        self.endResetModel()

    def position(self, row: int) -> int:
        """Where the conversation of a row stands in `all`; -1 for no row."""
        return self._rows[row] if 0 <= row < len(self._rows) else -1

    def row_of(self, position: int) -> int:
        """-1 when it is left out."""
        return self._rows.index(position) if position in self._rows else -1

    def rowCount(self, parent: _Index = _PARENT) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid():
            return None
        position = self._rows[index.row()]
        conversation = self.all[position]
        if role == Qt.ItemDataRole.DisplayRole:
            return opening(conversation)
        if role == Qt.ItemDataRole.UserRole:
            return conversation
        if role == WRONG:
            return bool(self.sound) and not self.sound[position]
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{opening(conversation)}, {kind_words(conversation)}"
        return None

    def _matching(self) -> list[int]:
        return [at for at, conversation in enumerate(self.all) if self._matches(conversation)]

    def _matches(self, conversation: Conversation) -> bool:
        if self._topic and self._topic != kind_of(conversation):
            return False
        return not self._search or any(self._search in m.content.casefold() for m in conversation.messages)


class ConversationList(QListView):
    """chosen(position in the model's `all`); deleted(): the key was pressed."""

    chosen = Signal(int)
    deleted = Signal()

    def __init__(self, model: ConversationModel) -> None:
        super().__init__()
        self._rows = model
        self.setModel(model)
        self.setItemDelegate(_Rows(self))
        self.setAccessibleName("Conversations")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.selectionModel().currentChanged.connect(self._tell)
        self.clicked.connect(self._tell)

    def choose(self, position: int) -> None:
        """Makes it the current row; the first one when it is left out."""
        row = max(self._rows.row_of(position), 0)
        if self._rows.rowCount():
            self.setCurrentIndex(self._rows.index(row))

    def position(self) -> int:
        return self._rows.position(self.currentIndex().row())

    def _tell(self, *_: object) -> None:
        if self.currentIndex().isValid():
            self.chosen.emit(self.position())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            shown = self.currentIndex().data(Qt.ItemDataRole.UserRole)
            if isinstance(shown, Conversation):
                QGuiApplication.clipboard().setText("\n\n".join(m.content for m in shown.messages))
        elif event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.deleted.emit()
        else:
            super().keyPressEvent(event)


class _Rows(QStyledItemDelegate):
    """Two lines: the first words of the user, and the first of the answer, with the kind at the right."""

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        return QSize(0, ROW_HEIGHT)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        view, conversation = self.parent(), index.data(Qt.ItemDataRole.UserRole)
        assert isinstance(view, ConversationList) and isinstance(conversation, Conversation)
        p = colors(view)
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        box = QRectF(option.rect)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if chosen or option.state & QStyle.StateFlag.State_MouseOver:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(p.soft_accent if chosen else p.raised))
            painter.drawRoundedRect(box.adjusted(0, 1, -4, -1), 5, 5)
        else:
            painter.setPen(QPen(QColor(p.hairline), 1))
            painter.drawLine(QLineF(box.left() + 8, box.bottom() - 0.5, box.right() - 12, box.bottom() - 0.5))
        if chosen and view.hasFocus():
            painter.setPen(QPen(QColor(p.accent), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(box.adjusted(1, 2, -5, -2), 5, 5)
        inner = box.adjusted(10, 7, -14, -7)
        said = answer(conversation)
        kind = "not complete" if index.data(WRONG) else kind_words(conversation)
        kind = "" if kind == said else kind
        painter.setFont(font(11))
        painter.setPen(QColor(p.warning if index.data(WRONG) else p.muted))
        wide = QFontMetrics(font(11)).horizontalAdvance(kind)
        below = QRectF(inner.left(), inner.top() + 19, inner.width(), 18)
        painter.drawText(below, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, kind)
        painter.setPen(QColor(p.text))
        painter.setFont(font(13, weight=500))
        self._line(painter, QRectF(inner.left(), inner.top() - 2, inner.width(), 20), opening(conversation))
        painter.setFont(font(11))
        painter.setPen(QColor(p.muted))
        self._line(painter, below.adjusted(0, 0, -wide - 12 if wide else 0, 0), said)
        painter.restore()

    @staticmethod
    def _line(painter: QPainter, box: QRectF, text: str) -> None:
        shown = QFontMetrics(painter.font()).elidedText(text, Qt.TextElideMode.ElideRight, int(box.width()))
        painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, shown)


def opening(conversation: Conversation) -> str:
    """What the user says first, on one line."""
    said = next((m.content for m in conversation.messages if m.role == "user" and m.content.strip()), "")
    return " ".join(said[:_LETTERS].split()) or "nothing said yet"


def answer(conversation: Conversation) -> str:
    """What the assistant says first, on one line."""
    said = next((m.content for m in conversation.messages if m.role == "assistant" and m.content.strip()), "")
    return " ".join(said[:_LETTERS].split()) or "no answer yet"


def kind_of(conversation: Conversation) -> str:
    """What one can filter by: the label of a text to be classified, else the topic."""
    return conversation.label or conversation.topic


def kind_words(conversation: Conversation) -> str:
    turns = len(conversation.messages)
    return kind_of(conversation) or f"{turns} {'turn' if turns == 1 else 'turns'}"
