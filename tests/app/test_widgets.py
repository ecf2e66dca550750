"""The basic widgets: what they say, how they answer to keys, what they paint."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QHBoxLayout, QWidget

from app.theme import motion, stylesheet
from app.theme.palette import LIGHT
from app.widgets.bar import Bar
from app.widgets.buttons import Button, PaintedButton, ToolButton, pass_focus, shows_focus
from app.widgets.combo import Combo
from app.widgets.empty_state import EmptyState
from app.widgets.formula import Formula, lay_out
from app.widgets.label import Label
from app.widgets.panel import Panel
from app.widgets.progress_ring import ProgressRing
from app.widgets.readout import Readout
from app.widgets.sample_list import SampleList, SampleRow
from app.widgets.segments import Segments
from app.widgets.slider import Dial, Slider
from app.widgets.tag import Tag


@pytest.fixture(autouse=True)
def dressed(qapp: QApplication) -> None:
    stylesheet.apply(qapp, LIGHT)


def colours(widget: QWidget) -> set[str]:
    image: QImage = widget.grab().toImage()
    return {image.pixelColor(x, y).name() for x in range(image.width()) for y in range(image.height())}


def show(widget: QWidget) -> None:
    """On the screen and active: only then can it have the focus."""
    widget.show()
    widget.activateWindow()
    assert QTest.qWaitForWindowActive(widget)


def test_a_button_is_pressed_with_the_keyboard_and_shows_its_focus(qtbot: object) -> None:
    box = QWidget()
    layout = QHBoxLayout(box)
    plain, primary = Button("Pause", icon="ph.pause"), Button("Start", "primary", key="Enter")
    layout.addWidget(plain)
    layout.addWidget(primary)
    pressed: list[str] = []
    plain.clicked.connect(lambda: pressed.append("plain"))
    show(box)
    before = colours(plain)
    primary.setFocus()
    plain.setFocus(Qt.FocusReason.TabFocusReason)
    QTest.keyClick(plain, Qt.Key.Key_Space)
    assert pressed == ["plain"]
    assert LIGHT.accent.lower() in colours(plain) - before
    assert LIGHT.accent.lower() in colours(primary)
    assert plain.accessibleName() == "Pause"
    assert (plain.height(), Button("x", small=True).sizeHint().height()) == (30, 22)


def test_a_tool_button_says_what_it_does() -> None:
    tool = ToolButton("ph.copy", "Copy the ids", checkable=True)
    assert tool.accessibleName() == tool.toolTip() == "Copy the ids"
    tool.setChecked(True)
    assert LIGHT.soft_accent.lower() in colours(tool)


def test_segments_answer_to_clicks_and_arrows(qtbot: object) -> None:
    segments = Segments(["See", "Train", "Compare"], 1)
    told: list[int] = []
    segments.changed.connect(told.append)
    show(segments)
    assert segments.current() == 1
    segments.set_current(0)
    assert told == []
    buttons = segments.findChildren(PaintedButton)
    QTest.mouseClick(buttons[2], Qt.MouseButton.LeftButton)
    assert (segments.current(), told) == (2, [2])
    buttons[2].setFocus(Qt.FocusReason.TabFocusReason)
    QTest.keyClick(buttons[2], Qt.Key.Key_Left)
    assert (segments.current(), told) == (1, [2, 1])


def test_a_slider_speaks_in_numbers() -> None:
    slider = Slider(0, 2, 0.8)
    told: list[float] = []
    slider.changed.connect(told.append)
    slider.set_number(1.234)
    assert slider.number() == pytest.approx(1.23)
    QTest.keyClick(slider, Qt.Key.Key_Right)
    assert told == [pytest.approx(1.23), pytest.approx(1.24)]
    slider.set_number(99)
    assert slider.number() == 2


def test_a_logarithmic_slider_gives_each_decade_the_same_way() -> None:
    slider = Slider(1, 10_000, 100, log=True, ticks=(7, 91, 2_849))
    slider.resize(214, 24)
    assert slider.number() == pytest.approx(100)
    assert slider.x_of(100) == pytest.approx(107)
    assert slider.x_of(1) == pytest.approx(7)


def test_the_slider_follows_the_pointer(qtbot: object) -> None:
    slider = Slider(0, 1, 0)
    slider.resize(114, 24)
    slider.show()
    QTest.mouseClick(slider, Qt.MouseButton.LeftButton, pos=slider.rect().center())
    assert slider.number() == pytest.approx(0.5, abs=0.02)


def test_a_dial_shows_its_value() -> None:
    dial = Dial("Temperature", Slider(0, 2, 0.8), "{:.2f}".format, low="0 always the best", high="2")
    dial.set_number(1.5)
    assert "1.50" in [label.text() for label in dial.findChildren(Label)]
    assert dial.slider.accessibleName() == "Temperature"


def test_a_readout_never_shrinks_while_numbers_change() -> None:
    readout = Readout("tokens per second", "13,240", unit="/ 4,000")
    wide = readout.sizeHint().width()
    readout.set_value("9")
    assert readout.sizeHint().width() == wide
    assert readout.accessibleName() == "tokens per second 9 / 4,000"


@pytest.mark.parametrize("size", [15, 20, 28])
@pytest.mark.parametrize("beside", [False, True])
def test_readouts_paint_at_every_size(size: int, beside: bool) -> None:
    assert LIGHT.text.lower() in colours(Readout("loss", "0.80", size=size, beside=beside, unit="nats", right=True))


def test_a_combo_keeps_name_detail_and_data() -> None:
    combo = Combo(prefix="probe")
    combo.add("first-words", "2.1M parameters", 1)
    combo.add("docs-12m", "12.2M parameters", 2)
    narrow = combo.sizeHint().width()
    assert combo.choose(2)
    assert not combo.choose(3)
    assert (combo.currentText(), combo.currentData()) == ("docs-12m", 2)
    combo.set_detail(1, "12.2M parameters, 6 layers, much longer than before")
    assert combo.sizeHint().width() > narrow
    assert combo.sizeHint().height() == 30


def test_a_combo_opens_below_its_choice_or_above_it(qtbot: object) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    window.setGeometry(0, 0, 400, 300)
    top, low = Combo(name="top", parent=window), Combo(name="low", parent=window)
    for combo in (top, low):
        for number in range(4):
            combo.add(f"step {number}")
        combo.setCurrentIndex(3)
    low.move(0, 270)
    window.show()
    for combo in (top, low):
        combo.showPopup()
        popup = combo.view().window()
        place = popup.mapToGlobal(QPoint(0, 0)).y() - combo.mapToGlobal(QPoint(0, 0)).y()
        assert place == combo.height() + 3 if combo is top else place == -popup.height() - 3
        combo.hidePopup()


def test_the_focus_goes_to_the_counterpart(qtbot: object) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    start, other, stop = (
        Button("Start", parent=window),
        Button("All runs", parent=window),
        Button("Stop", parent=window),
    )
    window.show()
    start.setFocus(Qt.FocusReason.MouseFocusReason)
    pass_focus([start], stop)
    start.hide()
    assert window.focusWidget() is stop and not shows_focus(stop)
    pass_focus([other], start)
    assert window.focusWidget() is stop


def test_samples_begin_with_a_whole_line(qtbot: object) -> None:
    samples = SampleList()
    qtbot.addWidget(samples)
    samples.resize(300, 130)
    samples.show()
    samples.set_rows([SampleRow(step, "Mira was born", " in Anvik and keeps a fox. " * 3) for step in range(5)])
    bar = samples.verticalScrollBar()
    tops = {round(sum(samples._height(x) for x in samples._layouts[:i]) + 19 * n) for i in range(5) for n in range(5)}
    assert bar.value() == bar.maximum() > 0
    assert bar.value() in tops


def test_a_panel_has_a_title_row_only_when_something_stands_in_it() -> None:
    panel = Panel()
    bare = panel.sizeHint().height()
    panel.set_title("Loss")
    assert panel.sizeHint().height() > bare
    assert panel.accessibleName() == "Loss"
    panel.set_selected(True)
    panel.resize(120, 80)
    assert LIGHT.accent.lower() in colours(panel)


def test_an_empty_state_shows_the_way(qtbot: object) -> None:
    state = EmptyState("ph.house", "Nothing was trained yet.", "Start first-words", "It takes five minutes.")
    state.resize(400, 400)
    state.show()
    clicked: list[bool] = []
    state.clicked.connect(lambda: clicked.append(True))
    state.button.click()
    state.set_sentence(
        "A much longer sentence that needs more than a single line to be said, as sentences sometimes do."
    )
    assert clicked == [True]
    assert state.accessibleName().startswith("A much longer")


def test_a_ring_turns_only_while_it_is_seen(qtbot: object) -> None:
    ring = ProgressRing(14)
    timer = ring.findChildren(type(ring._timer))[0]
    assert not timer.isActive()
    ring.show()
    assert timer.isActive()
    ring.set_share(0.4)
    assert not timer.isActive()
    ring.set_share(None)
    ring.hide()
    assert not timer.isActive()
    motion.set_reduced(True)
    ring.show()
    assert not timer.isActive()
    motion.set_reduced(False)


def test_tags_and_bars_wear_their_colours() -> None:
    assert LIGHT.soft_warning.lower() in colours(Tag("4 spans disagree", "warning", "ph.warning"))
    assert LIGHT.ok.lower() in colours(Bar(0.5, 0.7, role="ok"))


def test_a_label_takes_text_literally_and_changes_its_role() -> None:
    label = Label("<b>not bold</b>", "muted")
    assert label.text() == "<b>not bold</b>"
    assert label.textFormat() is Qt.TextFormat.PlainText
    label.set_role("danger")
    assert label.palette().windowText().color().name() == LIGHT.danger.lower()


FORMULAS = [
    r"L = -\frac{1}{B T} \sum \ln p(x_t | x_{<t})",
    r"p_i = \frac{e^{z_i / T}}{\sum_j e^{z_j / T}}",
    r"a_{ij} = \softmax_j \frac{q_i \cdot k_j}{\sqrt{d}}",
    "r = score - \\beta \\KL(\\pi ∥ \\pi_0)\nR \\approx d (a - b \\ln d)",
    r"next merge = \text{arg min} rank(a, b)",
]


@pytest.mark.parametrize("markup", FORMULAS)
def test_formulas_are_laid_out_and_painted(markup: str) -> None:
    lines = lay_out(markup)
    assert len(lines) == markup.count("\n") + 1
    assert all(line.width > 0 and line.ascent > 0 for line in lines)
    formula = Formula(markup)
    assert LIGHT.text.lower() in colours(formula)
    assert "Formula" in formula.accessibleName()


def test_a_formula_grows_where_its_parts_do() -> None:
    plain, fraction = lay_out("a")[0], lay_out(r"\frac{a}{b}")[0]
    assert fraction.ascent > plain.ascent and fraction.descent > plain.descent
    assert lay_out("x_t")[0].descent > lay_out("x")[0].descent
    assert lay_out("x^2")[0].ascent > lay_out("x")[0].ascent
    assert lay_out(r"\sqrt{x}")[0].width > lay_out("x")[0].width


def test_a_wide_formula_shrinks_to_its_place() -> None:
    wide = r"L = -\frac{1}{B T} \sum \ln p(x_t | x_{<t}) + \lambda \sum w_i^2 + \mu \sum v_j^2"
    assert Formula(wide, width=260).sizeHint().width() < Formula(wide).sizeHint().width()


@pytest.mark.parametrize("markup", [r"\nothing{a}", r"\frac{a}{b", "x_{", r"\text a"])
def test_a_broken_formula_is_refused(markup: str) -> None:
    with pytest.raises(ValueError, match=r"formula|braces"):
        lay_out(markup)
