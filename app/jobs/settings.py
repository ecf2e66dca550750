"""What a person chose once and finds again: a small INI file, typed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Generic, TypeVar, overload

import platformdirs
from PySide6.QtCore import QByteArray, QObject, QSettings, Signal

from engine.generation.loaded import WEIGHTS
from engine.store.workspace import default_workspace

THEMES = ("system", "light", "dark")
DEVICES = ("auto", "cpu", "cuda", "mps")

T = TypeVar("T")


class _Kept(Generic[T]):
    """A typed property over one key of the INI file; a foreign value on disk reads as the default."""

    def __init__(self, default: T, allowed: tuple[T, ...] = ()) -> None:
        self.default = default
        self.allowed = allowed

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, settings: None, owner: type) -> _Kept[T]: ...
    @overload
    def __get__(self, settings: Settings, owner: type) -> T: ...
    def __get__(self, settings: Settings | None, owner: type) -> _Kept[T] | T:
        if settings is None:
            return self
        value = _as_kind(settings.store.value(self.name, self.default), self.default)
        return self.default if self.allowed and value not in self.allowed else value

    def __set__(self, settings: Settings, value: T) -> None:
        if self.allowed and value not in self.allowed:
            raise ValueError(f"{self.name} cannot be {value!r}")
        if value != self.__get__(settings, Settings):
            settings.store.setValue(self.name, value)
            settings.changed.emit(self.name)


def _as_kind(value: Any, default: Any) -> Any:
    """An INI file keeps every plain value as text."""
    if isinstance(default, bool):
        return value if isinstance(value, bool) else str(value).lower() == "true"
    if isinstance(default, int):
        try:
            return int(value)
        except (TypeError, ValueError):
            return default
    return value if isinstance(value, type(default)) else default


class Settings(QObject):
    """Every property can be read and set; `changed` names the one that took a new value.

    threads: CPU threads for torch, 0 = the machine's physical cores. processes: that a training is shared among.
    weights: in which a loaded checkpoint writes.
    page: name of the page that was open. last_recipe: preset name or path that Home shows.
    offered: folder name of the run that was last offered for resuming.
    """

    changed = Signal(str)

    theme = _Kept("system", THEMES)
    device = _Kept("auto", DEVICES)
    threads = _Kept(0)
    weights = _Kept("float32", WEIGHTS)
    processes = _Kept(1)
    reduce_motion = _Kept(False)
    inspector_open = _Kept(True)
    drawer_open = _Kept(False)
    window_geometry = _Kept(QByteArray())
    page = _Kept("home")
    last_recipe = _Kept("first-words")
    offered = _Kept("")
    _workspace = _Kept("")

    def __init__(self, path: Path | None = None) -> None:
        """path: of the INI file; by default in the user's configuration folder."""
        super().__init__()
        self.path = path or default_settings_path()
        self.store = QSettings(str(self.path), QSettings.Format.IniFormat)

    @property
    def workspace(self) -> Path:
        return Path(self._workspace) if self._workspace else default_workspace()

    @workspace.setter
    def workspace(self, folder: Path) -> None:
        if folder != self.workspace:
            self.store.setValue("_workspace", str(folder))
            self.changed.emit("workspace")

    def save(self) -> bool:
        """Writes now. False when the file cannot be written: what was chosen then holds until the window closes."""
        self.store.sync()
        return self.store.status() is QSettings.Status.NoError


def default_settings_path() -> Path:
    return Path(platformdirs.user_config_dir("cutaway", appauthor=False)) / "settings.ini"
