"""How pointer and keys move over a chart: crosshair, selection, zoom."""

from __future__ import annotations

import pyqtgraph as pg
from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QWidget

from app.widgets.metric_chart_link import ChartLink
from app.widgets.metric_chart_paint import Geometry
from app.widgets.metric_series import XAxis

_DRAG_PIXELS = 4.0


class PointedPlot(pg.PlotWidget):
    """Drag selects a range, double click shows all, the wheel zooms with Ctrl or in a chart that has the focus;
    arrows move the crosshair, + and - zoom, Home shows all.

    inspected(step | None): pointer or arrow keys chose a step. pointed: they are over this chart, not over a
    linked one. drag: the selection in the making, in pixels.
    """

    inspected = Signal(object)

    def __init__(self, link: ChartLink, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent, useOpenGL=False, enableMenu=False)
        self.link = link
        self.pointed = False
        self.drag: tuple[float, float] | None = None
        self.setMouseTracking(True)
        self.viewport().setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def geometry_now(self) -> Geometry:
        raise NotImplementedError

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        x = event.position().x()
        if event.buttons() & Qt.MouseButton.LeftButton and self.drag is not None:
            self.drag = (self.drag[0], x)
        self._point_at(self.geometry_now().x_at(x))
        self.viewport().update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() is Qt.MouseButton.LeftButton:
            self.drag = (event.position().x(), event.position().x())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        drag, self.drag = self.drag, None
        if drag is not None and abs(drag[1] - drag[0]) > _DRAG_PIXELS:
            at = self.geometry_now()
            self.link.look(at.x_at(min(drag)), at.x_at(max(drag)))
        self.viewport().update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.link.show_all()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zooms with Ctrl, or in a chart that has the focus; otherwise the page scrolls."""
        if not (self.hasFocus() or event.modifiers() & Qt.KeyboardModifier.ControlModifier):
            event.ignore()
            return
        self.link.zoom(self.geometry_now().x_at(event.position().x()), 0.999 ** event.angleDelta().y())
        event.accept()

    def leaveEvent(self, event: QEvent) -> None:
        self.pointed = False
        self.link.set_cursor(None)
        self.inspected.emit(None)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        low, high = self.link.view()
        key = event.key()
        if key in (Qt.Key.Key_Left, Qt.Key.Key_Right) and len(self.link.clock):
            step = self.link.clock.x(XAxis.STEP)[-1] if self.link.cursor is None else self.link.cursor
            move = (high - low) / max(self.geometry_now().rect.width() / 2, 1)
            self._point_at(self.link.place(step) + (move if key == Qt.Key.Key_Right else -move))
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal, Qt.Key.Key_Minus):
            centre = (low + high) / 2 if self.link.cursor is None else self.link.place(self.link.cursor)
            self.link.zoom(centre, 2.0 if key == Qt.Key.Key_Minus else 0.5)
        elif key in (Qt.Key.Key_Home, Qt.Key.Key_Escape):
            self.link.show_all()
        else:
            super().keyPressEvent(event)

    def _point_at(self, x: float) -> None:
        """Moves the crosshair of all linked charts to the recorded step nearest to x."""
        index = self.link.clock.nearest(self.link.axis, x)
        if index >= 0:
            self.pointed = True
            step = float(self.link.clock.x(XAxis.STEP)[index])
            self.link.set_cursor(step)
            self.inspected.emit(step)
