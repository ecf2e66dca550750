"""What a token's chip looks like: colours by position, or by a value through cividis, and the line of surprise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

from PySide6.QtGui import QColor

from app.theme.palette import LIGHT, Palette, cividis, mix

LEVELS = 64
MAX_BITS = 6.0
_DARK_SHARE, _LIGHT_SHARE = 0.38, 0.42
_SEEN = 2.0


class Colouring(Enum):
    """How chips are coloured. The words are what a menu shows."""

    POSITION = "colour by position"
    PROBABILITY = "colour by probability"
    ENTROPY = "colour by entropy"
    ATTENTION = "colour by attention"
    TRAINED = "colour by what is trained"
    NONE = "no colour"


@dataclass(frozen=True, slots=True)
class TokenChip:
    """One token as the view draws it.

    text: the token decoded alone; for a piece of a split character "" or U+FFFD (the view joins the neighbours' data).
    data: its bytes. value: probability or attention (0 to 1) or entropy (bits), as the colouring reads it, or 1 for a
    trained token and 0 for one that is only read; None: a chip without colour, or one behind what the model sees.
    special: a control token such as <|end|>. plain: painted as text without a chip, like a prompt.
    """

    text: str
    token_id: int
    data: bytes
    value: float | None = None
    special: bool = False
    plain: bool = False


@dataclass(frozen=True, slots=True)
class Shade:
    """background: of the chip, None for no chip. ink: of its text. line: underline colour. thickness: its px.
    edge: of a chip that is only outlined."""

    background: QColor | None
    ink: QColor
    line: QColor | None = None
    thickness: int = 0
    edge: QColor | None = None


def surprise(value: float, colouring: Colouring) -> float:
    """0 to 1: how thick the line is. Eight bits of information, MAX_BITS of doubt or all of the attention fill it."""
    if colouring is Colouring.PROBABILITY:
        return min(-math.log2(max(value, 1e-9)) / 8.0, 1.0)
    if colouring is Colouring.ATTENTION:
        return min(max(value, 0.0), 1.0)
    return min(max(value / MAX_BITS, 0.0), 1.0)


def contrast(first: QColor, second: QColor) -> float:
    """WCAG contrast ratio, 1 to 21."""
    high, low = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def ink_on(background: QColor) -> QColor:
    """White or near-black, whichever reads better."""
    white, ink = QColor(LIGHT.surface), QColor(LIGHT.text)
    return white if contrast(white, background) >= contrast(ink, background) else ink


class Shades:
    """The looks of a theme, made when first asked for and kept: a paint asks for hundreds."""

    def __init__(self, palette: Palette) -> None:
        self.palette = palette
        self._share = _DARK_SHARE if palette.is_dark else _LIGHT_SHARE
        text = QColor(palette.text)
        self._plain = Shade(None, text)
        self._special = Shade(QColor(palette.soft_warning), QColor(palette.warning))
        self._uncoloured = Shade(QColor(palette.raised), text)
        self._trained = _trained_shades(palette)
        self._positions = [Shade(QColor(chip), text) for chip in palette.chips]
        self._values: dict[tuple[int, int], Shade] = {}

    def of(self, chip: TokenChip, index: int, value: float | None, colouring: Colouring) -> Shade:
        """The look of `chip`, the `index`-th of its text, whose value may have changed since it was made."""
        if chip.plain and (colouring is not Colouring.ATTENTION or value is None):
            return self._plain
        if colouring is Colouring.TRAINED:
            return self._trained[chip.special, value]
        if chip.special:
            return self._special
        if colouring is Colouring.POSITION:
            return self._positions[index % len(self._positions)]
        if colouring is Colouring.NONE or value is None:
            return self._uncoloured
        height = value / MAX_BITS if colouring is Colouring.ENTROPY else value
        level = round(min(max(height, 0.0), 1.0) * (LEVELS - 1))
        return self.by_value(level, 1 + round(5 * surprise(value, colouring)))

    def by_value(self, level: int, thickness: int) -> Shade:
        """level: 0 to LEVELS - 1 along cividis. thickness: 1 to 6 px of underline."""
        key = (level, thickness)
        if key not in self._values:
            pure = cividis(level / (LEVELS - 1))
            background = mix(pure.name(), self.palette.surface, self._share)
            self._values[key] = Shade(background, ink_on(background), self._line(pure, background), thickness)
        return self._values[key]

    def _line(self, pure: QColor, background: QColor) -> QColor:
        """The scale's own colour, moved towards that of text as far as it needs to be seen on the chip."""
        shares = (1.0, 0.8, 0.65, 0.5, 0.35)
        tried = [pure if share == 1 else mix(pure.name(), self.palette.text, share) for share in shares]
        return next((line for line in tried if contrast(line, background) >= _SEEN), tried[-1])


def _trained_shades(palette: Palette) -> dict[tuple[bool, float | None], Shade]:
    """By (special, value): trained ones filled and underlined, read ones outlined, those behind the context bare."""
    text, muted, gold = QColor(palette.text), QColor(palette.muted), QColor(palette.warning)
    accent = QColor(palette.accent)
    bright = mix(palette.accent, palette.surface, 0.3 if palette.is_dark else 0.2)
    golden = mix(palette.warning, palette.surface, 0.22)
    return {
        (False, 1.0): Shade(bright, text, accent, 3),
        (True, 1.0): Shade(golden, ink_on(golden) if palette.is_dark else text, accent, 3),
        (False, 0.0): Shade(None, muted, edge=QColor(palette.hairline)),
        (True, 0.0): Shade(None, gold, edge=mix(palette.warning, palette.surface, 0.5)),
        (False, None): Shade(None, QColor(palette.border)),
        (True, None): Shade(None, QColor(palette.border)),
    }


def _luminance(color: QColor) -> float:
    parts = (color.redF(), color.greenF(), color.blueF())
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
