"""Which numbers of the model will learn: its matrices as cells, whole, or with a thin addition beside them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.theme.palette import Palette, colors
from app.theme.type import font
from app.widgets.inspection import Inspection
from engine.model.config import ModelConfig
from engine.model.lora_config import LoraConfig, matrices

_ROW, _GAP, _FOOT = 20.0, 3.0, 18.0


@dataclass(frozen=True)
class Cells:
    """One row of the map. shape: of each of its matrices, (out, in). learns: numbers that learn, a cell each; 0 for a
    frozen one; a single cell stands across all layers. whole: whether all of the matrix learns."""

    name: str
    shape: tuple[int, int]
    learns: tuple[int, ...]
    whole: bool


def cells_of(model: ModelConfig, lora: LoraConfig | None, new_tokens: int) -> list[Cells]:
    """lora: None for full fine-tuning. new_tokens: rows of the embedding that learn beside a LoRA."""
    table = (model.vocab_size, model.d_model)
    learns = new_tokens * model.d_model if lora else table[0] * table[1]
    rows = [Cells("embedding", table, (learns,), lora is None)]
    for matrix in matrices(model).values():
        for part, size in matrix.parts.items():
            each = [0] * model.n_layer if lora else [size * matrix.inputs] * model.n_layer
            if lora and part in lora.parts:
                for layer in lora.layers_of(model):
                    each[layer] = lora.rank * (matrix.inputs + size)
            rows.append(Cells(part, (size, matrix.inputs), tuple(each), lora is None))
    if not model.tie_embeddings:
        rows.append(Cells("head", table, (learns,), lora is None))
    return rows


class TrainedMap(QWidget):
    """inspected(Inspection | None): a matrix is under the pointer."""

    inspected = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: list[Cells] = []
        self._layers, self._rank, self._left = 0, 0, 0.0
        self.setMouseTracking(True)
        self.setAccessibleName("Which matrices learn")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_model(self, model: ModelConfig, lora: LoraConfig | None, new_tokens: int) -> None:
        self._rows = cells_of(model, lora, new_tokens)
        self._layers, self._rank = model.n_layer, lora.rank if lora else 0
        metrics = QFontMetricsF(font(11))
        self._left = max(metrics.horizontalAdvance(row.name) for row in self._rows) + 12
        spoken = (f"{row.name}: {sum(map(bool, row.learns))} of {len(row.learns)} learn" for row in self._rows)
        self.setAccessibleDescription(". ".join(spoken))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(300, round(len(self._rows) * _ROW + _FOOT))

    def _box(self, row: int, column: int) -> QRectF:
        left = self._left
        count = len(self._rows[row].learns)
        wide = (self.width() - left + _GAP) / count
        return QRectF(left + column * wide, row * _ROW, wide - _GAP, _ROW - _GAP)

    def paintEvent(self, event: QPaintEvent) -> None:
        p = colors(self)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(font(11))
        for index, row in enumerate(self._rows):
            painter.setPen(QColor(p.muted))
            name = QRectF(0, index * _ROW, self._left, _ROW - _GAP)
            painter.drawText(name, Qt.AlignmentFlag.AlignVCenter, row.name)
            for column, learns in enumerate(row.learns):
                self._paint_cell(painter, self._box(index, column), row, learns, p)
        painter.setPen(QColor(p.muted))
        foot = QRectF(0, len(self._rows) * _ROW, self.width(), _FOOT)
        painter.drawText(foot, Qt.AlignmentFlag.AlignVCenter, "layer")
        each = max(1, self._layers // 12)
        wide = (self.width() - self._left + _GAP) / max(self._layers, 1)
        for layer in range(0, self._layers, each):
            box = QRectF(self._left + layer * wide, foot.top(), wide - _GAP, _FOOT)
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, str(layer))

    def _paint_cell(self, painter: QPainter, box: QRectF, row: Cells, learns: int, p: Palette) -> None:
        """Whole: filled. An addition: a thin strip beside a pale matrix. Frozen: pale."""
        painter.setPen(QPen(QColor(p.hairline), 1))
        painter.setBrush(QColor(p.accent if row.whole and learns else p.raised))
        painter.drawRoundedRect(box, 2, 2)
        if learns and not row.whole:
            share = learns / (row.shape[0] * row.shape[1])
            strip = QRectF(box.left(), box.top(), max(share * box.width(), 4.0), box.height())
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(p.accent))
            painter.drawRoundedRect(strip, 2, 2)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        x, y = event.position().x(), event.position().y()
        index = math.floor(y / _ROW)
        if 0 <= index < len(self._rows) and self._left <= x < self.width():
            row = self._rows[index]
            self.inspected.emit(
                self._inspection(row, math.floor((x - self._left) / (self.width() - self._left) * len(row.learns)))
            )
        else:
            self.inspected.emit(None)

    def leaveEvent(self, event: QEvent) -> None:
        self.inspected.emit(None)

    def _inspection(self, row: Cells, column: int) -> Inspection:
        out, inputs = row.shape
        learns = row.learns[column]
        where = "for all layers" if len(row.learns) == 1 else f"layer {column}"
        words = {
            (True, True): "All of this matrix learns.",
            (True, False): "This matrix stays as it is; a thin product beside it learns.",
        }.get((learns > 0, row.whole), "This matrix stays as it is.")
        if row.name in ("embedding", "head") and not row.whole:
            words = "It stays as it is, but for the rows of the tokens that a conversation brings: they are new."
        return Inspection(
            row.name,
            where,
            words=words,
            formula=r"W' = W + \frac{α}{r} B A" if self._rank and learns else "",
            rows=(
                ("matrix", f"{out:,} × {inputs:,}"),
                ("its numbers", f"{out * inputs:,}"),
                ("of them learn" if row.whole else "numbers that learn", f"{learns:,}", "accent"),
                ("share", f"{learns / (out * inputs):.1%}"),
            ),
            subject="matrix",
        )
