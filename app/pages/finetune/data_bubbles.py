"""A conversation as one reads it: who said what, from above to below."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetricsF,
    QGuiApplication,
    QKeyEvent,
    QKeySequence,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QTextLayout,
    QTextOption,
)
from PySide6.QtWidgets import QAbstractScrollArea, QFrame, QWidget

from app.theme.palette import Palette, colors
from app.theme.type import font
from engine.corpus.conversation import Message

MOST_CHARACTERS = 20_000
_SIDE, _PAD, _GAP, _NAME = 16.0, 12.0, 12.0, 18.0
_WIDEST, _SHARE = 620.0, 0.86
_RADIUS = 8.0


@dataclass(frozen=True)
class _Bubble:
    """One message, laid out: its box in the coordinates of the whole conversation."""

    role: str
    name: str
    layout: QTextLayout
    box: QRectF


class Bubbles(QAbstractScrollArea):
    """User at the right, assistant at the left; the system's words above all, a tool's in the fixed font.

    Only what is in view is painted. Ctrl+C copies the conversation as text.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._messages: tuple[Message, ...] = ()
        self._accept: tuple[str, ...] = ()
        self._bubbles: list[_Bubble] = []
        self._height = 0.0
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.viewport().setAutoFillBackground(False)
        self.setAccessibleName("Conversation")
        self.verticalScrollBar().setSingleStep(24)

    def show_messages(self, messages: Sequence[Message], accept: Sequence[str] = ()) -> None:
        """accept: other texts of the last answer that count as right, told below it."""
        self._messages, self._accept = tuple(messages), tuple(accept)
        self.setAccessibleDescription(self.text())
        self._lay_out()
        self.verticalScrollBar().setValue(0)

    def text(self) -> str:
        """As it is copied: a line of the role, then what was said."""
        return "\n\n".join(f"{message.role}\n{said(message)}" for message in self._messages)

    def sizeHint(self) -> QSize:
        return QSize(400, 300)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._lay_out()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            QGuiApplication.clipboard().setText(self.text())
        else:
            super().keyPressEvent(event)

    def _lay_out(self) -> None:
        self._bubbles, top = [], 0.0
        room = float(self.viewport().width())
        for message in self._messages:
            bubble = _placed(message, top, room)
            self._bubbles.append(bubble)
            top = bubble.box.bottom() + _GAP
        self._height = top + (self._accept_height(room) if self._accept else 0)
        bar = self.verticalScrollBar()
        bar.setPageStep(self.viewport().height())
        bar.setRange(0, max(round(self._height) - self.viewport().height(), 0))
        self.viewport().update()

    def paintEvent(self, event: QPaintEvent) -> None:
        p, painter = colors(self), QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.translate(0, -self.verticalScrollBar().value())
        seen = QRectF(event.rect()).translated(0, self.verticalScrollBar().value())
        for bubble in self._bubbles:
            if bubble.box.adjusted(0, -_NAME, 0, 0).intersects(seen):
                _paint(painter, bubble, p)
        if self._accept:
            self._paint_accept(painter, p)

    def _accept_words(self) -> str:
        return "Also right: " + ", ".join(f"“{text}”" for text in self._accept)

    def _accept_box(self, room: float) -> QRectF:
        top = self._bubbles[-1].box.bottom() + 6 if self._bubbles else 0.0
        return QRectF(4, top, min(room - 8, _WIDEST), 1e5)

    def _accept_height(self, room: float) -> float:
        flags = Qt.TextFlag.TextWordWrap
        return QFontMetricsF(font(11)).boundingRect(self._accept_box(room), flags, self._accept_words()).height() + 8

    def _paint_accept(self, painter: QPainter, p: Palette) -> None:
        painter.setFont(font(11))
        painter.setPen(QColor(p.muted))
        room = float(self.viewport().width())
        painter.drawText(self._accept_box(room), Qt.TextFlag.TextWordWrap, self._accept_words())


def said(message: Message) -> str:
    """The words, and below them the tool calls as JSON."""
    calls = message.extra.get("tool_calls")
    parts = [message.content] if message.content else []
    parts += [json.dumps(call, ensure_ascii=False) for call in calls] if isinstance(calls, list) else []
    return "\n".join(parts)


def _placed(message: Message, top: float, room: float) -> _Bubble:
    role, quiet = message.role, message.role in ("system", "tool")
    face = font(13, fixed=role == "tool") if quiet else font(15)
    line = 20.0 if quiet else 24.0
    widest = min(room * _SHARE, _WIDEST) - 2 * _SIDE
    layout, width, height = _wrapped(said(message), face, line, max(widest, 60.0))
    name = str(message.extra.get("name") or "")
    box = QRectF(0, top + _NAME, max(width, 40.0) + 2 * _SIDE, height + 2 * _PAD)
    if role == "user":
        box.moveRight(room - 2)
    else:
        box.moveLeft(1)
    return _Bubble(role, f"{role} {name}".strip(), layout, box)


def _paint(painter: QPainter, bubble: _Bubble, p: Palette) -> None:
    box, role = bubble.box.adjusted(0.5, 0.5, -0.5, -0.5), bubble.role
    painter.setFont(font(11))
    painter.setPen(QColor(p.muted))
    side = Qt.AlignmentFlag.AlignRight if role == "user" else Qt.AlignmentFlag.AlignLeft
    place = QRectF(box.left() + 2, box.top() - _NAME, max(box.width() - 4, 60), _NAME - 3)
    if role == "user" and box.width() < 64:
        place.setLeft(box.right() - 62)
    painter.drawText(place, side | Qt.AlignmentFlag.AlignVCenter, bubble.name)
    style = Qt.PenStyle.DashLine if role in ("system", "tool") else Qt.PenStyle.SolidLine
    filled = {"user": p.raised, "assistant": p.soft_accent}.get(role)
    painter.setPen(Qt.PenStyle.NoPen if filled else QPen(QColor(p.border), 1, style))
    painter.setBrush(QColor(filled) if filled else Qt.BrushStyle.NoBrush)
    painter.drawRoundedRect(box, _RADIUS, _RADIUS)
    painter.setPen(QColor(p.text if role != "system" else p.muted))
    bubble.layout.draw(painter, QPointF(bubble.box.left() + _SIDE, bubble.box.top() + _PAD))


def _wrapped(text: str, face: QFont, line_height: float, width: float) -> tuple[QTextLayout, float, float]:
    """The layout, and the width and height that its lines really take. A line break stays one."""
    shown = text[:MOST_CHARACTERS]
    if len(text) > MOST_CHARACTERS:
        shown += f" … and {len(text) - MOST_CHARACTERS:,} characters more"
    layout = QTextLayout(shown.replace("\r\n", "\n").replace("\n", "\u2028"), face)
    option = QTextOption()
    option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
    layout.setTextOption(option)
    layout.setCacheEnabled(True)
    top, widest = (line_height - QFontMetricsF(face).height()) / 2, 0.0
    layout.beginLayout()
    count = 0
    while (line := layout.createLine()).isValid():
        line.setLineWidth(width)
        line.setPosition(QPointF(0, top + count * line_height))
        widest = max(widest, line.naturalTextWidth())
        count += 1
    layout.endLayout()
    return layout, widest, max(count, 1) * line_height
