"""A view that scrolls over tokens: what is in sight is laid out at once, the rest a little at a time."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, QSize, Qt, QTimer
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QAbstractScrollArea, QFrame, QSizePolicy, QWidget

from app.widgets.token_view_colour import TokenChip
from app.widgets.token_view_layout import STRETCH, Row, TokenLayout
from app.widgets.token_view_paint import TokenPainter
from app.widgets.token_view_pieces import NEWLINE_MARK
from app.widgets.token_view_tokens import ChipRun, Run

MARGIN = 3
_LATER_SECONDS = 0.008
_SLOW_TOKENS, _RESIZE_MS = 50_000, 60


class TokenScroll(QAbstractScrollArea):
    """The geometry of a token view. The scroll bar estimates what has not been laid out yet."""

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
        self._tokens: Run = ChipRun()
        self._layout = TokenLayout(self._painter.measures(), 400)
        self._scrolling = True
        self._later = QTimer(self, interval=0)
        self._later.timeout.connect(self._go_on)
        self._resized = QTimer(self, singleShot=True, interval=_RESIZE_MS)
        self._resized.timeout.connect(self._lay_out_again)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.verticalScrollBar().setSingleStep(line_height)

    @property
    def tokens(self) -> Sequence[TokenChip]:
        return self._tokens

    @property
    def is_complete(self) -> bool:
        """Whether every line has its place; until then the scroll bar estimates."""
        return self._layout.done >= len(self._tokens)

    def follow(self) -> None:
        """Brings the end into view; what is appended keeps it there until a person scrolls away from it."""
        self._reach(math.inf)
        bar = self.verticalScrollBar()
        bar.setValue(bar.maximum())

    def set_scrolling(self, scrolling: bool) -> None:
        """Without scrolling the view asks for the height of its whole text."""
        if scrolling == self._scrolling and self._layout.row_count:
            return
        self._scrolling = scrolling
        policy = Qt.ScrollBarPolicy.ScrollBarAsNeeded if scrolling else Qt.ScrollBarPolicy.ScrollBarAlwaysOff
        self.setVerticalScrollBarPolicy(policy)
        vertical = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        if not scrolling:
            vertical.setVerticalPolicy(QSizePolicy.Policy.Minimum)
            vertical.setHeightForWidth(True)
        self.setSizePolicy(vertical)
        self.updateGeometry()
        self._lay_out(len(self._tokens))

    def content_height(self, width: int) -> int:
        """Height in pixels of the whole text in a view `width` wide."""
        if abs(self._text_width(width) - self._layout.width) < 1 and self.is_complete:
            return self._layout.height + 2 * MARGIN
        layout = self._new_layout(self._text_width(width))
        layout.extend(self._tokens)
        return layout.height + 2 * MARGIN

    def hasHeightForWidth(self) -> bool:
        return not self._scrolling

    def heightForWidth(self, width: int) -> int:
        return self.content_height(width)

    def sizeHint(self) -> QSize:
        return QSize(400, 120 if self._scrolling else self.content_height(max(self.width(), 200)))

    def minimumSizeHint(self) -> QSize:
        """A view that does not scroll may be as low as one line."""
        least = super().minimumSizeHint()
        return least if self._scrolling else QSize(least.width(), self._painter.measures().line_height + 2 * MARGIN)

    def token_rect(self, index: int) -> QRect:
        """Where token `index` stands, in viewport coordinates; empty when there is no such token, or no line yet."""
        return self._token_rect(index).translated(self._origin()).toAlignedRect()

    def index_at(self, position: QPoint) -> int:
        """The token at a place of the viewport, -1 where none is."""
        point = QPointF(position) - self._origin()
        if not self._layout.row_count or not 0 <= point.y() < self._layout.height:
            return -1
        row = self._layout.row(self._layout.row_at(point.y()))
        for piece in self._layout.pieces_of(row):
            if piece.x <= point.x() < piece.x + piece.width + 1:
                cells = self._layout.cells(piece, self._tokens) if piece.box else ()
                inside = (token for token, left, width in cells if left <= point.x() < left + width + 1)
                return next(inside, piece.token)
        return -1

    def resizeEvent(self, event: QResizeEvent) -> None:
        """A long text keeps its lines until the edge of the window rests."""
        super().resizeEvent(event)
        if self._scrolling and len(self._tokens) > _SLOW_TOKENS and self._layout.row_count:
            self._set_range()
            self._resized.start()
        else:
            self._lay_out(0)

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        self.viewport().scroll(dx, dy)

    def _new_layout(self, width: float) -> TokenLayout:
        return TokenLayout(self._painter.measures(), width, as_bytes=self._painter.as_bytes)

    def _lay_out(self, start: int) -> None:
        """Sets the lines again from token `start` on; all of them when the width changed."""
        width = self._text_width(self.viewport().width())
        if abs(width - self._layout.width) >= 1 and width > 40:
            self._layout = self._new_layout(width)
        self._layout.cut(start)
        self._reach(self.verticalScrollBar().value() + 2 * self.viewport().height())
        if not self._scrolling:
            self.updateGeometry()
        self.viewport().update()

    def _lay_out_again(self) -> None:
        """All lines anew, with the token at the top of the view where it was."""
        bar = self.verticalScrollBar()
        top = self._layout.first_token(self._layout.row_at(bar.value())) if self._layout.row_count else 0
        self._layout = self._new_layout(self._layout.width)
        self._lay_out(0)
        self._reach_token(top)
        if top < self._layout.settled:
            bar.setValue(self._layout.row(self._layout.row_of(top)).y)

    def _reach(self, y: float) -> None:
        """Lays out at least as far as height y, and all of it where nothing scrolls or it is short."""
        total = len(self._tokens)
        while not self.is_complete and (self._layout.height < y or not self._scrolling or total <= STRETCH):
            self._layout.extend(self._tokens, self._layout.done + STRETCH)
        self._set_range()

    def _reach_token(self, index: int) -> None:
        while not self.is_complete and self._layout.settled <= index:
            self._layout.extend(self._tokens, self._layout.done + STRETCH)
        self._set_range()

    def _go_on(self) -> None:
        until = time.perf_counter() + _LATER_SECONDS
        while not self.is_complete and time.perf_counter() < until:
            self._layout.extend(self._tokens, self._layout.done + STRETCH)
        self._set_range()
        self.viewport().update()

    def _set_range(self) -> None:
        bar, page, height = self.verticalScrollBar(), self.viewport().height(), self._layout.height
        if self.is_complete:
            self._later.stop()
        else:
            height = max(height, round(height * len(self._tokens) / max(self._layout.settled, 1)))
            self._later.start()
        bar.setPageStep(page)
        bar.setRange(0, max(height + 2 * MARGIN - page, 0) if self._scrolling else 0)

    def _text_width(self, width: int) -> float:
        return width - 2 * MARGIN

    def _origin(self) -> QPointF:
        return QPointF(MARGIN, MARGIN - self.verticalScrollBar().value())

    def _rows_in(self, rect: QRect) -> range:
        if not self._layout.row_count:
            return range(0)
        top = self._origin().y()
        return range(self._layout.row_at(rect.top() - top), self._layout.row_at(rect.bottom() - top) + 1)

    def _row_of(self, token: int) -> Row:
        return self._layout.row(self._layout.row_of(token))

    def _token_rect(self, index: int) -> QRectF:
        """In the layout's coordinates; of a split character the token's own bytes."""
        if not 0 <= index < self._layout.settled:
            return QRectF()
        row, piece = self._row_of(index), self._layout.piece(self._layout.piece_of(index))
        if piece.box:
            return dict(self._painter.cell_rects(self._layout, self._tokens, row, piece))[index]
        return self._painter.chip_rect(row, piece)

    def _caret_rect(self) -> QRectF:
        """Behind the last token, where a caret blinks while text is written."""
        if not self._layout.row_count:
            return QRectF(0, 5, 2, self._painter.chip_height - 4)
        row = self._layout.row(self._layout.row_count - 1)
        last = self._layout.piece(row.end - 1)
        if last.text.endswith(NEWLINE_MARK):
            return QRectF(0, row.y + row.height + 5, 2, self._painter.chip_height - 8)
        chip = self._painter.chip_rect(row, last)
        return QRectF(chip.right() + 5, chip.top() + 3, 2, self._painter.chip_height - 6)

    def _beside(self, index: int, lines: int) -> int:
        """The token nearest above or below token `index`."""
        if not 0 <= index < self._layout.settled:
            return 0
        target = min(max(self._layout.row_of(index) + lines, 0), self._layout.row_count - 1)
        x = self._token_rect(index).center().x()
        return min(self._layout.pieces_of(self._layout.row(target)), key=lambda piece: abs(piece.x - x)).token

    def _bring_into_view(self, index: int) -> None:
        self._reach_token(index)
        row, bar = self._row_of(index), self.verticalScrollBar()
        if row.y < bar.value():
            bar.setValue(row.y)
        elif row.y + row.height + 2 * MARGIN > bar.value() + self.viewport().height():
            bar.setValue(row.y + row.height + 2 * MARGIN - self.viewport().height())
