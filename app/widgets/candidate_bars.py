"""What may come next, a row for each candidate: hollow as the model gave it, filled as it is drawn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFontMetricsF,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app.theme.palette import Palette, colors, mix
from app.theme.type import font

ROW = 29
HEAD = 20
_LINE = 22
_SCALES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0)
_NUMBERS = 116


@dataclass(frozen=True, slots=True)
class BarRow:
    """text: as it is shown ("␣baker"). before, after: probabilities, 0 to 1.
    excluded: the filter that ruled it out, "" for a token that may be drawn. note: words beside the bar."""

    token_id: int
    text: str
    before: float
    after: float
    excluded: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Cut:
    """The line below the last token that is kept. left: which filter ("top-p 0.92"). right: what it did."""

    left: str
    right: str


@dataclass(frozen=True, slots=True)
class _Place:
    row: BarRow | None
    top: float


class CandidateBars(QWidget):
    """chosen(token_id): a bar was clicked, or Enter pressed on it. Kept tokens stand above the cut, excluded below."""

    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: tuple[BarRow, ...] = ()
        self._cut: Cut | None = None
        self._picked: int | None = None
        self._hover: int | None = None
        self._places: list[_Place] = []
        self._name_width = 70.0
        self._placeholder = ""
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Candidates for the next token")

    def show_rows(self, rows: Sequence[BarRow], cut: Cut | None = None, picked: int | None = None) -> None:
        """rows: likeliest first. picked: id of the token that was drawn. As many rows are shown as fit."""
        self._rows, self._cut, self._picked = tuple(rows), cut, picked
        self.setAccessibleDescription(
            "; ".join(f"{row.text} {100 * row.before:.1f}% then {100 * row.after:.1f}%" for row in rows[:5])
        )
        self._place()

    def set_placeholder(self, words: str) -> None:
        """What stands here while there are no rows."""
        self._placeholder = words
        self.update()

    @property
    def rows(self) -> tuple[BarRow, ...]:
        return self._rows

    def sizeHint(self) -> QSize:
        return QSize(480, HEAD + 11 * ROW + _LINE)

    def minimumSizeHint(self) -> QSize:
        return QSize(300, HEAD + 4 * ROW)

    def visible_rows(self) -> list[BarRow]:
        """From top to bottom, as many as fit."""
        return [place.row for place in self._places if place.row is not None]

    def row_rect(self, token_id: int) -> QRectF:
        """Where the row of a token stands; empty when it is not shown."""
        for place in self._places:
            if place.row is not None and place.row.token_id == token_id:
                return QRectF(0, place.top, self.width(), ROW)
        return QRectF()

    def _place(self) -> None:
        """Kept rows, the cut, excluded rows; the last ones go when the height does not hold them all."""
        kept = [row for row in self._rows if not row.excluded]
        rest = [row for row in self._rows if row.excluded]
        room = int((self.height() - HEAD - (_LINE if self._cut else 0)) / ROW)
        kept = _shortened(kept, max(room - min(len(rest), 2), 1), self._picked)
        rest = rest[: max(room - len(kept), 0)]
        self._places, top = [], float(HEAD)
        for row in kept:
            self._places.append(_Place(row, top))
            top += ROW
        if self._cut:
            self._places.append(_Place(None, top))
            top += _LINE
        for row in rest:
            self._places.append(_Place(row, top))
            top += ROW
        metrics = QFontMetricsF(font(13, fixed=True))
        widest = max((metrics.horizontalAdvance(row.text) for row in self.visible_rows()), default=0.0)
        self._name_width = min(max(widest + 16, 86.0), 200.0, self.width() * 0.3)
        self.update()

    def _scale(self) -> float:
        """The share that fills the width; it moves in steps, so that a slider does not make the bars breathe."""
        highest = max((max(row.before, row.after) for row in self.visible_rows()), default=1.0)
        return next((scale for scale in _SCALES if scale >= highest), 1.0)

    def paintEvent(self, event: QPaintEvent) -> None:
        palette = colors(self)
        painter = QPainter(self)
        if not self._rows:
            painter.setFont(font(13))
            painter.setPen(QColor(palette.muted))
            words = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(self.rect().adjusted(40, 0, -40, -HEAD), words, self._placeholder)
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_head(painter, palette)
        length = max(self.width() - self._name_width - _NUMBERS - 8, 20.0) / self._scale()
        for place in self._places:
            if place.row is None:
                self._paint_cut(painter, palette, place.top)
            else:
                self._paint_row(painter, palette, place.row, place.top, length)

    def _paint_head(self, painter: QPainter, palette: Palette) -> None:
        painter.setFont(font(11))
        painter.setPen(QColor(palette.muted))
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop
        painter.drawText(QRectF(self.width() - _NUMBERS, 0, 66, HEAD), right, "before %")
        painter.drawText(QRectF(self.width() - 50, 0, 50, HEAD), right, "after %")

    def _paint_row(self, painter: QPainter, palette: Palette, row: BarRow, top: float, length: float) -> None:
        picked = row.token_id == self._picked
        if picked or row.token_id == self._hover:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(palette.soft_accent if picked else palette.raised))
            painter.drawRoundedRect(QRectF(-8, top, self.width() + 16, ROW), 4, 4)
        if row.token_id == self._hover and self.hasFocus():
            painter.setPen(QPen(QColor(palette.accent), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QRectF(1, top + 1, self.width() - 2, ROW - 2), 4, 4)
        self._paint_name(painter, palette, row, top, picked)
        end = self._paint_bars(painter, palette, row, top, length, picked)
        self._paint_note(painter, palette, row, top, end, picked)
        self._paint_numbers(painter, palette, row, top, picked)

    def _paint_name(self, painter: QPainter, palette: Palette, row: BarRow, top: float, picked: bool) -> None:
        chosen = font(13, fixed=True, weight=600 if picked else 400)
        chosen.setStrikeOut(bool(row.excluded))
        painter.setFont(chosen)
        painter.setPen(QColor(palette.accent if picked else palette.muted if row.excluded else palette.text))
        text = QFontMetricsF(chosen).elidedText(row.text, Qt.TextElideMode.ElideRight, self._name_width - 6)
        painter.drawText(QRectF(0, top, self._name_width, ROW), Qt.AlignmentFlag.AlignVCenter, text)

    def _paint_bars(
        self, painter: QPainter, palette: Palette, row: BarRow, top: float, length: float, picked: bool
    ) -> float:
        """The two bars; where the longer one ends."""
        x, border = self._name_width, QColor(palette.border)
        before = QRectF(x + 0.5, top + 6.5, max(row.before * length - 1, 2), 6)
        painter.setPen(QPen(border, 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(before, 1.5, 1.5)
        if row.excluded:
            painter.setPen(QPen(border, 1, Qt.PenStyle.CustomDashLine))
            pen = painter.pen()
            pen.setDashPattern([2, 2])
            painter.setPen(pen)
            painter.drawRect(before.translated(0, 8).adjusted(0, 0, -before.width() * 0.25, 1))
            return before.right()
        after = QRectF(x, top + 15, max(row.after * length, 1.5), 9)
        fill = QColor(palette.accent) if picked else mix(palette.focused, palette.surface, 0.72)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(fill)
        painter.drawRoundedRect(after, 1.5, 1.5)
        return max(before.right(), after.right())

    def _paint_note(
        self, painter: QPainter, palette: Palette, row: BarRow, top: float, end: float, picked: bool
    ) -> None:
        note = row.note or (f"outside {row.excluded}" if row.excluded else "")
        room = self.width() - _NUMBERS - end - 16
        if not note or room < 40:
            return
        painter.setFont(font(11))
        painter.setPen(QColor(palette.accent if picked else palette.muted))
        shown = QFontMetricsF(font(11)).elidedText(note, Qt.TextElideMode.ElideRight, room)
        middle = 0 if row.excluded else 5
        painter.drawText(QRectF(end + 10, top + middle, room, ROW), Qt.AlignmentFlag.AlignVCenter, shown)

    def _paint_numbers(self, painter: QPainter, palette: Palette, row: BarRow, top: float, picked: bool) -> None:
        side = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        painter.setFont(font(13))
        painter.setPen(QColor(palette.muted))
        painter.drawText(QRectF(self.width() - _NUMBERS, top, 66, ROW), side, percent(row.before))
        if not row.excluded:
            painter.setFont(font(13, weight=600))
            painter.setPen(QColor(palette.accent if picked else palette.text))
        painter.drawText(QRectF(self.width() - 50, top, 50, ROW), side, "0" if row.excluded else percent(row.after))

    def _paint_cut(self, painter: QPainter, palette: Palette, top: float) -> None:
        assert self._cut is not None
        metrics, y = QFontMetricsF(font(11)), top + _LINE / 2
        painter.setFont(font(11))
        painter.setPen(QColor(palette.warning))
        box = QRectF(0, top, self.width(), _LINE)
        painter.drawText(box, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, self._cut.left)
        painter.drawText(box, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, self._cut.right)
        start = metrics.horizontalAdvance(self._cut.left) + 8
        end = self.width() - metrics.horizontalAdvance(self._cut.right) - 10
        pen = QPen(QColor(palette.warning), 1)
        pen.setDashPattern([4, 3])
        painter.setPen(pen)
        if end > start:
            painter.drawLine(QPointF(start, y + 0.5), QPointF(end, y + 0.5))

    def _row_at(self, y: float) -> BarRow | None:
        for place in self._places:
            if place.row is not None and place.top <= y < place.top + ROW:
                return place.row
        return None

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            row = self._row_at(event.pos().y())
            words = f"Continue with {row.text} from here" if row else ""
            QToolTip.showText(event.globalPos(), words, self)
            return True
        return super().event(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        row = self._row_at(event.position().y())
        self._set_hover(row.token_id if row else None)
        self.setCursor(Qt.CursorShape.PointingHandCursor if row else Qt.CursorShape.ArrowCursor)

    def leaveEvent(self, event: QEvent) -> None:
        self._set_hover(None)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        row = self._row_at(event.position().y())
        inside = self.rect().contains(event.position().toPoint())
        if row is not None and inside and event.button() == Qt.MouseButton.LeftButton:
            self.chosen.emit(row.token_id)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        ids = [row.token_id for row in self.visible_rows()]
        step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(Qt.Key(event.key()))
        if step and ids:
            here = ids.index(self._hover) if self._hover in ids else (-1 if step > 0 else len(ids))
            self._set_hover(ids[min(max(here + step, 0), len(ids) - 1)])
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._hover in ids:
            assert self._hover is not None
            self.chosen.emit(self._hover)
        else:
            super().keyPressEvent(event)

    def _set_hover(self, token_id: int | None) -> None:
        if token_id != self._hover:
            self._hover = token_id
            self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._place()


def percent(share: float) -> str:
    """A probability as a percentage with one decimal; what is not zero is never shown as zero."""
    return "<0.1" if 0 < share < 0.0005 else f"{100 * share:.1f}"


def _shortened(rows: list[BarRow], room: int, picked: int | None) -> list[BarRow]:
    """The first `room` rows; the picked one takes the last place when it stands further down."""
    shown = rows[:room]
    later = next((row for row in rows[room:] if row.token_id == picked), None)
    return [*shown[:-1], later] if later is not None else shown
