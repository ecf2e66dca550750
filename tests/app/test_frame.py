"""The window around the pages: rail, header, inspector, drawer, status bar, palette, closing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

import app.main_window
import app.pages
from app.jobs.desk import Desk
from app.main_window import MainWindow, find_pages
from app.theme import stylesheet
from app.theme.palette import DARK, LIGHT, colors
from app.widgets.inspection import Inspection, Table
from app.widgets.label import Label
from engine.errors import CutawayError
from engine.events import RunState
from engine.launch.recipe import Recipe
from engine.registry import Registry

TOY_PAGES = Path(__file__).with_name("toy_pages")


@pytest.fixture
def window(desk: Desk, monkeypatch: pytest.MonkeyPatch, qapp: QApplication) -> Iterator[MainWindow]:
    monkeypatch.setattr(app.pages, "__path__", [str(TOY_PAGES)])
    stylesheet.apply(qapp, LIGHT)
    window = MainWindow(desk)
    window.resize(1440, 900)
    window.show_page("toy_home")
    window.show()
    window.activateWindow()
    assert QTest.qWaitForWindowActive(window)
    yield window
    window.deleteLater()


def texts(widget: QWidget) -> str:
    return "\n".join(label.text() for label in widget.findChildren(Label) if not label.isHidden())


def test_the_rail_lists_exactly_the_pages_that_exist(desk: Desk) -> None:
    window = MainWindow(desk)
    names = Registry("app.pages").names()
    assert sorted(room.name for room in window.rail.rooms) == names
    orders = [module.ORDER for module in find_pages().values()]
    assert orders == sorted(orders)
    shortcuts = [module.SHORTCUT for module in find_pages().values() if module.SHORTCUT]
    assert len(set(shortcuts)) == len(shortcuts)
    window.deleteLater()


def test_the_frame_has_its_measures(window: MainWindow) -> None:
    assert (window.rail.width(), window.inspector.width(), window.header.height()) == (84, 300, 56)
    assert (window.drawer.height(), window.status.height()) == (32, 28)
    left = window.stack.mapTo(window, window.stack.rect().topLeft())
    assert (left.x(), left.y()) == (84 + 24, 56)


def test_a_page_is_built_when_it_is_first_shown(window: MainWindow) -> None:
    home = window.page
    assert window.stack.count() == 1
    assert window.header.title() == "Toy home"
    window.rail.item("toy_train").click()
    assert window.page_name == "toy_train"
    assert window.stack.count() == 2
    assert home.log == ["shown", "hidden"]
    QTest.keyClick(window, Qt.Key.Key_1, Qt.KeyboardModifier.ControlModifier)
    assert window.page is home
    assert home.log == ["shown", "hidden", "shown"]
    assert window.desk.settings.page == "toy_home"


def test_an_unknown_page_leads_to_the_first(window: MainWindow) -> None:
    window.show_page("a page of another version")
    assert window.page_name == "toy_home"


def test_navigation_carries_its_argument(window: MainWindow) -> None:
    window.show_page("toy_train")
    window.desk.bus.navigate.emit("toy_home", {"files": [Path("a.txt")]})
    assert window.page.opened == [{"files": [Path("a.txt")]}]


def test_the_palette_finds_actions_by_a_few_letters(window: MainWindow) -> None:
    QTest.keyClick(window, Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier)
    panel = window.palette_panel
    assert panel.isVisible()
    assert panel.names()[0] == "Count the toys"
    assert "Stop the run" not in panel.names()
    QTest.keyClicks(panel.line, "gttr")
    assert panel.names()[0] == "Go to Toy train"
    QTest.keyClick(panel.line, Qt.Key.Key_Return)
    assert window.page_name == "toy_train"
    assert not panel.isVisible()


def test_the_palette_is_left_with_escape_and_gives_the_focus_back(window: MainWindow) -> None:
    window.page.line.setFocus()
    window.desk.bus.navigate.emit("actions", None)
    QTest.keyClicks(window.palette_panel.line, "qqqq")
    assert window.palette_panel.names() == []
    QTest.keyClick(window.palette_panel.line, Qt.Key.Key_Return)
    window.open_palette()
    QTest.keyClick(window.palette_panel.line, Qt.Key.Key_Down)
    QTest.keyClick(window.palette_panel.line, Qt.Key.Key_Escape)
    assert not window.palette_panel.isVisible()
    assert window.page.line.hasFocus()
    assert window.page.ran == 0


def test_the_keyboard_reaches_everything(window: MainWindow) -> None:
    reached, names = set(), set()
    window.rail.item("toy_home").setFocus(Qt.FocusReason.TabFocusReason)
    for _ in range(60):
        focused = QApplication.focusWidget()
        assert focused is not None
        if focused in reached:
            break
        reached.add(focused)
        names.add(focused.accessibleName())
        QTest.keyClick(focused, Qt.Key.Key_Tab)
    assert window.page.line in reached
    assert window.page.button in reached
    assert {"Toy home", "Keep this in the inspector", "Fold the inspector away", "Open the jobs drawer"} <= names
    window.rail.item("toy_home").setFocus(Qt.FocusReason.TabFocusReason)
    QTest.keyClick(window.rail.item("toy_home"), Qt.Key.Key_Down)
    assert window.page_name == "toy_train"


def test_everything_that_is_pressed_has_a_name(window: MainWindow) -> None:
    from PySide6.QtWidgets import QAbstractButton

    nameless = [b for b in window.findChildren(QAbstractButton) if not (b.accessibleName() or b.text())]
    assert nameless == []
    assert all(action.text() for action in window.actions())


def test_the_theme_is_switched_live(window: MainWindow, qapp: QApplication) -> None:
    light = window.grab().toImage()
    stylesheet.apply(qapp, DARK)
    dark = window.grab().toImage()
    for x, y, role in ((40, 600, "surface"), (600, 500, "background"), (1300, 800, "surface"), (700, 888, "surface")):
        assert light.pixelColor(x, y).name() == getattr(LIGHT, role).lower(), (x, y)
        assert dark.pixelColor(x, y).name() == getattr(DARK, role).lower(), (x, y)
    assert all(colors(widget) is DARK for widget in window.findChildren(QWidget))
    stylesheet.apply(qapp, LIGHT)


INSPECTION = Inspection(
    title="␣glass",
    subtitle="token 24 of 48",
    words="The model liked `␣baker` better, and <b> is no markup.",
    formula=r"p_i = \frac{e^{z_i / T}}{\sum_j e^{z_j / T}}",
    formula_words="Divide every logit by T.",
    rows=(("kept by top-p", "5 of 1,024"), ("probability now", "0.231", "accent"), ("source", "a.py", "fixed")),
    table=Table(("token", "z", "p"), (("␣baker", "9.31", "0.494"), ("␣glass", "8.64", "0.214")), picked=1),
    note="Attention does not prove why the model answered.",
    subject="row",
    advice="Pick any other bar.",
    fixed=True,
)


def test_the_inspector_explains_in_three_steps(window: MainWindow, qtbot: object) -> None:
    window.desk.bus.inspect.emit(INSPECTION)
    QTest.qWait(80)
    shown = texts(window.inspector)
    for words in ("␣glass", "In words", "Formula", "This very row", "kept by top-p", "0.231", "8.64", "What to do"):
        assert words in shown
    assert "&lt;b&gt; is no markup" in shown
    window.desk.bus.inspect.emit(None)
    QTest.qWait(500)
    assert "␣glass" not in texts(window.inspector)


def test_what_is_pinned_stays(window: MainWindow) -> None:
    window.inspector.show_now(INSPECTION)
    window.inspector.pin.click()
    window.desk.bus.inspect.emit(Inspection("another"))
    QTest.qWait(80)
    assert "␣glass" in texts(window.inspector)
    QTest.keyClick(window, Qt.Key.Key_F1)
    assert "␣glass" not in texts(window.inspector)


def test_the_inspector_folds_by_hand_and_in_a_narrow_window(window: MainWindow) -> None:
    window.resize(1150, 800)
    assert window.inspector.folded and window.inspector.width() == 40
    window.resize(1440, 900)
    assert not window.inspector.folded
    QTest.keyClick(window, Qt.Key.Key_I, Qt.KeyboardModifier.ControlModifier)
    assert window.inspector.folded
    assert window.desk.settings.inspector_open is False
    QTest.keyClick(window, Qt.Key.Key_F1)
    assert not window.inspector.folded


def test_the_drawer_opens_and_remembers_it(window: MainWindow) -> None:
    QTest.keyClick(window, Qt.Key.Key_J, Qt.KeyboardModifier.ControlModifier)
    assert window.drawer.height() == 240
    assert window.desk.settings.drawer_open is True
    assert "Nothing runs" in texts(window.drawer)


def test_an_error_is_told_kept_and_copied(window: MainWindow) -> None:
    error = CutawayError("The file notes.txt could not be read.", "It is binary.", "Choose a text file.", "Traceback")
    window.desk.bus.error.emit(error)
    banner = window.banner
    assert banner.isVisible()
    assert "It is binary. Choose a text file." in texts(banner)
    banner.details_button.click()
    banner.copy_button.click()
    assert QApplication.clipboard().text() == f"{error}\n\nTraceback"
    banner.close_button.click()
    assert not banner.isVisible()
    for moving_on in (window.desk.bus.moved_on.emit, lambda: window.desk.feed.reset.emit(None)):
        window.desk.bus.error.emit(error)
        assert banner.isVisible()
        moving_on()  # another run or base was chosen: this was not about it
        assert not banner.isVisible()


def test_what_was_done_can_be_taken_back(window: MainWindow) -> None:
    back: list[bool] = []
    window.desk.bus.undo.emit("Moved first-words to the trash.", lambda: back.append(True))
    assert window.undo_toast.isVisible()
    window.desk.bus.notice.emit("warning", "The disk is nearly full.")
    assert window.toast.text() == "The disk is nearly full."
    assert not window.toast.undo_button.isVisible()
    assert window.undo_toast.isVisible()  # and stands above the other
    assert window.undo_toast.geometry().bottom() < window.toast.geometry().top()
    window.undo_toast.undo_button.click()
    assert back == [True]
    assert not window.undo_toast.isVisible()


def test_files_are_dropped_on_the_window(window: MainWindow, tmp_path: Path) -> None:
    text, picture = tmp_path / "notes.txt", tmp_path / "cat.png"
    for path in (text, picture):
        path.write_bytes(b"words")
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in (text, picture)])
    told: list[object] = []
    window.navigate = lambda name, argument: told.append((name, argument))  # type: ignore[method-assign]
    event = QDropEvent(
        QPointF(300, 300),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    window.dropEvent(event)
    assert told == [("home", {"files": [text]})]


def test_a_run_shows_everywhere_and_stops_at_once(
    window: MainWindow, counting: Callable[..., Recipe], qtbot: object
) -> None:
    desk = window.desk
    desk.jobs.start(counting(steps=10_000, seconds_a_step=0.002))
    qtbot.waitUntil(lambda: window.live.step > 20 and window.live.loss is not None, timeout=5000)
    qtbot.waitUntil(lambda: window.rail.marks()["toy_train"] == "running", timeout=3000)
    assert window.status.stop.isVisible()
    assert "Counting · count" in texts(window.drawer)
    assert "tokens/s" in texts(window.status)
    window.status.stop.click()
    assert window.status.stop.text() == "Stopping"
    assert not window.status.stop.isEnabled()
    qtbot.waitUntil(lambda: desk.jobs.current is None, timeout=5000)
    assert "Counting stopped at step" in texts(window.drawer)
    assert "stopped at step" in window.toast.text()
    qtbot.waitUntil(lambda: not window.status.stop.isVisible(), timeout=2000)


@pytest.mark.parametrize("answer", ["stop", "stay"])
def test_closing_during_a_run_asks_first(
    window: MainWindow,
    counting: Callable[..., Recipe],
    monkeypatch: pytest.MonkeyPatch,
    qtbot: object,
    answer: str,
) -> None:
    desk = window.desk
    run = desk.jobs.start(counting(steps=10_000, seconds_a_step=0.002))
    qtbot.waitUntil(lambda: desk.jobs.current is not None and desk.jobs.current.state is RunState.RUNNING)
    asked: list[object] = []
    monkeypatch.setattr(app.main_window, "ask_on_close", lambda parent, job: asked.append(job) or answer)
    window.close()
    assert len(asked) == 1
    assert window.isVisible()
    if answer == "stop":
        qtbot.waitUntil(lambda: not window.isVisible(), timeout=5000)
        assert run.status().state is RunState.STOPPED
    else:
        assert desk.jobs.current is not None and desk.jobs.current.state is RunState.RUNNING


def test_closing_without_a_run_just_closes(window: MainWindow) -> None:
    window.close()
    assert not window.isVisible()
    assert not window.desk.settings.window_geometry.isEmpty()
