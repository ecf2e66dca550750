"""Buttons: 30 px high, small ones 22, square tools 24. Painted, so that every state looks the same everywhere."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFocusEvent, QFont, QFontMetrics, QKeySequence, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from app.theme.icons import checked, paint_icon
from app.theme.palette import Palette, colors, mix
from app.theme.type import font

KINDS = ("plain", "primary", "danger", "accent", "quiet")


def paint_focus(painter: QPainter, rect: QRectF, color: str, radius: float = 6.0) -> None:
    """The visible focus: 2 px of accent just inside the edge."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(QColor(color), 2))
    painter.drawRoundedRect(rect.adjusted(1, 1, -1, -1), radius, radius)


def shows_focus(widget: QWidget) -> bool:
    """Focus is drawn when it came from the keyboard, not after a click."""
    return widget.hasFocus() and bool(widget.property("keyboard_focus"))


def pass_focus(gone: Sequence[QWidget], to: QWidget) -> None:
    """Before widgets are hidden or disabled: whoever of them has the focus hands it to its counterpart, which must be
    there already. Else Qt gives it to whatever comes next on the page. It is drawn only if it was before."""
    # Asked of the window, which also knows it while another program is in front.
    holder = next((widget for widget in gone if widget.window().focusWidget() is widget and widget is not to), None)
    if holder is not None and to.isEnabled():
        drawn = bool(holder.property("keyboard_focus"))
        reason = Qt.FocusReason.OtherFocusReason if drawn else Qt.FocusReason.MouseFocusReason
        to.setFocus(reason)


