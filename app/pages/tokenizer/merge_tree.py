"""The merges of one token as a tree: bytes below, each joint as high as it came late, the token itself on top."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.theme.palette import colors
from app.theme.type import font
from app.widgets.token_view_words import visible
from engine.tokenizer.merges import MergeStep

_LEAF, _JOINT, _WIDEST, _EDGE = 22.0, 18.0, 43.0, 4.0


@dataclass(frozen=True)
class Node:
    """Bytes start to end - 1 of the token. order: 0 for a byte, else the place of its merge, from 1. x: its middle.
    children: indices into the list of nodes."""

    start: int
    end: int
    x: float
    order: int
    children: tuple[int, ...]


def plant(length: int, steps: Sequence[MergeStep], pitch: float) -> list[Node]:
    """Every byte as a leaf, `pitch` apart, then one joint for each merge, in the order of the merges."""
    nodes = [Node(place, place + 1, pitch * (place + 0.5), 0, ()) for place in range(length)]
    standing = {node.start: index for index, node in enumerate(nodes)}
    for order, step in enumerate(steps, start=1):
        left, right = standing[step.start], standing.pop(step.middle)
        nodes.append(Node(step.start, step.end, (nodes[left].x + nodes[right].x) / 2, order, (left, right)))
        standing[step.start] = len(nodes) - 1
    return nodes


def shown(data: bytes) -> str:
    return visible(data.decode("utf-8", errors="replace"), data).strip("⟨⟩")


class MergeTree(QWidget):
    """Merges up to `done` stand solid, the newest of them in accent, those to come dashed."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._data = b""
        self._nodes: list[Node] = []
        self._merges = self._done = 0

    def show_merges(self, data: bytes, steps: Sequence[MergeStep]) -> None:
        self._data, self._merges, self._done = data, len(steps), len(steps)
        self._nodes = plant(len(data), steps, 1.0)
        self.update()

    def set_done(self, done: int) -> None:
        self._done = done
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(420, 150)

    def minimumSizeHint(self) -> QSize:
        return QSize(200, 90)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for node in self._nodes:
            self._paint_branches(painter, node)
        for node in self._nodes:
            self._paint_node(painter, node)

    def _pitch(self) -> float:
        return min(_WIDEST, (self.width() - 2 * _EDGE) / max(len(self._data), 1))

    def _place(self, node: Node) -> QPointF:
        """The middle of a node: joints rise by the order of their merges."""
        pitch = self._pitch()
        x = (self.width() - pitch * len(self._data)) / 2 + node.x * pitch
        leaf = self.height() - _LEAF / 2 - 1
        room = leaf - _LEAF / 2 - _JOINT - 6
        return QPointF(x, leaf if not node.order else leaf - _LEAF / 2 - 12 - (room - 6) * node.order / self._merges)

    def _paint_branches(self, painter: QPainter, node: Node) -> None:
        p = colors(self)
        pen = QPen(QColor(p.border), 1.25)
        if node.order > self._done:
            pen.setDashPattern([2.0, 3.0])
        elif node.order == self._done:
            pen = QPen(QColor(p.accent), 2)
        painter.setPen(pen)
        top = self._place(node)
        for child in node.children:
            below = self._place(self._nodes[child])
            painter.drawPolyline([top, QPointF(below.x(), top.y()), below])

    def _paint_node(self, painter: QPainter, node: Node) -> None:
        p = colors(self)
        text = shown(self._data[node.start : node.end])
        face = font(11, fixed=True)
        painter.setFont(face)
        height = _JOINT if node.order else _LEAF
        width = QFontMetricsF(face).horizontalAdvance(text) + 10
        width = max(width, _LEAF) if node.order else min(max(width, _LEAF), self._pitch() - 2)
        place = self._place(node)
        box = QRectF(place.x() - width / 2, place.y() - height / 2, width, height)
        to_come, now = node.order > self._done, bool(node.order) and node.order == self._done
        fill = p.surface if to_come else p.accent if now else p.chips[node.order % 6] if node.order else p.raised
        edge = QPen(QColor(p.border), 1)
        edge.setDashPattern([2.0, 3.0])
        painter.setPen(edge if to_come else QPen(Qt.PenStyle.NoPen))
        painter.setBrush(QColor(fill))
        painter.drawRoundedRect(box, 3, 3)
        painter.setPen(QColor(p.on_accent if now else p.muted if to_come else p.text))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
