"""The plan of a fine-tuning before it begins: its learning rate over the steps, and when it is looked at."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QLineF, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QEnterEvent, QFontMetricsF, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.theme.palette import Palette, colors, mix
from app.theme.type import font
from app.widgets.inspection import Inspection
from engine.training.plan import TrainingConfig
from engine.training.schedule import learning_rate

_POINTS = 200
_TOP, _FOOT = 18.0, 20.0


class PlanCurve(QWidget):
    """inspected(Inspection | None)."""

    inspected = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._plan: TrainingConfig | None = None
        self._looks: list[int] = []
        self.setAccessibleName("Planned learning rate and looks")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMaximumHeight(180)

    def show_plan(self, plan: TrainingConfig, looks: Sequence[int]) -> None:
        """looks: steps at which held-out conversations are looked at."""
        if (plan, list(looks)) != (self._plan, self._looks):
            self._plan, self._looks = plan, list(looks)
            self.setAccessibleDescription(
                f"{plan.steps} steps, peak {plan.learning_rate:g} at step {plan.warmup_steps}"
            )
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(300, 96)

    def minimumSizeHint(self) -> QSize:
        return QSize(200, 72)

    def paintEvent(self, event: QPaintEvent) -> None:
        plan = self._plan
        if plan is None:
            return
        p = colors(self)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = QRectF(4, _TOP, self.width() - 8, self.height() - _TOP - _FOOT)
        steps = [plan.steps * index // _POINTS for index in range(_POINTS + 1)]
        points = [
            QPointF(
                area.left() + step / plan.steps * area.width(),
                area.bottom() - learning_rate(plan, min(step, plan.steps - 1)) / plan.learning_rate * area.height(),
            )
            for step in steps
        ]
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(mix(p.accent, p.surface, 0.12))
        painter.drawPolygon(QPolygonF([QPointF(area.left(), area.bottom()), *points, area.bottomRight()]))
        dots = QPen(QColor(p.accent), 1.5, Qt.PenStyle.CustomDashLine)
        dots.setDashPattern([2 / 1.5, 3 / 1.5])
        painter.setPen(dots)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPolyline(QPolygonF(points))
        self._paint_axis(painter, plan, area, p)
        self._paint_words(painter, plan, area, p, max(points, key=lambda point: -point.y()))

    def _paint_axis(self, painter: QPainter, plan: TrainingConfig, area: QRectF, p: Palette) -> None:
        painter.setPen(QPen(QColor(p.border), 1))
        painter.drawLine(area.bottomLeft(), area.bottomRight())
        for look in self._looks:
            x = area.left() + look / plan.steps * area.width()
            painter.setPen(QPen(QColor(p.validation), 1))
            painter.setBrush(QColor(p.surface))
            painter.drawRect(QRectF(round(x) - 2.5, round(area.bottom()) - 2.5, 5, 5))
        painter.setPen(QPen(QColor(p.hairline), 1))
        painter.drawLine(QLineF(area.left(), area.top() + 0.5, area.right(), area.top() + 0.5))

    def _paint_words(self, painter: QPainter, plan: TrainingConfig, area: QRectF, p: Palette, peak: QPointF) -> None:
        painter.setFont(font(11))
        metrics = QFontMetricsF(painter.font())
        painter.setPen(QColor(p.muted))
        words = f"{plan.learning_rate:.3g} at step {plan.warmup_steps:,}"
        left = min(max(peak.x() - 4, area.left()), area.right() - metrics.horizontalAdvance(words))
        painter.drawText(QPointF(left, area.top() - 5), words)
        foot = QRectF(area.left(), area.bottom() + 4, area.width(), _FOOT - 4)
        painter.drawText(foot, Qt.AlignmentFlag.AlignLeft, "step 0")
        painter.drawText(foot, Qt.AlignmentFlag.AlignHCenter, "a square is a look")
        painter.drawText(foot, Qt.AlignmentFlag.AlignRight, f"{plan.steps:,}")

    def enterEvent(self, event: QEnterEvent) -> None:
        plan = self._plan
        if plan is None:
            return
        self.inspected.emit(
            Inspection(
                "The plan",
                f"{plan.steps:,} steps",
                words="The learning rate rises while the model finds its footing, then falls to nothing, so that the "
                "last steps are small. At every square the model is looked at: loss, questions, what was forgotten.",
                rows=(
                    ("peak", f"{plan.learning_rate:.3g}", "accent"),
                    ("reached at step", f"{plan.warmup_steps:,}"),
                    ("at the end", f"{plan.learning_rate * plan.final_learning_rate_share:.3g}"),
                    ("looks", f"{len(self._looks):,}"),
                    ("rows of an update", f"{plan.batch_rows:,}"),
                ),
                subject="plan",
            )
        )

    def leaveEvent(self, event: QEvent) -> None:
        self.inspected.emit(None)
