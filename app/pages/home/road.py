"""The recipe as a road: its cards in a row, joined by arrows that light up as the run goes along."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.pages.home.cards import make_cards
from app.pages.home.road_card import RoadCard, Scene
from app.theme.palette import Palette, colors
from app.widgets.stage_card import Mark
from engine.launch.recipe import Recipe

_GAP = 22
_NARROWEST, _WIDEST = 148, 240
_OTHERS = 0.68  # share of the room that the cards beside the wide one take together


class Road(QWidget):
    """opened(page): a card was clicked."""

    opened = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.cards: list[RoadCard] = []
        self._names: list[str] = []

    def show_scene(self, scene: Scene) -> None:
        names = [spec.name for spec in scene.recipe.stages]
        if names != self._names:
            self._names = names
            self._rebuild(scene.recipe)
        before, wide = [card.card.mark for card in self.cards], self._wide
        for card in self.cards:
            card.show(scene)
        if self._wide is not wide:
            self._place()
        if [card.card.mark for card in self.cards] != before:
            self.update()  # the arrows; it paints every card anew, so not for every number that moves

    @property
    def _wide(self) -> RoadCard | None:
        return next((card for card in reversed(self.cards) if card.wants_room), None)

    def sizeHint(self) -> QSize:
        return QSize(1000, 336)

    def minimumSizeHint(self) -> QSize:
        return QSize(600, 250)

    def _rebuild(self, recipe: Recipe) -> None:
        for old in self.cards:
            old.card.deleteLater()
        self.cards = make_cards(recipe)
        for made in self.cards:
            made.card.setParent(self)
            made.card.opened.connect(lambda page=made.page: self.opened.emit(page))
            made.card.show()
        self._place()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place()

    def _place(self) -> None:
        """The card that trains takes what the others leave."""
        if not self.cards:
            return
        count, wide = len(self.cards), self._wide
        room = self.width() - _GAP * (count - 1)
        narrow = room / count
        if wide is not None and count > 1:
            narrow = min(max(room * min(0.195, _OTHERS / (count - 1)), _NARROWEST), _WIDEST)
        left = 0.0
        for index, made in enumerate(self.cards):
            made.card.set_wide(made is wide)
            width = room - narrow * (count - 1) if made is wide else narrow
            right = self.width() if index == len(self.cards) - 1 else left + width
            made.card.setGeometry(QRect(round(left), 0, round(right) - round(left), self.height()))
            left += width + _GAP

    def paintEvent(self, _event: QPaintEvent) -> None:
        p = colors(self)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for before, after in zip(self.cards, self.cards[1:], strict=False):
            self._paint_arrow(painter, before.card.geometry().right() + 1, after.card.mark, before.card.mark, p)

    def _paint_arrow(self, painter: QPainter, x: int, mark: Mark, before: Mark, p: Palette) -> None:
        live = mark in (Mark.RUNNING, Mark.PAUSED)
        passed = mark in (Mark.DONE, Mark.STOPPED, Mark.FAILED) and before is Mark.DONE
        pen = QPen(QColor(p.accent if live else p.ok if passed else p.border), 1.5)
        middle = self.height() / 2
        tip = QPointF(x + _GAP - 3, middle)
        if not (live or passed):
            pen.setDashPattern([2, 2])
        painter.setPen(pen)
        painter.drawLine(QPointF(x + 2, middle), tip)
        pen.setStyle(Qt.PenStyle.SolidLine)
        painter.setPen(pen)
        painter.drawPolyline([tip + QPointF(-4, -4), tip, tip + QPointF(-4, 4)])
