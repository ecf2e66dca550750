"""Phosphor icons, drawn as text of its font in a colour that follows the theme.

The font and its character map come with qtawesome. They are read here on first use without importing qtawesome
itself, which would load ten other icon fonts; so the first icon costs a few milliseconds.
"""

from __future__ import annotations

import importlib.util
import json
from functools import lru_cache
from pathlib import Path

from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontDatabase,
    QGuiApplication,
    QIcon,
    QIconEngine,
    QPainter,
    QPixmap,
    QRawFont,
)

from app.theme.icons_own import PATHS, paint_own
from app.theme.palette import DARK, LIGHT, Palette, mix


def icon(name: str, color: str = "text") -> QIcon:
    """name: "ph.house", or one of `icons_own`. color: a role of the palette, and the icon follows light and dark by
    itself, or `#RRGGBB`. Raises ValueError for a name that Phosphor 1.3 does not have.
    """
    return QIcon(_Engine(checked(name), color))


def paint_icon(painter: QPainter, rect: QRectF, name: str, color: QColor | str, *, bold: bool = False) -> None:
    """Draws the icon into the square around the centre of `rect`, as large as its shorter side. bold: with Phosphor's
    thicker strokes, for sizes below 16 px, where the regular ones get thinner than the text beside them."""
    size = min(rect.width(), rect.height())
    square = QRectF(rect.center().x() - size / 2, rect.center().y() - size / 2, size, size)
    if name in PATHS:
        paint_own(painter, square, name, QColor(color), bold=bold)
        return
    glyph = _glyph(f"{name}-bold" if bold else name)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QColor(color))
    painter.setFont(_icon_font(round(size)))
    # Phosphor's em square is the icon's square: its top lies `ascent` above the baseline.
    painter.drawText(QPointF(square.left(), square.top() + size * _ascent()), glyph)
    painter.restore()


def checked(name: str) -> str:
    """The name itself, or "" for none. Raises ValueError for one that Phosphor does not have: a widget asks when it
    is made, because an error while painting can end the process."""
    if name and name not in PATHS:
        _glyph(name)
    return name


class _Engine(QIconEngine):
    def __init__(self, name: str, color: str) -> None:
        super().__init__()
        self._name = name
        self._color = color

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        palette = application_palette()
        color = QColor(getattr(palette, self._color, self._color))
        if mode is QIcon.Mode.Disabled:
            color = mix(color.name(), palette.surface, 0.45)
        paint_icon(painter, QRectF(rect), self._name, color)

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        pixmap = QPixmap(size)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        self.paint(painter, QRect(0, 0, size.width(), size.height()), mode, state)
        painter.end()
        return pixmap

    def clone(self) -> QIconEngine:
        return _Engine(self._name, self._color)


def application_palette() -> Palette:
    """The colours that the application wears, for what is drawn without a widget at hand."""
    return DARK if QGuiApplication.palette().window().color().lightness() < 128 else LIGHT


@lru_cache(maxsize=1)
def _font_folder() -> Path:
    found = importlib.util.find_spec("qtawesome")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("qtawesome, which brings the icon font, is not installed")
    return Path(found.origin).parent / "fonts"


@lru_cache(maxsize=1)
def _characters() -> dict[str, str]:
    path = next(_font_folder().glob("phosphor-charmap-*.json"))
    return {name: chr(int(code, 16)) for name, code in json.loads(path.read_text(encoding="utf-8")).items()}


def _glyph(name: str) -> str:
    characters = _characters()
    if not name.startswith("ph.") or name[3:] not in characters:
        raise ValueError(f"no icon {name!r}: use a name of Phosphor 1.3 with the prefix ph.")
    return characters[name[3:]]


def _font_file() -> Path:
    return next(_font_folder().glob("phosphor-[0-9]*.ttf"))


@lru_cache(maxsize=1)
def _family() -> str:
    identifier = QFontDatabase.addApplicationFont(str(_font_file()))
    return QFontDatabase.applicationFontFamilies(identifier)[0]


@lru_cache(maxsize=1)
def _ascent() -> float:
    """Share of the em square that lies above the baseline."""
    raw = QRawFont(str(_font_file()), 1000)
    return raw.ascent() / (raw.ascent() + raw.descent())


def _icon_font(size: int) -> QFont:
    chosen = QFont(_family())
    chosen.setPixelSize(size)
    chosen.setHintingPreference(QFont.HintingPreference.PreferNoHinting)
    return chosen
