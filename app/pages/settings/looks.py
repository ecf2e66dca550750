"""Light or dark, and whether things move."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QCheckBox

from app.jobs.settings import THEMES, Settings
from app.pages.settings.row import Row
from app.widgets.panel import Panel
from app.widgets.segments import Segments


class LooksPanel(Panel):
    def __init__(self, settings: Settings) -> None:
        super().__init__("Appearance", margins=(20, 16, 20, 12))
        self._settings = settings
        self.theme = Segments([name.capitalize() for name in THEMES], THEMES.index(settings.theme))
        self.motion = QCheckBox("Reduce motion")
        self.motion.setChecked(settings.reduce_motion)
        self._theme_row = Row("Theme", "Changes everything at once, charts too.", self.theme, first=True)
        self.body.addWidget(self._theme_row)
        self.body.addWidget(Row("Motion", "Panels and rings stand still; data never moves for show.", self.motion))
        self.theme.changed.connect(lambda index: setattr(settings, "theme", THEMES[index]))
        self.motion.toggled.connect(lambda on: setattr(settings, "reduce_motion", on))
        settings.changed.connect(self.refresh)
        QGuiApplication.styleHints().colorSchemeChanged.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """The palette of commands changes the theme too."""
        self.theme.set_current(THEMES.index(self._settings.theme))
        self.motion.setChecked(self._settings.reduce_motion)
        dark = QGuiApplication.styleHints().colorScheme() is Qt.ColorScheme.Dark
        follows = self._settings.theme == "system"
        self._theme_row.set_effect(f"The desktop asks for {'dark' if dark else 'light'}." if follows else "")
