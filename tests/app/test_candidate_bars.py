from __future__ import annotations

from PySide6.QtCore import Qt

from app.widgets.candidate_bars import BarRow, CandidateBars, Cut, percent
from app.widgets.entropy_bars import EntropyBars
from app.widgets.token_view_words import visible


def rows(kept: int, excluded: int) -> list[BarRow]:
    share = 1 / (kept + excluded)
    above = [BarRow(index, f"␣t{index}", share, 1 / kept) for index in range(kept)]
    below = [BarRow(100 + index, f"␣x{index}", share, 0.0, "top-p") for index in range(excluded)]
    return [*above, *below]


def shown(qtbot, height: int = 380) -> CandidateBars:
    bars = CandidateBars()
    qtbot.addWidget(bars)
    bars.resize(460, height)
    bars.show()
    return bars


def test_kept_stand_above_the_cut_and_excluded_below(qtbot):
    bars = shown(qtbot)
    bars.show_rows(rows(3, 4), Cut("top-p 0.92", "3 kept"), picked=1)
    assert bars.row_rect(2).bottom() < bars.row_rect(100).top()
    assert [row.token_id for row in bars.visible_rows()] == [0, 1, 2, 100, 101, 102, 103]
    assert not bars.grab().isNull()


def test_a_small_panel_keeps_the_picked_token_and_some_excluded(qtbot):
    bars = shown(qtbot, height=180)
    bars.show_rows(rows(9, 5), Cut("top-p 0.92", "9 kept"), picked=7)
    ids = [row.token_id for row in bars.visible_rows()]
    assert 7 in ids
    assert 100 in ids
    assert len(ids) <= 5


def test_click_and_keys_choose(qtbot):
    bars = shown(qtbot)
    bars.show_rows(rows(3, 2), Cut("top-p 0.5", ""))
    with qtbot.waitSignal(bars.chosen) as chosen:
        qtbot.mouseClick(bars, Qt.MouseButton.LeftButton, pos=bars.row_rect(101).center().toPoint())
    assert chosen.args == [101]
    bars._set_hover(None)
    qtbot.keyClick(bars, Qt.Key.Key_Down)
    qtbot.keyClick(bars, Qt.Key.Key_Down)
    with qtbot.waitSignal(bars.chosen) as chosen:
        qtbot.keyClick(bars, Qt.Key.Key_Return)
    assert chosen.args == [1]


def test_scale_moves_in_steps(qtbot):
    bars = shown(qtbot)
    bars.show_rows([BarRow(0, "a", 0.41, 0.53)])
    assert bars._scale() == 0.6
    bars.show_rows([BarRow(0, "a", 0.41, 0.58)])
    assert bars._scale() == 0.6


def test_percent_never_says_zero_for_something():
    assert [percent(share) for share in (0.0, 0.0001, 0.533, 1.0)] == ["0.0", "<0.1", "53.3", "100.0"]


def test_entropy_bars_show_the_last_ones_when_there_are_too_many(qtbot):
    bars = EntropyBars()
    qtbot.addWidget(bars)
    bars.resize(324, 66)
    bars.show()
    bars.set_values([1.0] * 500, [0.5] * 500)
    assert bars.index_at(0) == 400
    assert bars.index_at(299) == 499
    bars.set_values([5.0, 1.0], [9.0, 0.5])
    assert bars._top() == 10.0
    with qtbot.waitSignal(bars.clicked) as clicked:
        qtbot.mouseClick(bars, Qt.MouseButton.LeftButton, pos=bars.rect().center().__class__(25, 30))
    assert clicked.args == [1]


def test_spaces_and_loose_bytes_are_made_visible():
    assert visible(" in the") == "␣in the"
    assert visible("\n\n") == "↵↵"
    assert visible("  ") == "␣␣"
    assert visible("\ufffd", b"\xc3") == "⟨C3⟩"
