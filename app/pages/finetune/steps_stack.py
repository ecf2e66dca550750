"""The four steps of the page, one of them in view, each built when it is first needed."""

from __future__ import annotations

from PySide6.QtWidgets import QStackedWidget, QWidget

from app.jobs.desk import Desk
from app.pages.finetune.compare_view import CompareView
from app.pages.finetune.data_view import DataView
from app.pages.finetune.header import COMPARE, DATA, RUN, TEMPLATE
from app.pages.finetune.nothing_yet import no_answers, no_model
from app.pages.finetune.run_view import RunView
from app.pages.finetune.setup_view import SetupView
from app.pages.finetune.template_view import TemplateView
from app.pages.finetune.tuning_run import TuningRun
from app.pages.finetune.view_words import SETUP, STEPS
from app.widgets.inspection import Inspection

_NOTHING = 4  # the place behind the four steps


class StepsStack(QStackedWidget):
    """new: whether a fine-tuning is set up, and none is in view. startable: whether there is a model to tune."""

    def __init__(self, desk: Desk, run: TuningRun, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self.step = DATA
        self._new, self._startable = True, True
        self._data: DataView | None = None
        self._template: TemplateView | None = None
        self.run_view = RunView(run, desk)
        self.setup = SetupView(desk)
        self.compare = CompareView(run, desk)
        self.no_answers, self.no_model = no_answers(), no_model()
        self._places = {step: QStackedWidget() for step in (DATA, TEMPLATE, RUN, COMPARE)}
        for place, views in ((RUN, (self.setup, self.run_view)), (COMPARE, (self.no_answers, self.compare))):
            for view in views:
                self._places[place].addWidget(view)
        for place_widget in (*self._places.values(), self.no_model):
            self.addWidget(place_widget)

    @property
    def data(self) -> DataView:
        """It reads conversations at once."""
        if self._data is None:
            self._data = DataView(self._desk)
            self._places[DATA].addWidget(self._data)
        return self._data

    @property
    def has_data(self) -> bool:
        """Whether `data` was needed before."""
        return self._data is not None

    @property
    def template(self) -> TemplateView:
        if self._template is None:
            self._template = TemplateView(self._desk)
            self._places[TEMPLATE].addWidget(self._template)
        return self._template

    @property
    def shows_nothing(self) -> bool:
        return self.currentIndex() == _NOTHING

    def words(self) -> Inspection | None:
        """What the step in view is for; None for the page's help."""
        if self.shows_nothing:
            return None
        return SETUP if self.step == RUN and self._new else STEPS[self.step]

    def show_step(self, step: int, *, new: bool, startable: bool) -> bool:
        """step: DATA, TEMPLATE, RUN or COMPARE. False when that changes nothing."""
        wanted = (step, new, startable)
        if wanted == (self.step, self._new, self._startable) and self.currentIndex() in (step, _NOTHING):
            return False
        self.step, self._new, self._startable = wanted
        self._places[RUN].setCurrentWidget(self.setup if new else self.run_view)
        self._places[COMPARE].setCurrentWidget(self.no_answers if new else self.compare)
        self.setCurrentIndex(step if startable or not new else _NOTHING)
        return True

    def repaint_now(self) -> None:
        """What comes into view shows what is known by now."""
        if self.currentIndex() == RUN and not self._new:
            self.run_view.shown()
        elif self.currentIndex() == COMPARE and not self._new:
            self.compare.shown()
