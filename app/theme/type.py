"""Type and space: system fonts in a few sizes, tabular numerals, one scale of gaps."""

from __future__ import annotations

from PySide6.QtGui import QFont, QFontDatabase

XS, S, M, L, XL, XXL = 4, 8, 12, 16, 24, 32
SIZES = (10, 11, 13, 15, 17, 20, 28)


def font(size: int, *, weight: int = 400, fixed: bool = False, serif: bool = False, italic: bool = False) -> QFont:
    """size: pixels. Numerals are tabular, so that a number that changes does not jump."""
    kind = QFontDatabase.SystemFont.FixedFont if fixed else QFontDatabase.SystemFont.GeneralFont
    chosen = QFontDatabase.systemFont(kind)
    if serif:
        chosen.setFamilies(["Noto Serif", "Georgia", "Times New Roman", "DejaVu Serif", "serif"])
    chosen.setPixelSize(size)
    chosen.setWeight(QFont.Weight(weight))
    chosen.setItalic(italic)
    chosen.setFeature(QFont.Tag("tnum"), 1)
    return without_ligatures(chosen) if fixed else chosen


def without_ligatures(chosen: QFont) -> QFont:
    """ "<|" must not turn into another sign: a token is shown as it is."""
    for ligatures in ("liga", "calt"):
        chosen.setFeature(QFont.Tag(ligatures), 0)
    return chosen
