"""The page: which model is asked, what is seen of it, and what the buttons and keys do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from PySide6.QtCore import QTimer
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from app.jobs.desk import Desk
from app.pages._page import PageWidget
from app.pages.playground.arrangement import CHAT, LOOK, WRITE, Arrangement
from app.pages.playground.candidates_panel import CandidatesPanel
from app.pages.playground.chat_panel import ChatPanel
from app.pages.playground.chat_queries import suggest_questions
from app.pages.playground.controls_panel import ControlsPanel
from app.pages.playground.dialogue import Dialogue
from app.pages.playground.doubt import Doubt
from app.pages.playground.example import NoModel
from app.pages.playground.inspections import of_look, of_place
from app.pages.playground.look_panel import LookPanel
from app.pages.playground.queries import suggest
from app.pages.playground.sources import ModelSource, at, choose, list_sources
from app.pages.playground.text_panel import TextPanel
from app.theme.type import M
from app.widgets.buttons import Button, pass_focus
from app.widgets.combo import Combo
from app.widgets.cost_words import first_words_time
from app.widgets.error_banner import ErrorBanner
from app.widgets.notice import Notice
from app.widgets.segments import Segments
from engine.errors import CutawayError

_LIVE_LOOK_MS = 2000


class PlaygroundPage(PageWidget):
    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._sources: list[ModelSource] = []
        self._asked_for: Path | None = None
        self._suggested: Path | None = None
        self._on_screen = False
        self._chosen = False  # a person has said whether they write or chat
        self.session = Dialogue(desk.engine, self)
        self.doubt = Doubt(self.session, self)
        self.model = Combo(name="Model")
        self.open_button = Button("Open", icon="ph.folder-open", tooltip="Open a model from elsewhere  (Ctrl+O)")
        self.mode = Segments(["Write", "Chat", "Look inside"])
        self.button = Button("Write", "primary", "ph.pen-nib", tooltip="Let the model go on  (Ctrl+Enter)")
        self.stop_button = Button("Stop writing", "primary", "ph.stop", key="Esc", tooltip="What has come stays")
        self.text = TextPanel(self.session)
        self.chat = ChatPanel(self.session)
        self.candidates = CandidatesPanel(self.session)
        self.controls = ControlsPanel(self.session)
        self.look = LookPanel(self.session, desk.engine)
        self.banner = ErrorBanner()
        self.notice = Notice()
        self.empty = NoModel()
        self._stack = QStackedWidget()
        self._panels = Arrangement(self.text, self.chat, self.candidates, self.controls, self.look)
        self._live = QTimer(self, interval=_LIVE_LOOK_MS)
        self._build()
        self._build_actions()
        self._connect()
        self._update()

    # The window's side

    def header_left(self) -> Sequence[QWidget]:
        return (self.model, self.open_button)

    def header_right(self) -> Sequence[QWidget]:
        return (self.mode, self.button, self.stop_button)

    def shown(self) -> None:
        self._on_screen = True
        self.empty.show_time(first_words_time(self._desk.workspace))
        self._desk.runs.watch(self, True)
        self._list_sources()
        self.look.watch(self.mode.current() == LOOK)
        self._live.start()
        self._inspect()

    def hidden(self) -> None:
        self._on_screen = False
        self._desk.runs.watch(self, False)
        self.look.watch(False)
        self._live.stop()
        self.doubt.stop()

    def open(self, argument: Any) -> None:
        """A run's folder, or a checkpoint's: the model to talk to."""
        folder = getattr(argument, "folder", argument)
        if isinstance(folder, Path):
            self._asked_for = folder
            self._list_sources()

    # Building

    def _build(self) -> None:
        work = QWidget()
        column = QVBoxLayout(work)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(M)
        column.addWidget(self.banner)
        column.addWidget(self.notice)
        column.addWidget(self._panels, 1)
        self._stack.addWidget(self.empty)
        self._stack.addWidget(work)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._stack)

    def _build_actions(self) -> None:
        self.write_action = self._action("Write, or send", "Ctrl+Return", "The model goes on, or answers", self.write)
        self.stop_action = self._action("Stop writing", "Esc", "What has come stays", self._escape)
        self.step_action = self._action("Step", "Ctrl+.", "Write one token", self._step)
        self.undo_action = self._action("Undo", "Ctrl+Z", "Take the last change back", self._take_back)
        self._action("Edit the text", "F2", "Change the beginning, or the last question", self._edit)
        self._action("Begin anew", "Ctrl+Shift+N", "With nothing written; Undo brings it back", self._begin_anew)
        self._action("Look inside, or write", "Ctrl+I", "Attention of every head over the text", self._turn_mode)
        self._chat_actions = [
            self._action("Chat, or write a text", "Ctrl+J", "Talk with a model that answers", self._turn_chat),
            self._action("Answer again", "Ctrl+R", "The last question, with the next seed", self.answer_again),
            self._action("Show the tokens that are sent", "Ctrl+T", "As the template writes them", self._turn_sent),
            self._action("System prompt", "", "What the model is told before all else", self._edit_system),
        ]

    def _action(self, text: str, shortcut: str, words: str, receiver: Any) -> QAction:
        action = QAction(text, self)
        action.setShortcut(shortcut)
        action.setToolTip(words)
        action.triggered.connect(lambda _=False: receiver())
        self.addAction(action)
        return action

    def _connect(self) -> None:
        session, desk = self.session, self._desk
        self.model.activated.connect(lambda row: self.use(self._sources[row]))
        self.mode.changed.connect(self._choose_mode)
        self.open_button.clicked.connect(lambda: desk.bus.navigate.emit("open", None))
        self.button.clicked.connect(self.write)
        self.stop_button.clicked.connect(session.stop)
        self.empty.asked.connect(lambda: desk.bus.navigate.emit("home", None))
        self.text.write_asked.connect(self.write)
        self.text.suggestions.chosen.connect(self._begin_with)
        self.text.new_asked.connect(self.text.begin_anew)
        self.chat.conversation.again_asked.connect(self.answer_again)
        self.chat.composer.field.textChanged.connect(self._update)
        session.changed.connect(self._update)
        session.looked.connect(self._inspect)
        for signal in (session.tuned, session.replaced):
            signal.connect(self.doubt.follow)
        session.trouble.connect(self._show_trouble)
        self.doubt.moved.connect(self.text.update_doubt)
        self.doubt.moved.connect(self.chat.update_doubt)
        self.look.moved.connect(self._look_moved)
        desk.runs.changed.connect(self._list_sources)
        desk.jobs.changed.connect(self._list_sources)
        desk.jobs.ended.connect(lambda _: desk.runs.refresh())
        desk.bus.workspace_changed.connect(lambda _: self._list_sources())
        self._live.timeout.connect(self._look_at_live)

    # What a person does

    def use(self, source: ModelSource | None) -> None:
        """Asks another model from now on."""
        begins = source is not None and source.begun and not (self.session.source and self.session.source.begun)
        self.session.use(source)
        if source in self._sources:
            self.model.setCurrentIndex(self._sources.index(source))
        self.banner.dismiss()
        if source is not None and begins:
            self.session.look_ahead()
        if source is not None and source.run != self._suggested:
            self._suggested = source.run
            self._take_suggestions(())
            self._take_questions(())
            self._desk.engine.ask(suggest(source.run), self._take_suggestions, on_error=self._no_suggestions)
            self._desk.engine.ask(suggest_questions(source.run), self._take_questions, on_error=self._no_questions)
        self._update()

    def write(self) -> None:
        (self.chat.send if self.session.chatting else self.text.write)()

    def answer_again(self) -> None:
        """The last question once more. The same seed would give the same answer."""
        if self.session.can_repeat:
            self.controls.next_seed()
            self.session.answer_anew()

    def show_mode(self, mode: int) -> None:
        """WRITE, CHAT or LOOK, which is of the text or of the conversation, whichever was in view."""
        self.mode.set_current(mode)
        if mode != LOOK:
            self.text.set_read_only(mode == CHAT)
            self.session.set_chatting(mode == CHAT)
        self._panels.show_mode(mode)
        self.text.set_compact(mode == LOOK)
        self.look.watch(mode == LOOK and self._on_screen)
        if mode == CHAT:
            self.chat.composer.field.setFocus()
        self._inspect()
        self._update()

    def _choose_mode(self, mode: int) -> None:
        self._chosen = True
        self.show_mode(mode)

    def _escape(self) -> None:
        if self.session.writing:
            self.session.stop()
        else:
            self.session.select(None)

    def _step(self) -> None:
        if not self.session.chatting:
            self.text.write(1)
        elif self.session.can_continue:
            self.session.write(1)

    def _take_back(self) -> None:
        (self.chat if self.session.chatting else self.text).take_back()

    def _begin_anew(self) -> None:
        (self.chat if self.session.chatting else self.text).begin_anew()

    def _edit(self) -> None:
        if self.session.chatting:
            self.chat.edit_last()
        else:
            self.text.area.edit(len(self.session.text))

    def _begin_with(self, text: str) -> None:
        self.session.edit(text)
        self.session.write()

    def _turn_mode(self) -> None:
        self.show_mode(LOOK if self.mode.current() != LOOK else CHAT if self.session.chatting else WRITE)

    def _turn_chat(self) -> None:
        self._choose_mode(WRITE if self.session.chatting else CHAT)

    def _turn_sent(self) -> None:
        self.show_mode(CHAT)
        self.chat.show_sent.toggle()

    def _edit_system(self) -> None:
        self.show_mode(CHAT)
        self.chat.composer.edit_system(self.session.system)

    # What the rest of the window says

    def _list_sources(self) -> None:
        """Which models there are now; the one in use stays, or its run's newest checkpoint takes its place."""
        if not (self._on_screen or self.session.source or self._asked_for):
            return
        desk, now = self._desk, datetime.now().astimezone()
        imported = desk.workspace.model_folders()
        self._sources = list_sources(desk.runs.summaries, desk.jobs.current, now, imported)
        wanted = at(self._sources, self._asked_for) if self._asked_for else None
        if wanted is not None:
            self._asked_for = None
        source = wanted or choose(self._sources, self.session.source)
        self.model.blockSignals(True)
        self.model.clear()
        for entry in self._sources:
            self.model.add(entry.name, entry.detail)
        self.model.setCurrentIndex(self._sources.index(source) if source is not None else -1)
        self.model.blockSignals(False)
        if source != self.session.source:
            self.use(source)
        self._update()

    def _look_at_live(self) -> None:
        """A model in training changes while one looks: what it expects now is asked every two seconds."""
        source = self.session.source
        if source is not None and source.is_live and source.begun and not self.session.writing:
            self.session.look_ahead()
            self.look.refresh()

    def _take_suggestions(self, beginnings: object) -> None:
        if isinstance(beginnings, tuple):
            self.text.suggestions.offer(beginnings)

    def _no_suggestions(self, _error: CutawayError) -> None:
        self.text.suggestions.offer(())  # a corpus that is gone offers no beginnings; the model answers all the same

    def _take_questions(self, questions: object) -> None:
        if isinstance(questions, tuple):
            self.chat.suggestions.offer(questions)

    def _no_questions(self, _error: CutawayError) -> None:
        self.chat.suggestions.offer(())  # as above

    # What the session says

    def _show_trouble(self, error: CutawayError | None) -> None:
        source = self.session.source
        if error is None:
            self.banner.dismiss()
        elif source is not None and source.is_live and self.session.facts is None:
            self.notice.say(f"{source.name} prepares its first step: its model answers in a moment.")
        else:
            self.banner.tell(error)

    def _look_moved(self) -> None:
        if self.mode.current() == LOOK:
            self.text.show_looks(self.look.row_weights())
            self._inspect()

    def _inspect(self) -> None:
        """Tells the inspector what is in view; while a text streams, only about a token that was picked."""
        session, looks = self.session, self.look.looks
        if not self._on_screen or (session.writing and session.selected is None):
            return
        if self.mode.current() == LOOK and looks is not None:
            layer, head = self.look.mosaic.current
            self._desk.bus.inspect.emit(of_look(looks, layer, head, self.look.cell))
        else:
            self._desk.bus.inspect.emit(of_place(session))

    def _update(self) -> None:
        session = self.session
        source = session.source
        ready = source is not None and source.begun
        self._stack.setCurrentIndex(1 if source is not None else 0)
        for widget in (self.model, self.mode):
            widget.setVisible(source is not None)
        self._fit_to_model()
        self._show_button(ready)
        shown, gone = (self.stop_button, self.button) if session.writing else (self.button, self.stop_button)
        shown.setVisible(source is not None)
        pass_focus([gone], shown)
        gone.setVisible(False)
        self.stop_action.setEnabled(session.writing or session.selected is not None)
        self.write_action.setEnabled(self.button.isEnabled() and not session.writing)
        self.step_action.setEnabled(ready and not session.writing)
        self.undo_action.setEnabled(session.can_undo)
        self._say_how_it_is(source)
        if source is not None and source.is_live and session.facts is not None and source in self._sources:
            self.model.set_detail(self._sources.index(source), f"training now, step {session.facts.step:,}")

    def _fit_to_model(self) -> None:
        """A model with a chat template is talked to at first; with one that has none, one can only write."""
        session, facts = self.session, self.session.facts
        if facts is None:
            return
        self.mode.set_enabled(CHAT, facts.chats)
        for action in self._chat_actions:
            action.setEnabled(facts.chats)
        if session.chatting and not facts.chats:
            self.show_mode(WRITE)
        elif facts.chats and not self._chosen and not session.text and self.mode.current() == WRITE:
            self._chosen = True
            self.show_mode(CHAT)

    def _show_button(self, ready: bool) -> None:
        session = self.session
        if not session.chatting:
            self.button.set_text("Write")
            self.button.set_icon("ph.pen-nib")
            self.button.setEnabled(ready)
            return
        goes_on = session.can_continue and not self.chat.composer.text
        self.button.set_text("Continue" if goes_on else "Send")
        self.button.set_icon("ph.pen-nib" if goes_on else "ph.paper-plane-right")
        self.button.setEnabled(ready and (goes_on or bool(self.chat.composer.text)))

    def _say_how_it_is(self, source: ModelSource | None) -> None:
        if source is not None and not source.begun:
            self.notice.say(
                f"The model of {source.name} is not there yet: {source.stage} is at work. "
                "It answers from its first training step on."
            )
        elif self.session.facts is not None or source is None or not source.is_live:
            self.notice.say(self.session.facts.note if self.session.facts else "")
