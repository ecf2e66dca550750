"""The card below a token: its number, its bytes, when it was learned, how often it is used."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from app.theme.palette import colors
from app.theme.type import font

WIDTH, BELOW = 300, 10
_NUB, _SIDE, _LINE_BYTES, _HEAD = 7, 15, 12, 40
_HEX, _HEX_WIDTH = "hex", 34
_MOST_BYTES = 3 * _LINE_BYTES
_MIDDLE = Qt.AlignmentFlag.AlignVCenter


@dataclass(frozen=True)
class CardText:
    """title: the token with its spaces made visible. data: its bytes. learned: what it is called, and the value.
    more: what else is known of it, in the same way."""

    title: str
    token_id: int
    data: bytes
    learned: tuple[str, str]
    more: tuple[tuple[str, str], ...] = ()

    def pairs(self) -> list[tuple[str, str]]:
        """What is told below the bytes, two beside each other."""
        size = ("bytes", f"{len(self.data):,}") if self.data else ("bytes", "none")
        return [self.learned, size, *self.more]

    def byte_lines(self) -> list[str]:
        """In hexadecimal; three lines at most."""
        data = self.data[:_MOST_BYTES]
        lines = [data[at : at + _LINE_BYTES].hex(" ").upper() for at in range(0, len(data), _LINE_BYTES)]
        if len(self.data) > _MOST_BYTES:
            lines[-1] += " …"
        return lines


class TokenCard(QWidget):
    """300 px wide, 10 px below the token, above it where there is no room below. The pointer passes through it."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._room = parent
        self.text: CardText | None = None
        self._nub_x = WIDTH / 2
        self._above = False
        self.hide()

    def show_at(self, text: CardText, token: QRect) -> None:
        """token: in the coordinates of the parent."""
        self.text = text
        room = self._room.rect()
        height = _HEAD + 18 * (len(text.byte_lines()) + (len(text.pairs()) + 1) // 2) + 18
        self._above = token.bottom() + BELOW + height > room.bottom()
        top = token.top() - BELOW - height if self._above else token.bottom() + BELOW - _NUB
        left = min(max(token.center().x() - WIDTH // 2, 0), max(room.width() - WIDTH, 0))
        self._nub_x = min(max(float(token.center().x() - left), 16.0), WIDTH - 16.0)
        self.setGeometry(left, top, WIDTH, height + _NUB)
        self.setAccessibleName(f"{text.title}, id {text.token_id}")
        self.show()
        self.raise_()
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        if self.text is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        p = colors(self)
        painter.setPen(QPen(QColor(p.border), 1))
        painter.setBrush(QColor(p.raised))
        painter.drawPath(self._shape())
        painter.translate(0, 0 if self._above else _NUB)
        self._paint_head(painter, self.text)
        y = float(_HEAD)
        painter.setFont(font(11))
        painter.setPen(QColor(p.muted))
        painter.drawText(QRectF(_SIDE, y, _HEX_WIDTH, 18), _MIDDLE, _HEX)
        painter.setFont(font(11, fixed=True))
        for line in self.text.byte_lines():
            painter.drawText(QRectF(_SIDE + _HEX_WIDTH, y, WIDTH - 2 * _SIDE - _HEX_WIDTH, 18), _MIDDLE, line)
            y += 18
        for at, pair in enumerate(self.text.pairs()):
            left, width = (181, WIDTH - _SIDE - 181) if at % 2 else (_SIDE, 142)
            self._paint_pair(painter, *pair, QRectF(left, y + 6 + 18 * (at // 2), width, 18))

    def _shape(self) -> QPainterPath:
        body, nub = QPainterPath(), QPainterPath()
        top = 0.5 if self._above else _NUB + 0.5
        body.addRoundedRect(QRectF(0.5, top, WIDTH - 1, self.height() - _NUB - 1), 6, 6)
        edge, tip = (self.height() - _NUB - 1.0, self.height() - 0.5) if self._above else (_NUB + 1.0, 0.5)
        nub.moveTo(QPointF(self._nub_x - _NUB, edge))
        nub.lineTo(self._nub_x, tip)
        nub.lineTo(self._nub_x + _NUB, edge)
        nub.closeSubpath()
        return body.united(nub)

    def _paint_head(self, painter: QPainter, text: CardText) -> None:
        p = colors(self)
        number, right = f"{text.token_id:,}", WIDTH - _SIDE
        wide = QFontMetricsF(font(20)).horizontalAdvance(number)
        painter.setFont(font(20))
        painter.setPen(QColor(p.text))
        painter.drawText(QRectF(right - wide, 8, wide + 1, 30), _MIDDLE, number)
        painter.setFont(font(11))
        painter.setPen(QColor(p.muted))
        painter.drawText(QRectF(right - wide - 20, 11, 14, 28), _MIDDLE, "id")
        face, room = font(15, fixed=True), right - wide - 30 - _SIDE
        painter.setFont(face)
        painter.setPen(QColor(p.text))
        title = QFontMetricsF(face).elidedText(text.title, Qt.TextElideMode.ElideRight, room)
        painter.drawText(QRectF(_SIDE, 8, room, 30), _MIDDLE, title)

    def _paint_pair(self, painter: QPainter, key: str, value: str, box: QRectF) -> None:
        p = colors(self)
        painter.setFont(font(11))
        painter.setPen(QColor(p.muted))
        painter.drawText(box, _MIDDLE, key)
        painter.setPen(QColor(p.text))
        painter.drawText(box, _MIDDLE | Qt.AlignmentFlag.AlignRight, value)
