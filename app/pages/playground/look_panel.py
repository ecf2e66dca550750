"""Inside the model: all heads at once, and one of them large over the tokens of the text."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QRectF, QTimer, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget

from app.jobs.engine_thread import EngineThread
from app.jobs.query import Ticket
from app.pages.playground.head_kinds import INDUCTION, PREVIOUS, WORDS
from app.pages.playground.queries import Looks, look
from app.pages.playground.session import Session
from app.pages.playground.strong_looks import StrongLooks, strongest
from app.theme.icons import paint_icon
from app.theme.palette import colors
from app.theme.type import M, font
from app.widgets.attention_head import AttentionHead
from app.widgets.attention_mosaic import AttentionMosaic
from app.widgets.label import Label
from app.widgets.panel import Panel
from app.widgets.tag import Tag
from app.widgets.token_view_words import visible

CAUTION = "Attention shows where the head reads from. It does not prove why the model answered."
_SETTLE_MS = 200
_STRONGEST = 16
_WORTH_SHOWING = 0.02


class LookPanel(QWidget):
    """Follows the text of a session while it is watched.

    moved(): another head, row or text is explained; `looks`, `head` and `cell` say which.
    """

    moved = Signal()

    def __init__(self, session: Session, engine: EngineThread, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._engine = session, engine
        self._ticket: Ticket | None = None
        self._watched = False
        self.looks: Looks | None = None
        self.mosaic = AttentionMosaic()
        self.head = AttentionHead()
        self.strong = StrongLooks()
        self._strong_title = Label(size=11)
        self._all = Panel("All heads")
        self._one = Panel("Head")
        self._kind = Tag("", "accent")
        self._legend = _KindLegend()
        self._entropy = Label(role="muted", size=11)
        self._settle = QTimer(self, singleShot=True, interval=_SETTLE_MS)
        self._settle.timeout.connect(self._ask)
        self._build()
        self._connect()

    def _build(self) -> None:
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(M)
        self._all.add_control(self._legend)
        self._all.body.addWidget(self.mosaic)
        self._all.body.addSpacing(M)
        self._all.body.addWidget(self._strong_title)
        self._all.body.addWidget(self.strong, 1)
        self._one.add_left(self._kind)
        self._one.add_control(self._entropy)
        self._one.body.addWidget(self.head, 1)
        self._one.body.addWidget(_Caution())
        layout.addWidget(self._all, 5)
        layout.addWidget(self._one, 6)

    def _connect(self) -> None:
        self.mosaic.picked.connect(lambda *_: self._show_head())
        self.strong.picked.connect(self._pick)
        self.head.row_picked.connect(lambda _: self._tell())
        self.head.cell_hovered.connect(lambda *_: self.moved.emit())
        for signal in (self._session.replaced, self._session.appended):
            signal.connect(lambda *_: self._soon())
        self._session.looked.connect(self._follow_selection)

    def watch(self, on: bool) -> None:
        """While it is watched, it asks for the attention on every text that stands for a moment."""
        self._watched = on
        if on:
            self._ask()
        elif self._ticket is not None:
            self._ticket.cancel()
            self._ticket = None

    def refresh(self) -> None:
        """Asks again: the model may have learnt meanwhile."""
        if self._watched and self._ticket is None:
            self._ask()

    @property
    def cell(self) -> tuple[int, int]:
        """(row, column) that is explained, counted from the first token in view."""
        return self.head.looked_at()

    def row_weights(self) -> list[float | None]:
        """For each token of the session's text, how much of the picked row's attention lies on it; None for next to
        nothing, so that the few that matter stand out."""
        looks = self.looks
        if looks is None:
            return []
        layer, head = self.mosaic.current
        row = looks.weights[layer, head, self.head.row].astype(np.float32)
        return [None] * looks.left_out + [float(weight) if weight >= _WORTH_SHOWING else None for weight in row]

    def _soon(self) -> None:
        if self._watched and not self._settle.isActive():
            self._settle.start()

    def _ask(self) -> None:
        session = self._session
        if session.source is None or not session.source.begun or session.draft:
            return
        if self._ticket is not None:
            self._ticket.cancel()
        query = look(session.source.place, session.ids, session.adapter)
        self._ticket = self._engine.ask(query, self._take, self._done, self._failed)

    def _take(self, item: object) -> None:
        if isinstance(item, Looks):
            self.show_answer(item)

    def show_answer(self, item: Looks) -> None:
        """Another text, or the same after the model learnt; the row stays where the text did."""
        before = self.looks
        self.looks = item
        self.mosaic.set_weights(item.levels, item.kinds)
        last = len(item.tokens) - 1
        same = before is not None and before.tokens == item.tokens
        selected = self._session.selected
        row = self.head.row if same else last if selected is None else min(max(selected - item.left_out, 0), last)
        left = f", the last {len(item.tokens)} tokens" if item.left_out else ""
        self._legend.setVisible(bool(item.kinds))
        self._all.set_subtitle(f"{item.facts.n_layer} layers × {item.facts.n_head}{left}")
        self._show_head(row)

    def _done(self) -> None:
        self._ticket = None

    def _failed(self, error: object) -> None:
        self._ticket = None
        self._session.trouble.emit(error)

    def _show_head(self, row: int | None = None) -> None:
        if self.looks is None:
            return
        layer, head = self.mosaic.current
        names = [visible(text, data) or text for _, data, text in self.looks.tokens]
        self.head.show_head(names, self.looks.weights[layer, head], self.head.row if row is None else row)
        self._tell()

    def _pick(self, layer: int, head: int) -> None:
        self.mosaic.set_current(layer, head)
        self._show_head()

    def _tell(self) -> None:
        assert self.looks is not None
        layer, head = self.mosaic.current
        self._one.set_title(f"Head {layer}.{head}")
        kind = self.looks.kinds.get((layer, head), "")
        self._kind.setVisible(bool(kind))
        if kind:
            self._kind.set(WORDS[kind], "accent")
        _, data, text = self.looks.tokens[self.head.row]
        self._strong_title.setText(f"Heads that look back most sharply from {visible(text, data)}")
        self.strong.show_looks(strongest(self.looks, self.head.row, _STRONGEST), (layer, head))
        self._entropy.setText(f"mean entropy {mean_entropy(self.looks, layer, head):.1f} bits")
        self.moved.emit()

    def _follow_selection(self) -> None:
        """A token picked in the text is the row that is explained."""
        selected = self._session.selected
        if self._watched and self.looks is not None and selected is not None:
            row = selected - self.looks.left_out
            if 0 <= row < len(self.looks.tokens) and row != self.head.row:
                self.head.set_row(row)
                self._tell()


def mean_entropy(looks: Looks, layer: int, head: int) -> float:
    """Bits, averaged over the rows: 0 when each token looks at one place only."""
    weights = looks.weights[layer, head].astype(np.float32)
    logs = np.log2(weights, out=np.zeros_like(weights), where=weights > 0)
    return float(-(weights * logs).sum(axis=-1).mean())


class _KindLegend(QWidget):
    """ "I induction  P previous": the letters on some heads."""

    def __init__(self) -> None:
        super().__init__()
        self._parts = ((INDUCTION, WORDS[INDUCTION]), (PREVIOUS, WORDS[PREVIOUS]))
        width = sum(QFontMetricsF(font(11)).horizontalAdvance(words) + 27 for _, words in self._parts)
        self.setFixedSize(round(width), 18)

    def paintEvent(self, event: QPaintEvent) -> None:
        palette, painter = colors(self), QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        x = 0.0
        for letter, words in self._parts:
            painter.setBrush(QColor(palette.raised))
            painter.setPen(QColor(palette.raised))
            painter.drawRoundedRect(QRectF(x, 2, 12, 14), 2, 2)
            painter.setFont(font(10, weight=600))
            painter.setPen(QColor(palette.text))
            painter.drawText(QRectF(x, 2, 12, 14), 0x84, letter)
            painter.setFont(font(11))
            painter.setPen(QColor(palette.muted))
            width = QFontMetricsF(font(11)).horizontalAdvance(words)
            painter.drawText(QRectF(x + 17, 0, width + 2, 18), 0x80, words)
            x += width + 27


class _Caution(QWidget):
    def __init__(self) -> None:
        super().__init__()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(24, 0, 0, 0)
        layout.addWidget(Label(CAUTION, "muted", 11, wrap=True), 1)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        paint_icon(painter, QRectF(0, self.height() / 2 - 8, 16, 16), "ph.info", colors(self).warning)
