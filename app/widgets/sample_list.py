"""What a model wrote while it learned: a time line of samples, the newest one lit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QFontMetricsF,
    QGuiApplication,
    QKeyEvent,
    QKeySequence,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QTextCharFormat,
    QTextLayout,
    QTextOption,
)
from PySide6.QtWidgets import QAbstractScrollArea, QFrame, QWidget

from app.theme.palette import Palette, colors
from app.theme.type import font
from app.widgets.metric_chart_paint import dotted

_TEXT_LEFT, _STEP_LEFT, _LINE = 61.0, 20.0, 19.0
_GAP = 9.0
_MOST_LINES = 5
_AXIS = 4.5


@dataclass(frozen=True)
class SampleRow:
    """prompt: what the model was given, muted. text: what it wrote."""

    step: int
    prompt: str
    text: str


class SampleList(QAbstractScrollArea):
    """Keeps to the newest sample unless a person scrolled up. Ctrl+C copies all of them."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: tuple[SampleRow, ...] = ()
        self._layouts: list[QTextLayout] = []
        self._coming = ""
        self._coming_step = 0
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.viewport().setAutoFillBackground(False)
        self.setAccessibleName("Samples")

    def set_rows(self, rows: Sequence[SampleRow]) -> None:
        """rows: oldest first."""
        if tuple(rows) != self._rows:
            self._rows = tuple(rows)
            self._lay_out()

    def set_coming(self, step: int, words: str) -> None:
        """The sample that is to come, for example (2000, "next sample in 2:12"); words "" for none."""
        if (step, words) != (self._coming_step, self._coming):
            changed = bool(words) != bool(self._coming)
            self._coming_step, self._coming = step, words
            if changed:
                self._fit()
            self.viewport().update()

    def sizeHint(self) -> QSize:
        return QSize(320, 200)

    def text(self) -> str:
        """All samples, as they are copied."""
        return "\n".join(f"step {row.step:,}\t{row.prompt}{row.text}" for row in self._rows)

    def _lay_out(self) -> None:
        width = max(self.viewport().width() - _TEXT_LEFT - 4, 40)
        self._layouts = [_wrapped(row.prompt + row.text, width) for row in self._rows]
        self._fit()
        self.viewport().update()

    def _fit(self) -> None:
        bar = self.verticalScrollBar()
        at_end = bar.value() >= bar.maximum() - 4
        height = sum(self._height(layout) for layout in self._layouts) + (_LINE + 14 if self._coming else 0)
        bar.setRange(0, self._whole_line(height - self.viewport().height()))
        bar.setPageStep(self.viewport().height())
        bar.setSingleStep(round(_LINE))
        if at_end:
            bar.setValue(bar.maximum())

    def _whole_line(self, over: float) -> int:
        """How far to scroll so that at least `over` pixels are above the view and no line is cut at its top."""
        if over <= 0:
            return 0
        top = 0.0
        for layout in self._layouts:
            lines = min(layout.lineCount(), _MOST_LINES)
            found = next((top + line * _LINE for line in range(lines) if top + line * _LINE >= over), None)
            if found is not None:
                return round(found)
            top += self._height(layout)
        return round(over)

    @staticmethod
    def _height(layout: QTextLayout) -> float:
        return min(layout.lineCount(), _MOST_LINES) * _LINE + _GAP

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._lay_out()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            QGuiApplication.clipboard().setText(self.text())
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        p = colors(self)
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        top = -float(self.verticalScrollBar().value())
        bottom = self.viewport().height()
        painter.setPen(QPen(QColor(p.hairline), 1))
        height = sum(self._height(layout) for layout in self._layouts) + (_LINE if self._coming else -_LINE)
        if self._layouts:
            painter.drawLine(QPointF(_AXIS, max(top + 10, 0)), QPointF(_AXIS, min(top + height, bottom)))
        for place, (row, layout) in enumerate(zip(self._rows, self._layouts, strict=True)):
            if top + self._height(layout) > 0 and top < bottom:
                self._paint_row(painter, top, row, layout, newest=place == len(self._rows) - 1, p=p)
            top += self._height(layout)
        if self._coming:
            self._paint_coming(painter, top + 6, p)

    def _paint_row(
        self, painter: QPainter, top: float, row: SampleRow, layout: QTextLayout, *, newest: bool, p: Palette
    ) -> None:
        centre = QPointF(_AXIS, top + 10)
        painter.setPen(Qt.PenStyle.NoPen if newest else QPen(QColor(p.border), 1.5))
        painter.setBrush(QColor(p.accent if newest else p.surface))
        painter.drawEllipse(centre, 4.5 if newest else 3.25, 4.5 if newest else 3.25)
        painter.setFont(font(11))
        painter.setPen(QColor(p.text if newest else p.muted))
        painter.drawText(
            QRectF(_STEP_LEFT, top, _TEXT_LEFT - _STEP_LEFT, 20), Qt.AlignmentFlag.AlignVCenter, f"{row.step:,}"
        )
        prompt = QTextLayout.FormatRange()
        prompt.start, prompt.length = 0, _units(row.prompt)
        style = QTextCharFormat()
        style.setForeground(QColor(p.muted))
        prompt.format = style
        painter.setPen(QColor(p.text if newest else p.muted))
        painter.save()
        painter.setClipRect(QRectF(0, top, self.viewport().width(), self._height(layout) - 2))
        layout.draw(painter, QPointF(_TEXT_LEFT, top), [prompt] if newest else [])
        painter.restore()
        if layout.lineCount() > _MOST_LINES:
            painter.setPen(QColor(p.muted))
            painter.drawText(QPointF(self.viewport().width() - 12, top + _MOST_LINES * _LINE - 5), "…")

    def _paint_coming(self, painter: QPainter, top: float, p: Palette) -> None:
        painter.setPen(dotted(p.border, 1.0))
        painter.setBrush(QColor(p.surface))
        painter.drawEllipse(QPointF(_AXIS, top + 10), 3.5, 3.5)
        painter.setFont(font(11))
        painter.setPen(QColor(p.muted))
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(QRectF(_STEP_LEFT, top, _TEXT_LEFT - _STEP_LEFT, 20), middle, f"{self._coming_step:,}")
        painter.drawText(QRectF(_TEXT_LEFT, top, self.viewport().width() - _TEXT_LEFT, 20), middle, self._coming)


def _units(text: str) -> int:
    """Length as Qt counts: in UTF-16 units."""
    return len(text.encode("utf-16-le")) // 2


def _wrapped(text: str, width: float) -> QTextLayout:
    """A line break of the model is one here too."""
    layout = QTextLayout(text.replace("\r\n", "\n").replace("\n", "\u2028"), font(13))
    option = QTextOption()
    option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
    layout.setTextOption(option)
    metrics = QFontMetricsF(font(13))
    layout.beginLayout()
    top = (_LINE - metrics.height()) / 2
    while (line := layout.createLine()).isValid():
        line.setLineWidth(width)
        line.setPosition(QPointF(0, top))
        top += _LINE
    layout.endLayout()
    return layout
