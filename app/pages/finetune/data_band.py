"""One band as long as all that was read: what is trained on, what is held out, what fell away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.theme.palette import Palette, colors, mix
from app.theme.type import font

_BAND, _TOP, _LEAST = 22.0, 0.0, 3.0
HEIGHT = 62


@dataclass(frozen=True)
class Share:
    """kind: "train", "held_out", "duplicates", "rejected" or "drafts": each looks different in more than hue."""

    kind: str
    name: str
    count: int


class Band(QWidget):
    """hovered(Share), None when the pointer left; clicked(kind). Width is conversations; a few still get 3 px."""

    hovered = Signal(object)
    clicked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shares: tuple[Share, ...] = ()
        self._hover = ""
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    @property
    def total(self) -> int:
        return sum(share.count for share in self._shares)

    def show_shares(self, shares: Sequence[Share]) -> None:
        self._shares = tuple(share for share in shares if share.count)
        self.setAccessibleName(", ".join(f"{share.name} {share.count:,}" for share in self._shares))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(300, HEIGHT)

    def boxes(self) -> list[tuple[Share, QRectF]]:
        total = sum(share.count for share in self._shares)
        if not total:
            return []
        room = self.width() - 2.0 * (len(self._shares) - 1)
        widths = [max(share.count / total * room, _LEAST) for share in self._shares]
        over = sum(widths) - room
        widths[widths.index(max(widths))] -= over
        found, x = [], 0.0
        for share, width in zip(self._shares, widths, strict=True):
            found.append((share, QRectF(x, _TOP, width, _BAND)))
            x += width + 2
        return found

    def paintEvent(self, event: QPaintEvent) -> None:
        p, painter = colors(self), QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        boxes = self.boxes()
        if not boxes:
            painter.setPen(QPen(QColor(p.border), 1, Qt.PenStyle.DashLine))
            painter.drawRoundedRect(QRectF(0.5, _TOP + 0.5, self.width() - 1, _BAND - 1), 4, 4)
            return
        for share, box in boxes:
            _paint_share(painter, share, box, p, lit=share.kind == self._hover)
        self._paint_names(painter, boxes, p)

    def _paint_names(self, painter: QPainter, boxes: Sequence[tuple[Share, QRectF]], p: Palette) -> None:
        """Under its part where there is room; those pushed together move to the left, never over each other."""
        total = sum(share.count for share, _ in boxes)
        right = float(self.width())
        for share, box in reversed(boxes):
            figures = f"{share.count:,}"
            name = f"{share.name}  {share.count / total:.0%}" if share.count / total >= 0.01 else share.name
            wide = max(
                QFontMetricsF(font(13, weight=500)).horizontalAdvance(figures),
                QFontMetricsF(font(11)).horizontalAdvance(name),
            )
            left = max(min(box.left(), right - wide), 0.0)
            right = left - 14
            ink = {"rejected": p.danger, "duplicates": p.warning, "drafts": p.warning}.get(share.kind, p.text)
            painter.setFont(font(13, weight=500))
            painter.setPen(QColor(ink))
            painter.drawText(QPointF(left, _TOP + _BAND + 17), figures)
            painter.setFont(font(11))
            painter.setPen(QColor(p.muted))
            painter.drawText(QPointF(left, _TOP + _BAND + 33), name)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._set_hover(self._kind_at(event.position()))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        kind = self._kind_at(event.position())
        if kind:
            self.clicked.emit(kind)

    def leaveEvent(self, event: QEvent) -> None:
        self._set_hover("")
        super().leaveEvent(event)

    def _kind_at(self, point: QPointF) -> str:
        return next((share.kind for share, box in self.boxes() if box.adjusted(-1, 0, 1, 0).contains(point)), "")

    def _set_hover(self, kind: str) -> None:
        if kind != self._hover:
            self._hover = kind
            self.hovered.emit(next((share for share in self._shares if share.kind == kind), None))
            self.update()


def _paint_share(painter: QPainter, share: Share, box: QRectF, p: Palette, *, lit: bool) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    if share.kind == "train":
        painter.setBrush(mix(p.accent, p.surface, 0.9 if lit else 0.72))
    elif share.kind == "held_out":
        painter.setBrush(QColor(p.soft_accent))
        painter.setPen(QPen(QColor(p.accent), 1.5, Qt.PenStyle.DashLine))
        box = box.adjusted(0.75, 0.75, -0.75, -0.75)
    else:
        soft, edge = (p.soft_danger, p.danger) if share.kind == "rejected" else (p.soft_warning, p.warning)
        painter.setBrush(QColor(soft))
        painter.setPen(QPen(QColor(edge), 1.5 if lit else 1))
        box = box.adjusted(0.5, 0.5, -0.5, -0.5)
    painter.drawRoundedRect(box, min(4.0, box.width() / 2), 4)
