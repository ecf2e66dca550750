"""Text as the model sees it: tokens as chips, a million of them, painted only where they are in view."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QGuiApplication,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QMenu, QWidget

from app.theme.palette import colors
from app.widgets.token_view_colour import Colouring, Shades, TokenChip
from app.widgets.token_view_copy import CopyForm, copied
from app.widgets.token_view_paint import draw_outline
from app.widgets.token_view_scroll import MARGIN, TokenScroll
from app.widgets.token_view_tokens import ChipRun, IdRun

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Colouring", "CopyForm", "TokenChip", "TokenView"]

_BLINK_MS = 530
_SHIFTED = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
_KEYS = {CopyForm.TEXT: "Ctrl+C", CopyForm.IDS: "Ctrl+Shift+C", CopyForm.JSON: "Ctrl+Shift+J"}


class TokenView(TokenScroll):
    """Tokens in lines. `current` is the one that a person picked; `selected` is a range marked by dragging.

    copied(form, count): tokens went to the clipboard.
    """

    hovered = Signal(int)
    clicked = Signal(int)
    activated = Signal(int)
    selected = Signal(int, int)
    copied = Signal(object, int)

    def __init__(
        self,
        parent: QWidget | None = None,
        *,
        size: int = 15,
        fixed: bool = True,
        line_height: int = 27,
        chip_height: int = 24,
    ) -> None:
        super().__init__(parent, size=size, fixed=fixed, line_height=line_height, chip_height=chip_height)
        self._shades = Shades(colors(self))
        self._current: int | None = None
        self._hover = -1
        self._anchor: int | None = None
        self._streaming = self._caret_on = self._links = False
        self._placeholder = ""
        self._blink = QTimer(self, interval=_BLINK_MS)
        self._blink.timeout.connect(self._toggle_caret)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.viewport().setMouseTracking(True)
        self.viewport().setAutoFillBackground(False)
        self.setAccessibleName("Tokens")

    @property
    def current(self) -> int | None:
        return self._current

    @property
    def selection(self) -> range:
        """The tokens that are marked; empty when none are."""
        return self._painter.selection

    def set_tokens(self, tokens: Sequence[TokenChip]) -> None:
        """Shows other tokens. What was picked or marked is let go."""
        self._tokens = ChipRun(tokens)
        self._painter.values = [chip.value for chip in tokens]
        self._show_others()

    def set_ids(self, ids: ArrayLike, chip_of: Callable[[int], TokenChip]) -> None:
        """The same for a text of up to some millions of tokens, given by their ids: chips are made as they are needed.

        chip_of: what stands for an id; it is asked once for each."""
        self._tokens = IdRun(ids, chip_of)
        self._painter.values = None
        self._show_others()

    def replace_ids(self, first: int, end: int, ids: ArrayLike) -> None:
        """Other ids in the place of tokens `first` to `end` - 1; the place in the text stays in view.

        Only for what `set_ids` showed; raises TypeError otherwise."""
        if not isinstance(self._tokens, IdRun):
            raise TypeError("These tokens came as chips")
        self._tokens.replace(first, end, ids)
        self._painter.values = None
        self._let_go()
        self._lay_out(first)

    def append(self, tokens: Sequence[TokenChip]) -> None:
        """Adds tokens at the end of those of `set_tokens`; only the last lines are laid out again. Follows the text
        when its end is in view."""
        if not isinstance(self._tokens, ChipRun):
            raise TypeError("These tokens came as ids")
        bar = self.verticalScrollBar()
        follow = bar.value() >= bar.maximum() - 2
        start = len(self._tokens)
        self._tokens.extend(tokens)
        values = self._painter.values
        self._painter.values = values if isinstance(values, list) else list(values or ())
        self._painter.values.extend(chip.value for chip in tokens)
        self._lay_out(start)
        if follow:
            self.follow()

    def truncate(self, count: int) -> None:
        """Keeps the first `count` tokens."""
        self._tokens.cut(count)
        if self._painter.values is not None:
            self._painter.values = self._painter.values[:count]
        if self._current is not None and self._current >= count:
            self._current = None
        self._hover = -1
        self._painter.selection = range(0)
        self._lay_out(count)

    def set_values(self, values: Sequence[float | None] | NDArray[np.floating]) -> None:
        """New values of all tokens, in order; `tokens` keeps those that it came with. A recolouring, no layout. In a
        numpy array, which is kept and not copied, NaN stands for None.

        Raises ValueError when there are more or fewer values than tokens.
        """
        if len(values) != len(self._tokens):
            raise ValueError(f"{len(values)} values for {len(self._tokens)} tokens")
        self._painter.values = values if hasattr(values, "dtype") else list(values)
        self.viewport().update()

    def set_colouring(self, colouring: Colouring) -> None:
        self._painter.colouring = colouring
        self.viewport().update()

    def set_show_spaces(self, shown: bool) -> None:
        """Leading spaces as a faint mid-dot."""
        self._painter.show_spaces = shown
        self.viewport().update()

    def set_show_newlines(self, shown: bool) -> None:
        """The ends of lines as a faint arrow."""
        self._painter.show_newlines = shown
        self.viewport().update()

    def set_bytes(self, shown: bool) -> None:
        """Each token's bytes in hexadecimal, in the place of its text."""
        if shown != self._painter.as_bytes:
            self._painter.as_bytes = shown
            self._lay_out_again()

    def set_links(self, linked: bool) -> None:
        """Whether all places of the token under the pointer light up."""
        self._links = linked

    def set_lit(self, token_id: int | None) -> None:
        """Lights up all places of a token."""
        if token_id != self._painter.lit:
            self._painter.lit = token_id
            self.viewport().update()

    def count_of(self, token_id: int) -> int:
        """How often a token stands in the text."""
        return self._tokens.count_of(token_id)

    def set_current(self, index: int | None) -> None:
        """Frames a token and brings it into view."""
        self._current = index if index is not None and 0 <= index < len(self._tokens) else None
        if self._current is not None and self._scrolling:
            self._bring_into_view(self._current)
        self.viewport().update()

    def set_selection(self, first: int, end: int) -> None:
        """Marks tokens `first` to `end` - 1 and brings them into view; tells nobody."""
        if range(first, end) != self._painter.selection:
            self._painter.selection = range(first, min(end, len(self._tokens)))
            if self._painter.selection and self._scrolling:
                self._bring_into_view(self._painter.selection[-1])  # all of it, or at least where it begins
                self._bring_into_view(first)
            self.viewport().update()

    def set_marked(self, indices: Iterable[int]) -> None:
        """Underlines tokens in the colour of a warning."""
        self._painter.marked = frozenset(indices)
        self.viewport().update()

    def set_streaming(self, streaming: bool) -> None:
        """A blinking caret behind the last token."""
        self._streaming = self._caret_on = streaming
        if streaming:
            self._blink.start()
        else:
            self._blink.stop()
        self.viewport().update()

    def set_placeholder(self, text: str) -> None:
        self._placeholder = text
        self.viewport().update()

    def text_of(self, first: int, end: int) -> str:
        """The text of tokens first to end - 1, split characters joined."""
        return copied(self._tokens[first:end], CopyForm.TEXT)

    def copy(self, form: CopyForm = CopyForm.TEXT) -> None:
        """The marked tokens, or all of them, to the clipboard."""
        chosen = self._painter.selection or range(len(self._tokens))
        QGuiApplication.clipboard().setText(copied(self._tokens[chosen.start : chosen.stop], form))
        self.copied.emit(form, len(chosen))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        palette = self._shades.palette
        if not self._tokens and self._placeholder:
            painter.setFont(self._painter.font)
            painter.setPen(QColor(palette.muted))
            room = self.viewport().rect().adjusted(MARGIN, MARGIN, -MARGIN, -MARGIN)
            painter.drawText(room, Qt.TextFlag.TextWordWrap | Qt.AlignmentFlag.AlignLeft, self._placeholder)
        painter.translate(self._origin())
        self._painter.paint(painter, self._layout, self._tokens, self._shades, self._rows_in(event.rect()))
        accent = QColor(palette.accent)
        for index in {self._current, self._hover}:
            if index is not None and 0 <= index < len(self._tokens) and not self._tokens[index].plain:
                draw_outline(painter, self._token_rect(index), accent)
        if self._streaming and self._caret_on:
            painter.fillRect(self._caret_rect(), accent)

    def resizeEvent(self, event: QResizeEvent) -> None:
        bar = self.verticalScrollBar()
        at_end = self._streaming and bar.value() >= bar.maximum() - 2
        super().resizeEvent(event)
        if at_end:
            self.follow()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.PaletteChange:
            self._shades = Shades(colors(self))
            self.viewport().update()
        super().changeEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        self._set_hover(-1)
        super().leaveEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        index = self.index_at(event.position().toPoint())
        self._set_hover(index)
        if event.buttons() & Qt.MouseButton.LeftButton and self._anchor is not None and index >= 0:
            self._mark(self._anchor, index)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            return
        index = self.index_at(event.position().toPoint())
        self._anchor = index if index >= 0 else None
        self._painter.selection = range(0)
        self.viewport().update()
        if index >= 0:
            self.set_current(index)
            self.clicked.emit(index)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        index = self.index_at(event.position().toPoint())
        if index >= 0:
            self.activated.emit(index)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        if not self._tokens:
            return
        menu = QMenu(self)
        for form, key in _KEYS.items():
            action = menu.addAction(form.value)
            action.setShortcut(QKeySequence(key))
            action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
            action.triggered.connect(lambda _=False, form=form: self.copy(form))
        menu.popup(event.globalPos())
        menu.aboutToHide.connect(menu.deleteLater)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
        elif event.modifiers() == _SHIFTED and event.key() == Qt.Key.Key_C:
            self.copy(CopyForm.IDS)
        elif event.modifiers() == _SHIFTED and event.key() == Qt.Key.Key_J:
            self.copy(CopyForm.JSON)
        elif event.matches(QKeySequence.StandardKey.SelectAll) and self._tokens:
            self._painter.selection = range(len(self._tokens))
            self.viewport().update()
            self.selected.emit(0, len(self._tokens))
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._current is not None:
            self.activated.emit(self._current)
        elif not self._move(event):
            super().keyPressEvent(event)

    def _show_others(self) -> None:
        self._let_go()
        self._layout = self._new_layout(self._layout.width)
        self._lay_out(0)

    def _let_go(self) -> None:
        self._current, self._anchor, self._hover = None, None, -1
        self._painter.selection = range(0)

    def _toggle_caret(self) -> None:
        self._caret_on = not self._caret_on
        if self.isVisible():
            self.viewport().update(self._caret_rect().translated(self._origin()).toAlignedRect())

    def _set_hover(self, index: int) -> None:
        if index != self._hover:
            self._hover = index
            if self._links:
                self.set_lit(self._tokens[index].token_id if index >= 0 else None)
            self.viewport().update()
            self.hovered.emit(index)

    def _mark(self, first: int, last: int) -> None:
        low, high = sorted((first, last))
        self._painter.selection = range(low, high + 1) if high > low else range(0)
        self.viewport().update()
        self.selected.emit(low, high + 1)

    def _move(self, event: QKeyEvent) -> bool:
        """Arrows, Home and End move the frame; with Shift they mark. False for any other key."""
        here = -1 if self._current is None else self._current
        steps = {
            Qt.Key.Key_Left: max(here - 1, 0),
            Qt.Key.Key_Right: here + 1,
            Qt.Key.Key_Up: self._beside(here, -1),
            Qt.Key.Key_Down: self._beside(here, 1),
            Qt.Key.Key_Home: 0,
            Qt.Key.Key_End: len(self._tokens) - 1,
        }
        if event.key() not in steps or not self._tokens:
            return False
        target = min(max(steps[Qt.Key(event.key())], 0), len(self._tokens) - 1)
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier and here >= 0:
            self._anchor = here if self._anchor is None else self._anchor
            self._mark(self._anchor, target)
        else:
            self._anchor = None
            self._painter.selection = range(0)
        self.set_current(target)
        self.clicked.emit(target)
        return True
