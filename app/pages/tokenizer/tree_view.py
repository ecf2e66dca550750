"""The merges of one token as a tree: bytes below, each joint as high as it came late, the token itself on top."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.pages.tokenizer.learned import Learned
from app.theme.palette import Palette, colors, mix
from app.theme.type import font
from app.widgets.panel import Panel
from app.widgets.token_view_colour import TokenChip
from app.widgets.token_view_words import visible
from engine.tokenizer.merges import MergeStep

_LEAF, _CHIP, _BOTTOM, _TOP = 22.0, 18.0, 30.0, 10.0
_WIDEST_PITCH = 43.0


@dataclass(frozen=True)
class Node:
    """order: 0 for a byte, else the place of its merge, 1 for the first. children: indices into the list of nodes."""

    start: int
    end: int
    x: float
    order: int
    rank: int
    children: tuple[int, ...]


def plant(data: bytes, steps: Sequence[MergeStep], left: float, pitch: float) -> list[Node]:
    """Every byte as a leaf `pitch` apart, and a joint between its two children for each merge."""
    nodes = [Node(place, place + 1, left + pitch * (place + 0.5), 0, 0, ()) for place in range(len(data))]
    alive = {node.start: index for index, node in enumerate(nodes)}
    for order, step in enumerate(steps, start=1):
        a, b = alive.pop(step.start), alive.pop(step.middle)
        nodes.append(Node(step.start, step.end, (nodes[a].x + nodes[b].x) / 2, order, step.rank + 1, (a, b)))
        alive[step.start] = len(nodes) - 1
    return nodes


class MergesPanel(Panel):
    """How the token under the pointer, or the one picked last, was made."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Merges", parent=parent)
        self.tree = TreeView()
        self.body.addWidget(self.tree)

    def show_token(self, learned: Learned, chip: TokenChip | None) -> None:
        """chip: None as long as there is no token to explain."""
        steps = learned.steps(chip.token_id) if chip is not None else []
        if chip is None:
            words = "Point at a token to see of which pieces it was made."
        elif not learned.ranks:
            words = "This tokenizer joins nothing: each of its tokens was there from the beginning."
        else:
            words = f"{_shown(chip.data)} was there from the beginning: nothing was joined to make it."
        name = _shown(chip.data) if chip is not None else ""
        count = f"{len(steps)} merges make" if len(steps) != 1 else "one merge makes"
        self.set_subtitle(f"{count} {name}" if steps else "")
        self.tree.show_tree(chip.data if chip is not None else b"", steps, words)


class TreeView(QWidget):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._data = b""
        self._steps: list[MergeStep] = []
        self._words = ""

    def show_tree(self, data: bytes, steps: Sequence[MergeStep], words: str) -> None:
        """steps: every merge within `data`, in the order they are applied. words: shown when there are none."""
        self._data, self._steps, self._words = data, list(steps), words
        self.setAccessibleName(f"{len(steps)} merges make {_shown(data)}" if steps else words)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(420, 200)

    def minimumSizeHint(self) -> QSize:
        return QSize(200, 110)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        p = colors(self)
        if not self._steps:
            painter.setFont(font(13))
            painter.setPen(QColor(p.muted))
            painter.drawText(QRectF(self.rect()), Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self._words)
            return
        pitch = min(_WIDEST_PITCH, self.width() / len(self._data))
        left = (self.width() - pitch * len(self._data)) / 2
        nodes = plant(self._data, self._steps, left, pitch)
        painter.setFont(font(11, fixed=True))
        for node in nodes:
            self._paint_branches(painter, nodes, node, p)
        for index, node in enumerate(nodes):
            self._paint_node(painter, node, pitch, index == len(nodes) - 1, p)

    def _y(self, node: Node) -> float:
        """Middle of the node. Joints rise by the order of their merges."""
        leaf = self.height() - _BOTTOM + _LEAF / 2
        if node.order == 0:
            return leaf
        room = leaf - _LEAF / 2 - _TOP - _CHIP
        return leaf - _LEAF / 2 - 10 - room * node.order / (len(self._steps) + 0.15)

    def _paint_branches(self, painter: QPainter, nodes: list[Node], node: Node, p: Palette) -> None:
        top = node.order == len(self._steps)
        painter.setPen(QPen(QColor(p.accent) if top else mix(p.text, p.surface, 0.75), 2 if top else 1.25))
        for child in node.children:
            below = nodes[child]
            corner = QPointF(below.x, self._y(node))
            painter.drawPolyline([QPointF(node.x, self._y(node)), corner, QPointF(below.x, self._y(below))])

    def _paint_node(self, painter: QPainter, node: Node, pitch: float, last: bool, p: Palette) -> None:
        text = _shown(self._data[node.start : node.end])
        width = max(QFontMetricsF(painter.font()).horizontalAdvance(text) + 10, 18.0)
        height = _CHIP if node.order else _LEAF
        if not node.order:
            width = min(max(width, _LEAF), pitch - 2)
        box = QRectF(node.x - width / 2, self._y(node) - height / 2, width, height)
        box.moveLeft(min(max(box.left(), 0.0), self.width() - width))
        fill = p.raised if not node.order else p.accent if last else p.chips[node.order % len(p.chips)]
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(fill))
        painter.drawRoundedRect(box, 3, 3)
        painter.setPen(QColor(p.on_accent if last and node.order else p.text))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
        if node.order:
            self._paint_rank(painter, node, box, p)

    def _paint_rank(self, painter: QPainter, node: Node, box: QRectF, p: Palette) -> None:
        painter.save()
        painter.setFont(font(10))
        painter.setPen(QColor(p.muted))
        words = f"{node.rank:,}"
        width = painter.fontMetrics().horizontalAdvance(words)
        if box.right() + 4 + width < self.width():
            painter.drawText(QPointF(box.right() + 4, box.center().y() - 4), words)
        painter.restore()


def _shown(data: bytes) -> str:
    return visible(data.decode("utf-8", errors="replace"), data)
