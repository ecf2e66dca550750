"""See and the views beside it; each is built when it is first looked at."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QStackedWidget, QWidget

from app.jobs.desk import Desk
from app.pages.tokenizer import view_words
from app.pages.tokenizer.browse_view import BrowseView
from app.pages.tokenizer.compare_view import CompareView
from app.pages.tokenizer.shelf import Shelf
from app.pages.tokenizer.template_view import TemplateView
from app.pages.tokenizer.train_view import TrainView
from app.pages.tokenizer.view import Chosen, View
from app.widgets.inspection import Inspection

SEE, TRAIN, COMPARE, BROWSE, TEMPLATES = range(5)
VIEWS = ("See", "Train", "Compare", "Browse", "Templates")
_AT_REST = {
    TRAIN: view_words.TRAIN,
    COMPARE: view_words.COMPARE,
    BROWSE: view_words.BROWSE,
    TEMPLATES: view_words.TEMPLATES,
}


class ViewStack(QStackedWidget):
    """inspected(Inspection | None): what is under the pointer in one of them."""

    inspected = Signal(object)

    def __init__(self, desk: Desk, shelf: Shelf, see: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk, self._shelf = desk, shelf
        self._chosen: Chosen | None = None
        self._views: dict[int, View] = {}
        for place in range(len(VIEWS)):
            self.addWidget(see if place == SEE else QStackedWidget())

    def use(self, chosen: Chosen) -> None:
        """Another tokenizer for all of them."""
        self._chosen = chosen
        for view in self._views.values():
            view.use(chosen)

    def go_to(self, place: int) -> None:
        """SEE, TRAIN, COMPARE, BROWSE or TEMPLATES."""
        if place != self.currentIndex():
            self.leave()
        self.setCurrentIndex(place)
        self.come()

    def come(self) -> None:
        """The page came into sight, and with it one of the views."""
        if self.currentIndex() != SEE:
            self.view(self.currentIndex()).shown()

    def leave(self) -> None:
        if self.currentIndex() in self._views:
            self._views[self.currentIndex()].hidden()

    def at_rest(self) -> Inspection | None:
        """What the inspector says while nothing is pointed at; None for the page's help."""
        return _AT_REST.get(self.currentIndex())

    def view(self, place: int) -> View:
        if place not in self._views:
            view = self._build(place)
            holder = self.widget(place)
            assert isinstance(holder, QStackedWidget)
            holder.addWidget(view)
            view.inspected.connect(self.inspected)
            if self._chosen is not None:
                view.use(self._chosen)
            self._views[place] = view
        return self._views[place]

    def _build(self, place: int) -> View:
        if place == TRAIN:
            return TrainView(self._desk)
        if place == COMPARE:
            return CompareView(self._shelf)
        if place == BROWSE:
            return BrowseView(self._desk)
        return TemplateView(self._desk)
