"""A word on a soft ground: running, stopped, 4 spans disagree."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.theme.icons import checked, paint_icon
from app.theme.palette import colors
from app.theme.type import font
from app.widgets.progress_ring import ProgressRing

KINDS = ("neutral", "accent", "ok", "warning", "danger")
_PAD = 6


class Tag(QWidget):
    """kind: colour. icon: "ph.pause", or "ring" for a ring that turns, or fills once `set_share` says how far it
    is. 22 px high, 18 when small."""

    def __init__(
        self, text: str, kind: str = "neutral", icon: str = "", *, small: bool = False, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._small = small
        self._text, self._kind, self._icon = "", "", ""
        self._ring = ProgressRing(11, parent=self)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.set(text, kind, icon)

    def set(self, text: str, kind: str = "neutral", icon: str = "") -> None:
        new = (text, kind, icon if icon == "ring" else checked(icon))
        if new == (self._text, self._kind, self._icon):
            return
        self._text, self._kind, self._icon = new
        self.setAccessibleName(text)
        self._ring.setVisible(icon == "ring")
        self.updateGeometry()
        self.update()

    def set_share(self, share: float | None) -> None:
        self._ring.set_share(share)

    def text(self) -> str:
        return self._text

    def _lead(self) -> int:
        return 16 if self._icon else 0

    def sizeHint(self) -> QSize:
        width = QFontMetrics(font(11)).horizontalAdvance(self._text)
        return QSize(width + 2 * _PAD + self._lead() + 1, 18 if self._small else 22)

    def paintEvent(self, event: QPaintEvent) -> None:
        p = colors(self)
        soft, ink = {
            "accent": (p.soft_accent, p.accent),
            "ok": (p.soft_ok, p.ok),
            "warning": (p.soft_warning, p.warning),
            "danger": (p.soft_danger, p.danger),
        }.get(self._kind, (p.raised, p.muted))
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(soft))
        painter.drawRoundedRect(QRectF(self.rect()), 3, 3)
        middle = self.height() / 2
        if self._icon == "ring":
            self._ring.setGeometry(_PAD, round(middle - 5.5), 11, 11)
        elif self._icon:
            paint_icon(painter, QRectF(_PAD, middle - 6, 12, 12), self._icon, ink, bold=True)
        painter.setPen(QColor(ink))
        painter.setFont(font(11))
        box = QRectF(_PAD + self._lead(), 0, self.width(), self.height())
        painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, self._text)
