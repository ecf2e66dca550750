"""Home's header: the recipe's name as a choice, the time that is left, and what can be done now."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPoint, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QAction, QColor, QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QMenu, QSizePolicy, QWidget

from app.theme.icons import paint_icon
from app.theme.palette import colors
from app.theme.type import font
from app.widgets.buttons import Button, PaintedButton, key_words, paint_focus, pass_focus, shows_focus
from app.widgets.label import Label
from app.widgets.readout import Readout
from engine.events import RunState


class RecipeTitle(PaintedButton):
    """The name of the recipe, 20 px; a click opens the list of presets. chosen(name)."""

    chosen = Signal(str)

    def __init__(self, presets: Sequence[tuple[str, str]], parent: QWidget | None = None) -> None:
        """presets: (name, description)."""
        super().__init__(parent)
        self._presets = list(presets)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.clicked.connect(self._open)

    def set_name(self, name: str) -> None:
        self.setText(name)
        self.setAccessibleName(f"Recipe: {name}")
        self.setToolTip("Choose what to build")
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        caret = 28 if self.isEnabled() else 2
        return QSize(QFontMetrics(font(20, weight=600)).horizontalAdvance(self.text()) + caret, 34)

    def set_locked(self, locked: bool) -> None:
        """A run is at work: no other recipe can be chosen."""
        if self.isEnabled() == locked:
            self.setEnabled(not locked)
            self.updateGeometry()

    def _open(self) -> None:
        menu = QMenu(self)
        for name, description in self._presets:
            action = QAction(f"{name}    {description}", menu)
            action.setCheckable(True)
            action.setChecked(name == self.text())
            action.triggered.connect(lambda _checked=False, name=name: self.chosen.emit(name))
            menu.addAction(action)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(self.mapToGlobal(QPoint(0, self.height() + 4)))

    def paintEvent(self, _event: QPaintEvent) -> None:
        p = colors(self)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(font(20, weight=600))
        painter.setPen(QColor(p.text))
        painter.drawText(QRectF(self.rect()), Qt.AlignmentFlag.AlignVCenter, self.text())
        if self.isEnabled():
            ink = p.text if self.underMouse() else p.muted
            paint_icon(painter, QRectF(self.width() - 18, self.height() / 2 - 6, 14, 14), "ph.caret-down", ink)
        if shows_focus(self):
            paint_focus(painter, QRectF(self.rect()), p.accent)


class ElidedLabel(Label):
    """Muted text that gives way when the window is narrow."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(role="muted", parent=parent)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)

    def minimumSizeHint(self) -> QSize:
        return QSize(0, super().minimumSizeHint().height())

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(QColor(colors(self).muted))
        text = painter.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, self.width())
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignVCenter, text)


class Actions(QWidget):
    """What can be done with the run in view. Every signal is a wish; the page carries it out."""

    find = Signal()
    start = Signal()
    pause = Signal()
    go_on = Signal()
    stop = Signal()
    resume = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._find = Button("Find an action", "quiet", "ph.magnifying-glass", key=key_words("Ctrl+K"))
        self._cost = Label(role="muted")
        self._left = Readout("left", size=28, beside=True, right=True)
        self._resume = Button("Resume", icon="ph.arrow-clockwise", tooltip="Go on from the newest checkpoint")
        self._start = Button("Start", "primary", "ph.play", tooltip="Begin a run of this recipe")
        self._pause = Button("Pause", icon="ph.pause", tooltip="Hold the run; the model stays where it is")
        self._go_on = Button("Go on", "primary", "ph.play", tooltip="Continue with the next step")
        self._stop = Button("Stop", "danger", "ph.stop", tooltip="Save and end; it can be resumed later")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(12)
        layout.addWidget(self._find)
        layout.addSpacing(8)
        for widget in (self._cost, self._left, self._resume, self._start, self._pause, self._go_on, self._stop):
            layout.addWidget(widget)
        for button, wish in (
            (self._find, self.find),
            (self._resume, self.resume),
            (self._start, self.start),
            (self._pause, self.pause),
            (self._go_on, self.go_on),
            (self._stop, self.stop),
        ):
            button.clicked.connect(wish)

    def show_idle(self, cost: str, start: str, *, resumable: bool, ready: bool) -> None:
        """cost: the estimate in words. start: the words on the button. ready: whether there is a recipe to start."""
        self._cost.setText(cost)
        self._start.set_text(start)
        self._start.setEnabled(ready)
        self._only(self._cost, self._start, *([self._resume] if resumable else []))

    def show_alive(self, state: RunState, left: str) -> None:
        """left: the time that is left as on a watch, "" while it cannot be told."""
        ending = state in (RunState.STOPPING, RunState.SAVING)
        self._left.set_value(left or "–:––")
        self._left.set_label("saving" if state is RunState.SAVING else "stopping" if ending else "left")
        self._pause.setEnabled(not ending)
        held = self._go_on if state is RunState.PAUSED else self._pause
        self._stop.setEnabled(True)
        self._only(self._left, held, self._stop)
        # With the focus it stays as it is: Qt takes the focus from what cannot be pressed.
        self._stop.setEnabled(not ending or self._stop.window().focusWidget() is self._stop)

    def _only(self, *shown: QWidget) -> None:
        widgets = (self._cost, self._left, self._resume, self._start, self._pause, self._go_on, self._stop)
        for widget in shown:
            widget.setVisible(True)
        hidden = [widget for widget in widgets if widget not in shown]
        alive = self._stop in shown
        held = self._go_on if self._go_on in shown else self._pause
        begun = self._resume if self._resume in shown else self._start
        pass_focus([self._start, self._resume] if alive else [self._stop], self._stop if alive else begun)
        pass_focus([widget for widget in (self._pause, self._go_on) if widget in hidden], held if alive else begun)
        for widget in hidden:
            widget.setVisible(False)
