"""A conversation with the model: its turns, the field for the next one, the doubt of its answers, and on request every
token that is sent."""

from __future__ import annotations

from PySide6.QtCore import QPoint
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QStackedWidget, QToolTip, QWidget

from app.pages.playground.composer import Composer
from app.pages.playground.context_meter import ContextMeter
from app.pages.playground.conversation_view import ConversationView
from app.pages.playground.dialogue import Dialogue
from app.pages.playground.doubt_strip import DoubtStrip
from app.pages.playground.suggestions import Suggestions
from app.pages.playground.token_colours import TokenColours, adapter_words, told
from app.widgets.buttons import Button, ToolButton
from app.widgets.panel import Panel
from app.widgets.token_view import TokenView

_SENT = "Show every token that is sent, as the chat template writes it  (Ctrl+T)"
_NEW = "Begin a new conversation; Undo brings this one back  (Ctrl+Shift+N)"
_SYSTEM = "What the model is told before all else; it holds from the next answer on"
_ROOM_FOR_SCALE = 700
_ROOM_FOR_TITLES = 440


class ChatPanel(Panel):
    def __init__(self, dialogue: Dialogue, parent: QWidget | None = None) -> None:
        super().__init__("Chat", margins=(20, 12, 20, 14), parent=parent)
        self._dialogue = dialogue
        self.colours = TokenColours()
        self.conversation = ConversationView(dialogue, self.colours)
        self.sent = TokenView(size=15)
        self.sent.setAccessibleName("Every token that is sent")
        self.composer = Composer()
        self.suggestions = Suggestions("Ask this")
        self._strip = DoubtStrip(dialogue)
        self.meter = ContextMeter()
        self.show_sent = ToolButton("ph.brackets-angle", _SENT, checkable=True)
        self.new = Button("New", icon="ph.file-plus", small=True, tooltip=_NEW)
        self.system = Button("System", icon="ph.note-pencil", small=True, tooltip=_SYSTEM)
        self.undo = Button("Undo", icon="ph.arrow-u-up-left", small=True, tooltip="Take the last change back  (Ctrl+Z)")
        self._views = QStackedWidget()
        self._build()
        self._connect()

    def _build(self) -> None:
        self.add_left(self.colours)
        for control in (self.show_sent, self.system, self.new, self.undo):
            self.add_control(control)
        self._views.addWidget(self.conversation)
        self._views.addWidget(self.sent)
        self._views.setMinimumHeight(64)
        self.body.addWidget(self._views, 1)
        for widget in (self.suggestions, self.composer, self._strip, self.meter):
            self.body.addWidget(widget)

    def _connect(self) -> None:
        dialogue, composer = self._dialogue, self.composer
        dialogue.replaced.connect(self._replace)
        dialogue.appended.connect(self._append)
        dialogue.changed.connect(self._update)
        dialogue.looked.connect(lambda: self.sent.set_current(dialogue.selected))
        composer.said.connect(self._say)
        composer.said_instead.connect(dialogue.say_instead)
        composer.system_set.connect(dialogue.set_system)
        composer.earlier_asked.connect(self._edit_earlier)
        composer.editing.connect(self.conversation.set_editing)
        self.conversation.edit_asked.connect(self.edit)
        self.suggestions.chosen.connect(self._say)
        self.colours.changed.connect(self._recolour)
        self.sent.clicked.connect(dialogue.select)
        self.sent.hovered.connect(self._tell)
        self.show_sent.toggled.connect(self._views.setCurrentIndex)
        self.new.clicked.connect(self.begin_anew)
        self.system.clicked.connect(lambda: composer.edit_system(dialogue.system))
        self.undo.clicked.connect(self.take_back)

    # What a person does

    def send(self) -> None:
        """What stands in the field; when nothing does, an answer that was cut off goes on."""
        if self.composer.text or self.composer.is_editing:
            self.composer.submit()
        elif self._dialogue.can_continue:
            self._dialogue.write()

    def begin_anew(self) -> None:
        self.composer.leave()
        self._dialogue.begin_anew()
        self.composer.field.setFocus()

    def take_back(self) -> None:
        self.composer.leave()
        self._dialogue.undo()

    def edit(self, index: int) -> None:
        """Puts what a turn says into the field."""
        turn = self._dialogue.turns[index]
        if turn.role == "system":
            self.composer.edit_system(turn.text)
        else:
            self.composer.edit(index, turn.text)

    def edit_last(self) -> None:
        """The last question."""
        self._edit_earlier(None)

    def _edit_earlier(self, place: int | None) -> None:
        """The question before the one that is being edited, or the last one."""
        turns = self._dialogue.turns[: place if place is not None and place >= 0 else None]
        asked = [index for index, turn in enumerate(turns) if turn.role == "user"]
        if asked:
            self.edit(asked[-1])

    def _say(self, text: str) -> None:
        self.conversation.follow()
        self._dialogue.say(text)

    # What there is to see

    def update_doubt(self) -> None:
        """The bars follow the settings."""
        self._strip.follow_settings()

    def _replace(self) -> None:
        self.sent.set_colouring(self.colours.current)
        self.sent.set_tokens([self.colours.chip(token) for token in self._dialogue.tokens])

    def _append(self, first: int) -> None:
        dialogue = self._dialogue
        self.sent.truncate(first)
        self.sent.append([self.colours.chip(token) for token in dialogue.tokens[first:]])
        self.meter.follow(dialogue, self._strip.count)

    def _recolour(self) -> None:
        self.conversation.refresh()
        self._replace()

    def _update(self) -> None:
        dialogue = self._dialogue
        self.set_subtitle(adapter_words(dialogue))
        self.sent.set_streaming(dialogue.writing)
        self.new.setEnabled(any(turn.role != "system" for turn in dialogue.turns))
        self.undo.setEnabled(dialogue.can_undo)
        self.suggestions.want(all(turn.role == "system" for turn in dialogue.turns))
        self.meter.follow(dialogue, self._strip.count)

    def _tell(self, index: int) -> None:
        if not 0 <= index < len(self._dialogue.tokens):
            QToolTip.hideText()
            return
        place = self.sent.viewport().mapToGlobal(self.sent.token_rect(index).bottomLeft() + QPoint(0, 4))
        QToolTip.showText(place, told(self._dialogue.tokens[index]), self.sent)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.colours.set_narrow(self.width() < _ROOM_FOR_SCALE)
        self._strip.set_low(self.height() < _ROOM_FOR_TITLES)
