"""How tokens are coloured: the choice, its scale, and the value that a token has for it."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from app.pages.playground.candidates_panel import percent
from app.pages.playground.legend import ScaleLegend
from app.pages.playground.session import Session
from app.pages.playground.text import TextToken
from app.theme.type import M
from app.widgets.combo import Combo
from app.widgets.token_view import Colouring, TokenChip
from app.widgets.token_view_words import visible

_SCALES = {
    Colouring.PROBABILITY: ("0", "1", "thick line: a surprise"),
    Colouring.ENTROPY: ("0", "6 bits", "thick line: much doubt"),
}


class TokenColours(QWidget):
    """changed(): another colouring was chosen."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.choice = Combo(small=True, name="Colour of the tokens")
        for colouring in (Colouring.PROBABILITY, Colouring.ENTROPY, Colouring.POSITION, Colouring.NONE):
            self.choice.add(colouring.value, data=colouring)
        self._scale = ScaleLegend()
        self._narrow = False
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(M)
        layout.addWidget(self.choice)
        layout.addWidget(self._scale)
        self.choice.currentIndexChanged.connect(lambda _: self._choose())
        self.show_scale()

    @property
    def current(self) -> Colouring:
        chosen: Colouring = self.choice.currentData()
        return chosen

    def set_narrow(self, narrow: bool) -> None:
        """The scale without its words."""
        if narrow != self._narrow:
            self._narrow = narrow
            self.show_scale()

    def show_scale(self) -> None:
        """Of what is chosen."""
        scale = _SCALES.get(self.current)
        self.choice.show()
        self._scale.setVisible(scale is not None)
        if scale is not None:
            self._scale.show_scale(*scale[:2], "" if self._narrow else scale[2])

    def show_attention(self) -> None:
        """The tokens show where one of them looks: there is nothing to choose."""
        self.choice.hide()
        self._scale.show_scale("0", "1", "how much of its attention lies there")
        self._scale.show()

    def chip(self, token: TextToken) -> TokenChip:
        """What was typed is plain text, but for the special tokens that a template puts in."""
        return TokenChip(
            text=token.text,
            token_id=token.token_id,
            data=token.data,
            value=self.value(token),
            special=token.is_special,
            plain=not token.is_written and not token.is_special,
        )

    def value(self, token: TextToken) -> float | None:
        if token.drawn is None:
            return None
        entropy = self.current is Colouring.ENTROPY
        return token.drawn.entropy_before if entropy else token.drawn.probability_before

    def _choose(self) -> None:
        self.show_scale()
        self.changed.emit()


def adapter_words(session: Session) -> str:
    """Beside the title: who answers, when a model's adapter is switched off."""
    off = session.facts is not None and session.facts.adapter and not session.adapter
    return "adapter off, the base answers" if off else ""


def told(token: TextToken) -> str:
    """Two lines about the token under the pointer."""
    words = [f"{visible(token.text, token.data)}   id {token.token_id:,}"]
    if token.drawn is not None:
        words.append(f"{percent(token.drawn.probability_before)}, the model's number {token.drawn.rank}")
    return "\n".join(words)
