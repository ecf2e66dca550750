"""The learning rate under the hand: a spin box over the factor on the schedule."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QDoubleSpinBox, QWidget

from app.theme.type import font

_STEP = 0.8
_LEAST, _MOST = 0.001, 100.0


class RateSpin(QDoubleSpinBox):
    """Shows "lr 1.52e-3 × 0.8". An arrow multiplies by 0.8 or 1.25; a typed number is the factor itself.

    turned(factor): by a person, 0.001 to 100; 1 is as planned.
    """

    turned = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._told = 1.0
        self.setDecimals(3)
        self.setRange(_LEAST, _MOST)
        self.setKeyboardTracking(False)
        self.setFont(font(13))
        self.setFixedWidth(152)
        self.lineEdit().setTextMargins(4, 0, 0, 0)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Learning rate, as a factor on the schedule")
        self.setToolTip("Scales the rest of the learning rate's schedule; 1 is as planned. It takes effect at once.")
        self.show_rate(float("nan"), 1.0)
        self.valueChanged.connect(self._on_value)

    def show_rate(self, rate: float, factor: float) -> None:
        """rate: of the newest step; not while a person is typing."""
        if self.lineEdit().hasFocus() and self.lineEdit().isModified():
            return
        self._told = factor
        blocked = self.blockSignals(True)
        self.setPrefix("lr × " if rate != rate else f"lr {_scientific(rate)} × ")
        self.setValue(factor)
        self.blockSignals(blocked)

    def stepBy(self, steps: int) -> None:
        self.setValue(min(max(self.value() * _STEP**-steps, _LEAST), _MOST))

    def textFromValue(self, value: float) -> str:
        return f"{value:.3g}"

    def wheelEvent(self, event: QWheelEvent) -> None:
        """A page that scrolls must not turn the learning rate by accident."""
        event.ignore()

    def _on_value(self, value: float) -> None:
        if value != self._told:
            self._told = value
            self.turned.emit(value)


def _scientific(value: float) -> str:
    """1.52e-3, not 1.52e-03."""
    mantissa, _, exponent = f"{value:.2e}".partition("e")
    return f"{mantissa}e{int(exponent)}"
