"""Text as the model sees it: tokens as chips, thousands of them, painted only where they are in view."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QGuiApplication,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QFrame, QSizePolicy, QWidget

from app.theme.palette import colors
from app.widgets.token_view_colour import Colouring, Shades, TokenChip
from app.widgets.token_view_layout import NEWLINE_MARK, TokenLayout
from app.widgets.token_view_paint import TokenPainter, draw_outline

__all__ = ["Colouring", "TokenChip", "TokenView"]

_BLINK_MS = 530
_MARGIN = 3


class TokenView(QAbstractScrollArea):
    """Tokens in lines. `current` is the one that a person picked; `selected` is a range marked by dragging."""

    hovered = Signal(int)
    clicked = Signal(int)
    activated = Signal(int)
    selected = Signal(int, int)

    def __init__(
        self,
        parent: QWidget | None = None,
        *,
        size: int = 15,
        fixed: bool = True,
        line_height: int = 27,
        chip_height: int = 24,
    ) -> None:
        super().__init__(parent)
        self._painter = TokenPainter(size, fixed, line_height, chip_height)
        self._tokens: list[TokenChip] = []
        self._layout = TokenLayout(self._painter.measures(), 400)
        self._shades = Shades(colors(self))
        self._current: int | None = None
        self._hover = -1
        self._anchor: int | None = None
        self._streaming = self._caret_on = False
        self._scrolling = True
        self._placeholder = ""
        self._blink = QTimer(self, interval=_BLINK_MS)
        self._blink.timeout.connect(self._toggle_caret)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.viewport().setMouseTracking(True)
        self.viewport().setAutoFillBackground(False)
        self.setAccessibleName("Tokens")
        self.verticalScrollBar().setSingleStep(line_height)

    @property
    def tokens(self) -> Sequence[TokenChip]:
        return self._tokens

    @property
    def current(self) -> int | None:
        return self._current

    @property
    def selection(self) -> range:
        """The tokens that are marked; empty when none are."""
        return self._painter.selection

    def set_tokens(self, tokens: Sequence[TokenChip]) -> None:
        """Shows other tokens. What was picked or marked is let go."""
        self._tokens = list(tokens)
        self._painter.values = [chip.value for chip in self._tokens]
        self._current, self._anchor, self._hover = None, None, -1
        self._painter.selection = range(0)
        self._lay_out(0)

    def append(self, tokens: Sequence[TokenChip]) -> None:
        """Adds tokens at the end; only the last line is laid out again. Follows the text when its end is in view."""
        bar = self.verticalScrollBar()
        follow = bar.value() >= bar.maximum() - 2
        start = len(self._tokens)
        self._tokens.extend(tokens)
        self._painter.values.extend(chip.value for chip in tokens)
        self._lay_out(start)
        if follow:
            bar.setValue(bar.maximum())

    def follow(self) -> None:
        """Brings the end into view; what is appended keeps it there until a person scrolls away from it."""
        bar = self.verticalScrollBar()
        bar.setValue(bar.maximum())

    def truncate(self, count: int) -> None:
        """Keeps the first `count` tokens."""
        del self._tokens[count:], self._painter.values[count:]
        if self._current is not None and self._current >= count:
            self._current = None
        self._hover = -1
        self._painter.selection = range(0)
        self._lay_out(count)

    def set_values(self, values: Sequence[float | None]) -> None:
        """New values of all tokens, in order; `tokens` keeps those that it came with. A recolouring, no layout.

        Raises ValueError when there are more or fewer values than tokens.
        """
        if len(values) != len(self._tokens):
            raise ValueError(f"{len(values)} values for {len(self._tokens)} tokens")
        self._painter.values = list(values)
        self.viewport().update()

    def set_colouring(self, colouring: Colouring) -> None:
        self._painter.colouring = colouring
        self.viewport().update()

    def set_show_spaces(self, shown: bool) -> None:
        """Leading spaces as a faint mid-dot."""
        self._painter.show_spaces = shown
        self.viewport().update()

    def set_current(self, index: int | None) -> None:
        """Frames a token and brings it into view."""
        self._current = index if index is not None and 0 <= index < len(self._tokens) else None
        if self._current is not None and self._scrolling:
            self._bring_into_view(self._current)
        self.viewport().update()

    def set_marked(self, indices: Iterable[int]) -> None:
        """Underlines tokens in the colour of a warning."""
        self._painter.marked = frozenset(indices)
        self.viewport().update()

    def set_streaming(self, streaming: bool) -> None:
        """A blinking caret behind the last token."""
        self._streaming = self._caret_on = streaming
        if streaming:
            self._blink.start()
        else:
            self._blink.stop()
        self.viewport().update()

    def set_placeholder(self, text: str) -> None:
        self._placeholder = text
        self.viewport().update()

    def set_scrolling(self, scrolling: bool) -> None:
        """Without scrolling the view asks for the height of its whole text."""
        self._scrolling = scrolling
        policy = Qt.ScrollBarPolicy.ScrollBarAsNeeded if scrolling else Qt.ScrollBarPolicy.ScrollBarAlwaysOff
        self.setVerticalScrollBarPolicy(policy)
        vertical = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        if not scrolling:
            vertical.setVerticalPolicy(QSizePolicy.Policy.Minimum)
            vertical.setHeightForWidth(True)
        self.setSizePolicy(vertical)
        self.updateGeometry()

    def content_height(self, width: int) -> int:
        """Height in pixels of the whole text in a view `width` wide."""
        if abs(self._text_width(width) - self._layout.width) < 1:
            return self._layout.height + 2 * _MARGIN
        layout = TokenLayout(self._painter.measures(), self._text_width(width))
        layout.extend(self._tokens)
        return layout.height + 2 * _MARGIN

    def hasHeightForWidth(self) -> bool:
        return not self._scrolling

    def heightForWidth(self, width: int) -> int:
        return self.content_height(width)

    def sizeHint(self) -> QSize:
        return QSize(400, 120 if self._scrolling else self.content_height(max(self.width(), 200)))

    def minimumSizeHint(self) -> QSize:
        """A view that does not scroll may be as low as one line."""
        least = super().minimumSizeHint()
        return least if self._scrolling else QSize(least.width(), self._painter.measures().line_height + 2 * _MARGIN)

    def token_rect(self, index: int) -> QRect:
        """Where token `index` stands, in viewport coordinates; empty when there is no such token."""
        return self._token_rect(index).translated(self._origin()).toAlignedRect()

    def index_at(self, position: QPoint) -> int:
        """The token at a place of the viewport, -1 where none is."""
        point = QPointF(position) - self._origin()
        if not self._layout.rows or not 0 <= point.y() < self._layout.height:
            return -1
        row = self._layout.rows[self._layout.row_at(point.y())]
        for piece in range(row.first, row.end):
            left = self._layout.x[piece]
            if left <= point.x() < left + self._layout.piece_width[piece] + 1:
                return self._member_at(piece, point.x())
        return -1

    def text_of(self, first: int, end: int) -> str:
        """The text of tokens first to end - 1, split characters joined."""
        return b"".join(chip.data for chip in self._tokens[first:end]).decode("utf-8", errors="replace")

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        palette = self._shades.palette
        if not self._tokens and self._placeholder:
            painter.setFont(self._painter.font)
            painter.setPen(QColor(palette.muted))
            room = self.viewport().rect().adjusted(_MARGIN, _MARGIN, -_MARGIN, -_MARGIN)
            painter.drawText(room, Qt.TextFlag.TextWordWrap | Qt.AlignmentFlag.AlignLeft, self._placeholder)
        painter.translate(self._origin())
        self._painter.paint(painter, self._layout, self._tokens, self._shades, self._rows_in(event.rect()))
        accent = QColor(palette.accent)
        for index in {self._current, self._hover}:
            if index is not None and 0 <= index < len(self._tokens) and not self._tokens[index].plain:
                draw_outline(painter, self._token_rect(index), accent)
        if self._streaming and self._caret_on:
            painter.fillRect(self._caret_rect(), accent)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        bar = self.verticalScrollBar()
        at_end = self._streaming and bar.value() >= bar.maximum() - 2
        self._lay_out(0)
        if at_end:
            self.follow()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.PaletteChange:
            self._shades = Shades(colors(self))
            self.viewport().update()
        super().changeEvent(event)

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        self.viewport().scroll(dx, dy)

    def leaveEvent(self, event: QEvent) -> None:
        self._set_hover(-1)
        super().leaveEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        index = self.index_at(event.position().toPoint())
        self._set_hover(index)
        if event.buttons() & Qt.MouseButton.LeftButton and self._anchor is not None and index >= 0:
            self._mark(self._anchor, index)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            return
        index = self.index_at(event.position().toPoint())
        self._anchor = index if index >= 0 else None
        self._painter.selection = range(0)
        self.viewport().update()
        if index >= 0:
            self.set_current(index)
            self.clicked.emit(index)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        index = self.index_at(event.position().toPoint())
        if index >= 0:
            self.activated.emit(index)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
        elif event.matches(QKeySequence.StandardKey.SelectAll) and self._tokens:
            self._painter.selection = range(len(self._tokens))
            self.viewport().update()
            self.selected.emit(0, len(self._tokens))
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._current is not None:
            self.activated.emit(self._current)
        elif not self._move(event):
            super().keyPressEvent(event)

    def copy(self) -> None:
        """The text of the marked tokens, or all of it, to the clipboard."""
        chosen = self._painter.selection or range(len(self._tokens))
        QGuiApplication.clipboard().setText(self.text_of(chosen.start, chosen.stop))

    def _lay_out(self, start: int) -> None:
        """Sets the lines again from token `start` on; all of them when the width changed."""
        width = self._text_width(self.viewport().width())
        if abs(width - self._layout.width) >= 1 and width > 40:
            self._layout = TokenLayout(self._painter.measures(), width)
        self._layout.cut(start, self._tokens)
        bar = self.verticalScrollBar()
        page = self.viewport().height()
        bar.setPageStep(page)
        bar.setRange(0, max(self._layout.height + 2 * _MARGIN - page, 0) if self._scrolling else 0)
        if not self._scrolling:
            self.updateGeometry()
        self.viewport().update()

    def _text_width(self, width: int) -> float:
        return width - 2 * _MARGIN

    def _origin(self) -> QPointF:
        return QPointF(_MARGIN, _MARGIN - self.verticalScrollBar().value())

    def _rows_in(self, rect: QRect) -> range:
        if not self._layout.rows:
            return range(0)
        top = self._origin().y()
        return range(self._layout.row_at(rect.top() - top), self._layout.row_at(rect.bottom() - top) + 1)

    def _token_rect(self, index: int) -> QRectF:
        """In the layout's coordinates; of a split character the token's own bytes."""
        if not 0 <= index < len(self._tokens):
            return QRectF()
        row = self._layout.rows[self._layout.row_of(index)]
        piece = self._layout.piece_of[index]
        if self._layout.box[piece]:
            return dict(self._painter.cell_rects(self._layout, self._tokens, row, piece))[index]
        return self._painter.chip_rect(self._layout, row, piece)

    def _member_at(self, piece: int, x: float) -> int:
        if self._layout.box[piece]:
            for token, left, width in self._layout.cells(piece, self._tokens):
                if left <= x < left + width + 1:
                    return token
        return self._layout.token[piece]

    def _caret_rect(self) -> QRectF:
        if not self._layout.rows:
            return QRectF(0, 5, 2, self._painter.chip_height - 4)
        row, last = self._layout.rows[-1], len(self._layout.token) - 1
        if self._layout.text[last].endswith(NEWLINE_MARK):
            return QRectF(0, row.y + row.height + 5, 2, self._painter.chip_height - 8)
        chip = self._painter.chip_rect(self._layout, row, last)
        return QRectF(chip.right() + 5, chip.top() + 3, 2, self._painter.chip_height - 6)

    def _toggle_caret(self) -> None:
        self._caret_on = not self._caret_on
        if self.isVisible():
            self.viewport().update(self._caret_rect().translated(self._origin()).toAlignedRect())

    def _set_hover(self, index: int) -> None:
        if index != self._hover:
            self._hover = index
            self.viewport().update()
            self.hovered.emit(index)

    def _mark(self, first: int, last: int) -> None:
        low, high = sorted((first, last))
        self._painter.selection = range(low, high + 1) if high > low else range(0)
        self.viewport().update()
        self.selected.emit(low, high + 1)

    def _move(self, event: QKeyEvent) -> bool:
        """Arrows, Home and End move the frame; with Shift they mark. False for any other key."""
        here = -1 if self._current is None else self._current
        steps = {
            Qt.Key.Key_Left: max(here - 1, 0),
            Qt.Key.Key_Right: here + 1,
            Qt.Key.Key_Up: self._beside(here, -1),
            Qt.Key.Key_Down: self._beside(here, 1),
            Qt.Key.Key_Home: 0,
            Qt.Key.Key_End: len(self._tokens) - 1,
        }
        if event.key() not in steps or not self._tokens:
            return False
        target = min(max(steps[Qt.Key(event.key())], 0), len(self._tokens) - 1)
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier and here >= 0:
            self._anchor = here if self._anchor is None else self._anchor
            self._mark(self._anchor, target)
        else:
            self._anchor = None
            self._painter.selection = range(0)
        self.set_current(target)
        self.clicked.emit(target)
        return True

    def _beside(self, index: int, lines: int) -> int:
        """The token nearest above or below token `index`."""
        if not 0 <= index < len(self._tokens):
            return 0
        target = min(max(self._layout.row_of(index) + lines, 0), len(self._layout.rows) - 1)
        row, x = self._layout.rows[target], self._token_rect(index).center().x()
        nearest = min(range(row.first, row.end), key=lambda piece: abs(self._layout.x[piece] - x))
        return self._layout.token[nearest]

    def _bring_into_view(self, index: int) -> None:
        row, bar = self._layout.rows[self._layout.row_of(index)], self.verticalScrollBar()
        if row.y < bar.value():
            bar.setValue(row.y)
        elif row.y + row.height + 2 * _MARGIN > bar.value() + self.viewport().height():
            bar.setValue(row.y + row.height + 2 * _MARGIN - self.viewport().height())
