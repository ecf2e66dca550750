"""The left rail: the rooms in the order of the craft, joined by a road that shows how far the work is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QHideEvent, QPainter, QPaintEvent, QPen, QShowEvent
from PySide6.QtWidgets import QButtonGroup, QVBoxLayout, QWidget

from app.theme import motion
from app.theme.icons import checked, paint_icon
from app.theme.palette import Palette, colors
from app.theme.type import font
from app.widgets.buttons import PaintedButton, key_words, paint_focus, shows_focus
from app.widgets.progress_ring import paint_ring

WIDTH = 84
MARKS = ("none", "done", "running", "paused", "failed")
_ROAD_X = 8.5
_FRAME_MS = 160
_SHARES = 30
_AIR = 3


@dataclass(frozen=True)
class Room:
    """One item. name: the page's module. on_road: it carries a mark, and the road passes it."""

    name: str
    title: str
    icon: str
    shortcut: str
    on_road: bool


class Rail(QWidget):
    """chosen(name) when a person picks a room. `mark` says how far each stage of the craft is."""

    chosen = Signal(str)

    def __init__(self, rooms: Sequence[Room], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedWidth(WIDTH)
        self.setAccessibleName("Rooms")
        self.rooms = list(rooms)
        self._marks: dict[str, str] = {}
        self._shares: dict[str, float | None] = {}
        self._turn = 0.0
        self._timer = QTimer(self)
        self._timer.setInterval(_FRAME_MS)
        self._timer.timeout.connect(self._advance)
        self._group = QButtonGroup(self)
        self._items: dict[str, _Item] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(18, 8, 5, 8)
        layout.setSpacing(2)
        past_road = False
        for room in self.rooms:
            if past_road and not room.on_road:
                layout.addSpacing(9)
            past_road = room.on_road
            item = _Item(room)
            self._group.addButton(item)
            self._items[room.name] = item
            layout.addWidget(item)
        layout.addStretch(1)
        self._group.buttonToggled.connect(self._on_toggled)

    def choose(self, name: str) -> None:
        """Lights the item without emitting `chosen`."""
        if name in self._items:
            blocked = self._group.blockSignals(True)
            self._items[name].setChecked(True)
            self._group.blockSignals(blocked)

    def mark(self, name: str, kind: str, share: float | None = None) -> None:
        """kind: one of MARKS. share: of the ring while it runs, None when it is not known. Rooms off the road take
        no mark."""
        seen = None if share is None else round(share * _SHARES) / _SHARES
        if (self._marks.get(name, "none"), self._shares.get(name)) != (kind, seen):
            self._marks[name], self._shares[name] = kind, seen
            self._keep_time()
            self.update(0, 0, 18, self.height())
            item = self._items[name]
            item.setAccessibleDescription({"none": "", "done": "done"}.get(kind, kind))

    def marks(self) -> dict[str, str]:
        return {room.name: self._marks.get(room.name, "none") for room in self.rooms if room.on_road}

    def item(self, name: str) -> PaintedButton:
        return self._items[name]

    def _on_toggled(self, button: PaintedButton, on: bool) -> None:
        if on:
            self.chosen.emit(next(name for name, item in self._items.items() if item is button))

    def showEvent(self, event: QShowEvent) -> None:
        self._keep_time()

    def hideEvent(self, event: QHideEvent) -> None:
        self._timer.stop()

    def _keep_time(self) -> None:
        turning = any(kind == "running" and self._shares.get(name) is None for name, kind in self._marks.items())
        moving = turning and self.isVisible() and not motion.is_reduced()
        if moving and not self._timer.isActive():
            self._timer.start()
        elif not moving:
            self._timer.stop()

    def _advance(self) -> None:
        self._turn = (self._turn + _FRAME_MS / 1600) % 1.0
        if motion.is_reduced():
            self._timer.stop()
        for name, kind in self._marks.items():
            if kind == "running" and self._shares.get(name) is None:
                self.update(self._mark_rect(name).toAlignedRect().adjusted(-1, -1, 1, 1))

    def _mark_rect(self, name: str) -> QRectF:
        item: QRect = self._items[name].geometry()
        return QRectF(_ROAD_X - 4.5, item.center().y() - 5.5, 9, 9)

    def paintEvent(self, event: QPaintEvent) -> None:
        p = colors(self)
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(p.surface))
        painter.fillRect(self.width() - 1, 0, 1, self.height(), QColor(p.hairline))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        road = [room.name for room in self.rooms if room.on_road]
        if len(road) > 1:
            painter.setPen(QPen(QColor(p.border), 1))
            ends = [self._mark_rect(name).center().y() for name in (road[0], road[-1])]
            painter.drawLine(QPointF(_ROAD_X, ends[0]), QPointF(_ROAD_X, ends[1]))
        for name in road:
            self._paint_mark(painter, name, p)

    def _paint_mark(self, painter: QPainter, name: str, p: Palette) -> None:
        rect, kind, share = self._mark_rect(name), self._marks.get(name, "none"), self._shares.get(name)
        centre = rect.center()
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(p.surface))
        painter.drawEllipse(centre, 6.5, 6.5)
        if kind == "running":
            part, turn = (0.7, self._turn) if share is None else (max(share, 0.06), 0.0)
            paint_ring(painter, rect, part, turn, p.accent, p.raised, 2.0)
        elif kind == "none":
            painter.setPen(QPen(QColor(p.border), 1))
            painter.drawEllipse(centre, 2.5, 2.5)
        else:
            color = {"done": p.ok, "paused": p.warning, "failed": p.danger}[kind]
            painter.setBrush(QColor(color))
            painter.drawEllipse(centre, 3.5, 3.5)


class _Item(PaintedButton):
    def __init__(self, room: Room) -> None:
        super().__init__()
        self._icon = checked(room.icon)
        self.setText(room.title)
        self.setAccessibleName(room.title)
        self.setToolTip(f"{room.title}  {key_words(room.shortcut)}" if room.shortcut else room.title)
        self.setCheckable(True)
        self.setFixedSize(61, 58)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def sizeHint(self) -> QSize:
        return QSize(61, 58)

    def paintEvent(self, event: QPaintEvent) -> None:
        p = colors(self)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.isChecked() or self.underMouse():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(p.soft_accent if self.isChecked() else p.raised))
            painter.drawRoundedRect(QRectF(self.rect()), 6, 6)
        ink = p.accent if self.isChecked() else p.text if self.underMouse() else p.muted
        paint_icon(painter, QRectF(20.5, 10, 20, 20), self._icon, ink)
        face = font(11, weight=500 if self.isChecked() else 400)
        if QFontMetricsF(face).horizontalAdvance(self.text()) > 61 - 2 * _AIR:
            face.setPixelSize(10)
        painter.setFont(face)
        painter.setPen(QColor(ink))
        painter.drawText(QRectF(0, 33, 61, 16), Qt.AlignmentFlag.AlignCenter, self.text())
        if shows_focus(self):
            paint_focus(painter, QRectF(self.rect()), p.accent)
