"""Small keys to what is drawn: the scale of colours, and the two kinds of bars."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QLinearGradient, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.theme.palette import cividis, colors, mix
from app.theme.type import font


class ScaleLegend(QWidget):
    """low, cividis, high, and what a thick line means."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._low, self._high, self._words = "0", "1", ""
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def show_scale(self, low: str, high: str, words: str) -> None:
        self._low, self._high, self._words = low, high, words
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(round(sum(self._widths()) + 90 + 12 + 20), 20)

    def _widths(self) -> tuple[float, ...]:
        metrics = QFontMetricsF(font(11))
        return tuple(metrics.horizontalAdvance(text) for text in (self._low, self._high, self._words))

    def paintEvent(self, event: QPaintEvent) -> None:
        palette, painter = colors(self), QPainter(self)
        painter.setFont(font(11))
        painter.setPen(QColor(palette.muted))
        low, high, _ = self._widths()
        side = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(QRectF(0, 0, low + 2, 20), side, self._low)
        band = QRectF(low + 6, 6, 90, 8)
        gradient = QLinearGradient(band.topLeft(), band.topRight())
        for stop in range(11):
            gradient.setColorAt(stop / 10, cividis(stop / 10))
        painter.fillRect(band, gradient)
        painter.drawText(QRectF(band.right() + 6, 0, high + 2, 20), side, self._high)
        painter.drawText(QRectF(band.right() + high + 22, 0, 400, 20), side, self._words)


class BarLegend(QWidget):
    """A hollow bar: as the model gave it. A filled one: after the settings."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._after = ""
        self.show_settings("the settings")
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def show_settings(self, names: str) -> None:
        """names: "T and top-p"."""
        self._after = f"after {names}"
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        metrics = QFontMetricsF(font(11))
        words = metrics.horizontalAdvance("as the model gave it") + metrics.horizontalAdvance(self._after)
        return QSize(round(words) + 2 * 22 + 14, 20)

    def paintEvent(self, event: QPaintEvent) -> None:
        palette, painter = colors(self), QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(font(11))
        painter.setPen(QPen(QColor(palette.border), 1))
        painter.drawRoundedRect(QRectF(0.5, 6.5, 15, 7), 1.5, 1.5)
        second = 22 + QFontMetricsF(font(11)).horizontalAdvance("as the model gave it") + 14
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(mix(palette.focused, palette.surface, 0.72))
        painter.drawRoundedRect(QRectF(second, 6, 16, 8), 1.5, 1.5)
        painter.setPen(QColor(palette.muted))
        painter.drawText(QRectF(22, 0, second, 20), Qt.AlignmentFlag.AlignVCenter, "as the model gave it")
        painter.drawText(QRectF(second + 22, 0, 300, 20), Qt.AlignmentFlag.AlignVCenter, self._after)
