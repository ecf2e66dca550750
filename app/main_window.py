"""The window: rail, header, page, inspector, jobs drawer, status bar. It knows pages only as `Page`s."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import ModuleType

from PySide6.QtCore import QEvent, Qt, QTimer
from PySide6.QtGui import QAction, QCloseEvent, QDragEnterEvent, QDragLeaveEvent, QDropEvent, QKeySequence, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QMainWindow, QStackedWidget, QVBoxLayout, QWidget

from app.jobs.desk import Desk
from app.pages._page import PageWidget
from app.theme.type import XL, L
from app.widgets.close_dialog import ask_on_close
from app.widgets.command_palette import CommandPalette
from app.widgets.drop_veil import DropVeil, readable_paths
from app.widgets.error_banner import ErrorBanner
from app.widgets.header import Header
from app.widgets.inspector import InspectorPane
from app.widgets.inspector_text import read_help
from app.widgets.jobs_drawer import JobsDrawer
from app.widgets.open_dialog import OpenDialog, dropped_model, dropped_tokenizer
from app.widgets.rail import Rail
from app.widgets.rail_rooms import mark_of, room
from app.widgets.status_bar import StatusBar
from app.widgets.status_bar_run import LiveRun
from app.widgets.toast import Toast
from engine.registry import Registry

_NARROW = 1200


def find_pages() -> dict[str, ModuleType]:
    """Every page module by name, in the order of the craft. Importing them builds nothing."""
    registry = Registry("app.pages", requires=("TITLE", "ICON", "ORDER", "STAGES", "SHORTCUT", "build"))
    modules = {name: registry.load(name) for name in registry.names()}
    return dict(sorted(modules.items(), key=lambda pair: pair[1].ORDER))


class MainWindow(QMainWindow):
    """Finds the pages through the registry and builds each one when it is first shown."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.desk = desk
        self.live = LiveRun(desk.jobs, desk.feed, self)
        self.modules: dict[str, ModuleType] = find_pages()
        self.page_name = ""
        self._pages: dict[str, PageWidget] = {}
        self._folded_by_hand: dict[str, bool] = {}
        self._closing = False
        self.setWindowTitle("Cutaway")
        self.setMinimumSize(960, 640)
        self.resize(1440, 900)
        self.setAcceptDrops(True)
        self._build_frame()
        self._build_actions()
        self._connect()
        self._restore()

    # -- building --------------------------------------------------------------------------------------------------

    def _build_frame(self) -> None:
        self.rail = Rail([room(name, module) for name, module in self.modules.items()])
        self.header = Header()
        self.banner = ErrorBanner()
        self.stack = QStackedWidget()
        self.inspector = InspectorPane()
        self.drawer = JobsDrawer(self.live, self.desk.jobs)
        self.status = StatusBar(self.live)
        centre = QWidget()
        column = QVBoxLayout(centre)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.header)
        for widget, bottom, stretch in ((self.banner, 0, 0), (self.stack, L, 1)):
            padded = QHBoxLayout()
            padded.setContentsMargins(XL, 0, XL, bottom)
            padded.addWidget(widget)
            column.addLayout(padded, stretch)
        upper = QHBoxLayout()
        upper.setSpacing(0)
        for part, stretch in ((self.rail, 0), (centre, 1), (self.inspector, 0)):
            upper.addWidget(part, stretch)
        root = QWidget()
        layout = QVBoxLayout(root)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(upper, 1)
        layout.addWidget(self.drawer)
        layout.addWidget(self.status)
        self.setCentralWidget(root)
        self.palette_panel = CommandPalette(root)
        self.toast = Toast(centre)
        self.undo_toast = Toast(centre, below=self.toast)  # a plain message does not take Undo away
        self.veil = DropVeil(centre)

    def _build_actions(self) -> None:
        for name, module in self.modules.items():
            self._action(f"Go to {module.TITLE}", module.SHORTCUT, partial(self.show_page, name))
        self.find_action = self._action("Find an action", "Ctrl+K", self.open_palette)
        self._action("Open a model", "Ctrl+O", self.open_model, "from a folder, a file or the Hugging Face Hub")
        self._action("Explain this page", "F1", self.show_help, "its help, in the inspector")
        self._action("Fold or open the inspector", "Ctrl+I", lambda: self._fold(not self.inspector.folded))
        self._action("Keep this in the inspector", "Ctrl+Shift+I", self.inspector.pin.toggle)
        self._action("Open or fold the jobs drawer", "Ctrl+J", lambda: self.drawer.set_open(not self.drawer.is_open))
        jobs = self.desk.jobs
        self.pause_action = self._action("Pause the run", "Ctrl+P", jobs.pause)
        self.go_on_action = self._action("Go on with the run", "Ctrl+Shift+P", jobs.go_on)
        self.checkpoint_action = self._action("Save a checkpoint now", "Ctrl+S", jobs.checkpoint)
        self.stop_action = self._action("Stop the run", "Ctrl+.", self._stop, "a checkpoint is kept")
        for theme in ("light", "dark", "system"):
            words = "Use the system's colours" if theme == "system" else f"Use the {theme} colours"
            self._action(words, "", partial(setattr, self.desk.settings, "theme", theme))
        self._action("Close the window", QKeySequence.StandardKey.Close, self.close)
        self._refresh_actions()

    def _action(
        self, text: str, shortcut: str | QKeySequence.StandardKey, run: Callable[[], object], words: str = ""
    ) -> QAction:
        action = QAction(text, self)
        action.setShortcut(QKeySequence(shortcut))
        if words:
            action.setToolTip(words)
        action.triggered.connect(lambda _=False: run())
        self.addAction(action)
        return action

    def _connect(self) -> None:
        bus, live = self.desk.bus, self.live
        self.rail.chosen.connect(self.show_page)
        self.inspector.fold_asked.connect(self._fold)
        self.status.stop_asked.connect(self._stop)
        self.drawer.opened.connect(lambda opened: setattr(self.desk.settings, "drawer_open", opened))
        live.changed.connect(self._refresh_marks)
        live.changed.connect(self._refresh_actions)
        bus.navigate.connect(self.navigate)
        bus.inspect.connect(self.inspector.inspect)
        bus.rest.connect(self.inspector.set_rest)
        bus.notice.connect(self._notice)
        bus.undo.connect(lambda text, back: self.undo_toast.say(text, "ok", back))
        bus.error.connect(self.banner.tell)
        bus.moved_on.connect(self.banner.dismiss)
        self.desk.feed.reset.connect(lambda _: self.banner.dismiss())  # what failed was the run before
        self.desk.jobs.ended.connect(self._tell_end)
        self.desk.jobs.free.connect(self._close_when_free)

    def _restore(self) -> None:
        settings = self.desk.settings
        if not settings.window_geometry.isEmpty():
            self.restoreGeometry(settings.window_geometry)
        self.drawer.set_open(settings.drawer_open)

    # -- pages -----------------------------------------------------------------------------------------------------

    @property
    def page(self) -> PageWidget | None:
        """The page in view."""
        return self._pages.get(self.page_name)

    def show_page(self, name: str) -> PageWidget | None:
        """Builds it when it is shown for the first time. A name that no page has shows the first page."""
        if name not in self.modules:
            name = next(iter(self.modules), "")
        if not name or name == self.page_name:
            return self.page
        try:
            page = self._pages.get(name) or self._build_page(name)
        except Exception:
            self.rail.choose(self.page_name)
            raise
        if self.page is not None:
            self.page.hidden()
        self.page_name = name
        self.stack.setCurrentWidget(page)
        self.header.show_page(name)
        self.rail.choose(name)
        self.inspector.pin.setChecked(False)
        self.inspector.set_help(read_help(name))
        self._place_inspector()
        self.setWindowTitle(f"{self.modules[name].TITLE} - Cutaway")
        self.desk.settings.page = name
        page.shown()
        return page

    def _build_page(self, name: str) -> PageWidget:
        module = self.modules[name]
        page: PageWidget = module.build(self.desk)
        self._pages[name] = page
        title = page.header_title()
        self.header.add(name, title.strip() if title else module.TITLE, page.header_left(), page.header_right())
        self.stack.addWidget(page)
        return page

    def navigate(self, name: str, argument: object) -> None:
        """ "actions" opens the command palette, "open" asks for a model; everything else is the name of a page."""
        if name == "actions":
            self.open_palette()
            return
        if name == "open":
            self.open_model()
            return
        page = self.show_page(name)
        if page is not None and argument is not None:
            page.open(argument)

    def actions_at_hand(self) -> list[QAction]:
        """Of the page in view first, then of the window."""
        own = self.page.actions() if self.page else []
        return [*own, *(action for action in self.actions() if action is not self.find_action)]

    def open_palette(self) -> None:
        self.palette_panel.open(self.actions_at_hand())

    def open_model(self, source: str = "") -> None:
        """Asks which one, unless that was dropped; when it is here, the Playground talks to it."""
        dialog = OpenDialog(self.desk, source, self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.opened.connect(lambda opened: self.navigate("playground", opened.folder))
        dialog.open()

    def show_help(self) -> None:
        if self.inspector.folded:
            self._fold(False)
        self.inspector.show_help()

    # -- what the run says -----------------------------------------------------------------------------------------

    def _refresh_marks(self) -> None:
        for name, module in self.modules.items():
            if name in self.rail.marks():
                kind = mark_of(module, self.live)
                self.rail.mark(name, kind, (self.live.share or None) if kind == "running" else None)

    def _refresh_actions(self) -> None:
        state = self.live.state
        alive = state is not None and state.value not in ("stopping", "saving")
        paused = state is not None and state.value == "paused"
        self.stop_action.setEnabled(alive)
        self.checkpoint_action.setEnabled(alive)
        self.pause_action.setEnabled(alive and not paused)
        self.go_on_action.setEnabled(paused)

    def _stop(self) -> None:
        self.desk.jobs.stop()
        self.status.refresh()
        self.drawer.refresh()

    def _tell_end(self, job: object) -> None:
        words = self.drawer.last_words
        if words and not self._closing:
            self.toast.say(f"{words}.", "ok" if "done" in words else "info")

    def _notice(self, level: str, text: str) -> None:
        self.drawer.say(text)
        if level != "info":
            self.toast.say(text, level)

    # -- frame -----------------------------------------------------------------------------------------------------

    def _fold(self, folded: bool) -> None:
        """By hand: remembered for this page while the window lives, and as the wish for all of them."""
        self._folded_by_hand[self.page_name] = folded
        if getattr(self.modules.get(self.page_name), "INSPECTOR_OPEN", True):
            self.desk.settings.inspector_open = not folded
        self._place_inspector()

    def _place_inspector(self) -> None:
        wanted = getattr(self.modules.get(self.page_name), "INSPECTOR_OPEN", True)
        folded = not (wanted and self.desk.settings.inspector_open) or self.width() < _NARROW
        self.inspector.set_folded(self._folded_by_hand.get(self.page_name, folded))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        crossed = (event.oldSize().width() < _NARROW) != (event.size().width() < _NARROW)
        if crossed and event.oldSize().isValid():
            self._folded_by_hand.clear()
        self._place_inspector()
        self.status.refresh()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() is QEvent.Type.PaletteChange:
            self.update()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        files, model = readable_paths(event.mimeData()), dropped_model(event.mimeData())
        tokenizer = dropped_tokenizer(event.mimeData())
        if files or model or tokenizer:
            event.acceptProposedAction()
            self.veil.show_over(0 if model or tokenizer else len(files), "tokenizer" if tokenizer else "model")

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self.veil.hide()

    def dropEvent(self, event: QDropEvent) -> None:
        self.veil.hide()
        files, model = readable_paths(event.mimeData()), dropped_model(event.mimeData())
        tokenizer = dropped_tokenizer(event.mimeData())
        if files or model or tokenizer:
            event.acceptProposedAction()
        if tokenizer:
            self.navigate("tokenizer", tokenizer)
        elif model:
            self.open_model(str(model))
        elif files:
            self.navigate("home", {"files": files})

    # -- closing ---------------------------------------------------------------------------------------------------

    def closeEvent(self, event: QCloseEvent) -> None:
        """With a run in this process it asks first; the window then stays until everything is saved."""
        jobs = self.desk.jobs
        if jobs.busy and not self._closing:
            assert jobs.current is not None
            answer = ask_on_close(self, jobs.current)
            if answer != "stay":
                self._leave(detached=answer == "detach")
            event.ignore()
        elif jobs.busy:
            event.ignore()
        else:
            self._remember()
            event.accept()

    def _leave(self, *, detached: bool) -> None:
        self._closing = True
        words = "The run goes on in a process of its own" if detached else "Saving a checkpoint"
        self.toast.say(f"{words}; the window closes when that is done.", "info")
        self.desk.jobs.leave(detached=detached)
        self.status.refresh()

    def _close_when_free(self) -> None:
        if self._closing:
            # Not from within the queue's own signal: it may still have something to finish.
            QTimer.singleShot(0, self.close)

    def _remember(self) -> None:
        settings = self.desk.settings
        settings.window_geometry = self.saveGeometry()
        settings.save()