class PaintedButton(QAbstractButton):
    """Remembers how the focus came, repaints on hover."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QFocusEvent) and event.gotFocus():
            reason = event.reason()
            if reason is not Qt.FocusReason.ActiveWindowFocusReason:
                self.setProperty("keyboard_focus", reason is not Qt.FocusReason.MouseFocusReason)
        return super().event(event)


class Button(PaintedButton):
    """kind: "primary" is filled (at most one a page), "plain" and "danger" are outlined, "accent" is outlined in
    accent, "quiet" has no edge. icon: "ph.pause" or "". key: a hint such as "Esc", shown at the end; it does not
    bind the key. small: 22 px high, for panels."""

    def __init__(
        self,
        text: str,
        kind: str = "plain",
        icon: str = "",
        *,
        small: bool = False,
        key: str = "",
        tooltip: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._kind = kind
        self._icon = checked(icon)
        self._small = small
        self._key = key
        self.setText(text)
        self.setAccessibleName(text)
        if tooltip:
            self.setToolTip(tooltip)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def set_kind(self, kind: str) -> None:
        self._kind = kind
        self.update()

    def set_icon(self, icon: str) -> None:
        self._icon = checked(icon)
        self.updateGeometry()
        self.update()

    def set_text(self, text: str) -> None:
        self.setText(text)
        self.setAccessibleName(text)
        self.updateGeometry()

    def _font(self) -> QFont:
        return font(11 if self._small else 13, weight=600 if self._kind == "primary" else 500)

    def _measures(self) -> tuple[int, int, int]:
        """Side padding, icon size, gap."""
        return (8, 12, 5) if self._small else (13, 14, 8)

    def sizeHint(self) -> QSize:
        padding, icon_size, gap = self._measures()
        width = QFontMetrics(self._font()).horizontalAdvance(self.text()) + 2 * padding
        if self._icon:
            width += icon_size + (gap if self.text() else 0)
        if self._key:
            width += gap + self._key_width()
        return QSize(width + 1, 22 if self._small else 30)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def _key_width(self) -> int:
        text = QFontMetrics(font(11)).horizontalAdvance(self._key)
        return text if self._kind == "primary" else max(20, text + 10)

    def _ink(self, p: Palette) -> QColor:
        ink = {"primary": p.on_accent, "danger": p.danger, "accent": p.accent, "quiet": p.muted}.get(self._kind, p.text)
        if self._kind == "quiet" and (self.underMouse() or self.isDown()):
            ink = p.text
        return QColor(ink) if self.isEnabled() else mix(p.text, p.surface, 0.40)

    def paintEvent(self, event: QPaintEvent) -> None:
        p = colors(self)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rect = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        self._paint_ground(painter, rect, p)
        self._paint_content(painter, self._ink(p), p)
        if shows_focus(self):
            outside = self._kind == "primary"
            paint_focus(painter, QRectF(self.rect()), p.text if outside else p.accent)

    def _paint_ground(self, painter: QPainter, rect: QRectF, p: Palette) -> None:
        hovered = self.isEnabled() and (self.underMouse() or self.isDown())
        edge = {"danger": p.danger, "accent": p.accent, "primary": "", "quiet": ""}.get(self._kind, p.border)
        if self._kind == "primary":
            fill = mix(p.accent, p.text, 0.86 if self.isDown() else 0.93) if hovered else QColor(p.accent)
            painter.setBrush(fill if self.isEnabled() else QColor(p.raised))
        elif hovered:
            soft = {"danger": p.soft_danger, "accent": p.soft_accent}.get(self._kind, p.raised)
            painter.setBrush(QColor(soft))
        else:
            painter.setBrush(Qt.BrushStyle.NoBrush)
        if not edge:
            painter.setPen(Qt.PenStyle.NoPen)
        else:
            painter.setPen(QPen(QColor(edge if self.isEnabled() else p.hairline), 1))
        painter.drawRoundedRect(rect, 6, 6)

    def _paint_content(self, painter: QPainter, ink: QColor, p: Palette) -> None:
        padding, icon_size, gap = self._measures()
        used = self.sizeHint().width() - 2 * padding - 1
        x = (self.width() - used) / 2
        if self._icon:
            box = QRectF(x, (self.height() - icon_size) / 2, icon_size, icon_size)
            paint_icon(painter, box, self._icon, ink, bold=True)
            x += icon_size + gap
        painter.setPen(ink)
        painter.setFont(self._font())
        text_width = QFontMetrics(self._font()).horizontalAdvance(self.text())
        painter.drawText(QRectF(x, 0, text_width + 2, self.height()), Qt.AlignmentFlag.AlignVCenter, self.text())
        if self._key:
            self._paint_key(painter, x + text_width + gap, ink, p)

    def _paint_key(self, painter: QPainter, x: float, ink: QColor, p: Palette) -> None:
        width = self._key_width()
        painter.setFont(font(11))
        box = QRectF(x, self.height() / 2 - 8, width, 16)
        if self._kind != "primary":
            painter.setBrush(QColor(p.raised) if self._kind != "accent" else Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(ink if self._kind == "accent" else QColor(p.hairline), 1))
            painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), 3, 3)
            painter.setPen(ink if self._kind == "accent" else QColor(p.muted))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, self._key)


class ToolButton(PaintedButton):
    """A square icon. tooltip: also its accessible name. checkable: stays lit in accent while on."""

    def __init__(
        self, icon: str, tooltip: str, *, size: int = 24, checkable: bool = False, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._icon = checked(icon)
        self._color = "muted"
        self.setCheckable(checkable)
        self.setFixedSize(size, size)
        self.setToolTip(tooltip)
        self.setAccessibleName(tooltip)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def set_icon(self, icon: str) -> None:
        self._icon = checked(icon)
        self.update()

    def set_color(self, role: str) -> None:
        """role: of the palette, for the icon at rest."""
        self._color = role
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        p = colors(self)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        hovered = self.isEnabled() and (self.underMouse() or self.isDown())
        if hovered or self.isChecked():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(p.soft_accent if self.isChecked() else p.raised))
            painter.drawRoundedRect(QRectF(self.rect()), 4, 4)
        ink = QColor(p.accent if self.isChecked() else p.text if hovered else getattr(p, self._color))
        if not self.isEnabled():
            ink = mix(p.text, p.surface, 0.35)
        side = 11 if "caret" in self._icon else 14 if self.width() >= 22 else 12
        inset = (self.width() - side) / 2
        paint_icon(painter, QRectF(inset, inset, side, side), self._icon, ink, bold=True)
        if shows_focus(self):
            paint_focus(painter, QRectF(self.rect()), p.accent, 4)


def key_words(shortcut: str) -> str:
    """ "Ctrl+K" as this system writes it ("⌘K" on a Mac)."""
    return QKeySequence(shortcut).toString(QKeySequence.SequenceFormat.NativeText)
