from __future__ import annotations

import time

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QGuiApplication, QMouseEvent, QPalette
from PySide6.QtWidgets import QApplication, QWidget

from app.theme.palette import DARK, LIGHT
from app.widgets.token_view import Colouring, TokenChip, TokenView
from app.widgets.token_view_colour import Shades, contrast, surprise
from app.widgets.token_view_pieces import split_character


def chips(*texts: str) -> list[TokenChip]:
    return [TokenChip(text, index, text.encode()) for index, text in enumerate(texts)]


def move_pointer(widget: QWidget, place: QPointF) -> None:
    """As the window system tells it: the real pointer of the machine has no say."""
    where = widget.mapToGlobal(place)
    none = Qt.MouseButton.NoButton
    event = QMouseEvent(QEvent.Type.MouseMove, place, where, none, none, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(widget, event)


def lines(view: TokenView) -> list[list[str]]:
    """The text of each piece, line by line."""
    layout = view._layout
    return [[piece.text for piece in layout.pieces_of(layout.row(row))] for row in range(layout.row_count)]


def places(view: TokenView) -> list[tuple[object, ...]]:
    """Everything that decides what is painted where."""
    layout = view._layout
    rows = [layout.row(row) for row in range(layout.row_count)]
    return [(row, *layout.pieces_of(row)) for row in rows]


def byte_chips(text: str) -> list[TokenChip]:
    return [TokenChip("\ufffd", byte, bytes([byte])) for byte in text.encode()]


@pytest.fixture
def view(qtbot):
    shown = TokenView()
    qtbot.addWidget(shown)
    shown.resize(300, 200)
    shown.show()
    qtbot.waitExposed(shown)
    return shown


def test_lines_break_between_words_and_not_inside(view):
    view.set_tokens(chips("The", " wind", " glass", "blower", "s", " come", " in", " from", " the", " harbour", "s"))
    assert len(lines(view)) > 1
    assert all(line[0].startswith(" ") for line in lines(view)[1:])


def test_newlines_end_lines_and_are_shown(view):
    view.set_tokens(chips("a", "\n\n", "b.\nc"))
    assert lines(view) == [["a", "↵"], ["↵"], ["b.↵"], ["c"]]
    assert view.token_rect(2).top() > view.token_rect(1).top()


def test_a_split_character_is_one_box_with_its_bytes(view):
    view.set_tokens([*chips("na"), *byte_chips("ï"), *chips("ve")])
    assert lines(view) == [["na", "ï", "ve"]]
    assert [piece.box for piece in view._layout.pieces_of(view._layout.row(0))] == [False, True, False]
    first, second = view.token_rect(1), view.token_rect(2)
    assert first.right() <= second.left() + 1
    assert view.index_at(first.center()) == 1
    assert view.index_at(second.center()) == 2


def test_a_joined_emoji_stays_together_and_broken_bytes_do_not_hang():
    family = byte_chips("\U0001f469\u200d\U0001f467")
    assert split_character(family, 0)[0] == len(family)
    assert split_character([TokenChip("", 0, b"\xff"), *chips("a")], 0) == (1, "\ufffd")
    assert split_character([TokenChip("", 0, b"\xf0\x9f"), *chips("abc")], 0)[0] == 2


def test_streaming_gives_the_same_lines_as_all_at_once(view):
    tokens = [
        *chips("The", " wind", " com", "es", ".\n", "\n", " In", " from"),
        *byte_chips("ü🦊"),
        *chips(" sea") * 40,
    ]
    view.set_tokens([])
    for token in tokens:
        view.append([token])
    streamed = places(view)
    view.set_tokens(tokens)
    assert streamed == places(view)


def test_truncating_equals_never_having_had_them(view):
    tokens = chips(*(["One", " sent", "ence", " mo", "re", "over", ".\n"] * 7))
    for count in range(len(tokens), -1, -1):
        view.set_tokens(tokens)
        view.truncate(count)
        cut = places(view)
        view.set_tokens(tokens[:count])
        assert cut == places(view)


def test_a_token_wider_than_the_view_is_cut_and_whole_on_hover(view):
    view.set_tokens(chips("x" * 200, " y"))
    assert len(lines(view)) > 2
    assert all(piece.width <= view._layout.width for _, *pieces in places(view) for piece in pieces)
    assert view.index_at(QPoint(20, view._layout.row(1).y + 15)) == 0


def test_pointer_keys_and_signals(view, qtbot):
    view.set_tokens(chips("The", " wind", " comes", " in"))
    with qtbot.waitSignal(view.clicked) as clicked:
        qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=view.token_rect(1).center())
    assert clicked.args == [1]
    assert view.current == 1
    with qtbot.waitSignal(view.hovered) as hovered:
        move_pointer(view.viewport(), QPointF(view.token_rect(2).center()))
    assert hovered.args == [2]
    qtbot.keyClick(view, Qt.Key.Key_Right)
    assert view.current == 2
    with qtbot.waitSignal(view.selected) as selected:
        qtbot.keyClick(view, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert selected.args == [2, 4]
    qtbot.keyClick(view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == " comes in"
    with qtbot.waitSignal(view.activated) as activated:
        qtbot.keyClick(view, Qt.Key.Key_Return)
    assert activated.args == [3]


def test_values_must_match_the_tokens(view):
    view.set_tokens(chips("a", "b"))
    with pytest.raises(ValueError, match="1 values for 2 tokens"):
        view.set_values([0.5])


def test_ink_is_readable_on_every_shade_and_lines_grow_with_surprise():
    for palette in (LIGHT, DARK):
        shades = Shades(palette)
        for level in range(0, 64, 3):
            shade = shades.by_value(level, 1)
            assert contrast(shade.ink, shade.background) >= 4.5
            assert level > 30 or contrast(shades.by_value(level, 6).line, shade.background) >= 1.9  # a surprise is seen
    assert surprise(1.0, Colouring.PROBABILITY) == 0.0
    assert surprise(0.001, Colouring.PROBABILITY) == 1.0
    assert surprise(0.0, Colouring.ENTROPY) < surprise(3.0, Colouring.ENTROPY)


def test_wears_the_theme_live(view):
    palette = QPalette(view.palette())
    for theme in (DARK, LIGHT):
        palette.setColor(QPalette.ColorRole.Window, QColor(theme.background))
        view.setPalette(palette)
        assert view._shades.palette is theme


def test_height_follows_the_width_when_it_does_not_scroll(view):
    view.set_scrolling(False)
    view.set_tokens(chips(*[" word"] * 60))
    assert view.heightForWidth(200) > view.heightForWidth(800) > 27


def test_twenty_thousand_tokens_build_scroll_and_recolour_quickly(view):
    tokens = [TokenChip(f" w{index % 3000}", index, b"", 0.5) for index in range(20_000)]
    view.resize(1000, 700)

    def milliseconds(action) -> float:
        best = 1e9
        for _ in range(3):
            began = time.perf_counter()
            action()
            best = min(best, (time.perf_counter() - began) * 1000)
        return best

    assert milliseconds(lambda: view.set_tokens(tokens)) < 130 * 2
    places = iter(range(0, 9000, 3000))
    assert milliseconds(lambda: (view.verticalScrollBar().setValue(next(places)), view.viewport().repaint())) < 5 * 4
    view.set_colouring(Colouring.PROBABILITY)
    assert milliseconds(lambda: (view.set_values([0.3] * 20_000), view.viewport().repaint())) < 15 * 3
