r"""A formula in a small markup, painted with plain text and lines.

    L = -\frac{1}{B T} \sum \ln p(x_t | x_{<t})

Letters are italic, numbers and operators upright; letters without a space between them are one word. `_` and `^` take
one word or number, or a group in braces. Commands:
\frac{a}{b}, \sqrt{a}, \text{arg min} for upright words, \ln \log \exp \max \min \softmax \KL, and symbols by name
(\sum \prod \cdot \times \approx \le \ge \to \infty \partial and Greek letters). Unicode symbols may be typed directly.
A newline begins a new line.
"""

from __future__ import annotations

import re

from PySide6.QtCore import QSize
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.theme.palette import colors
from app.widgets.formula_layout import Box, Fraction, Root, Row, Scripted, Space, Style, Word

_UPRIGHT = {name: name for name in ("ln", "log", "exp", "max", "min", "softmax", "KL", "sin", "cos", "mean", "rank")}
_SYMBOLS = {
    "sum": "Σ", "prod": "Π", "cdot": "·", "times": "×", "approx": "≈", "le": "≤", "ge": "≥", "ne": "≠", "to": "→",
    "infty": "∞", "partial": "∂", "nabla": "∇", "in": "∈", "pm": "±", "odot": "⊙", "ldots": "…", "div": "÷",
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "eta": "η", "theta": "θ", "lambda": "λ",
    "mu": "μ", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ", "phi": "φ", "omega": "ω", "Delta": "Δ",
}  # fmt: skip
_GREEK = "αβγδεηθλμπρστφω"
_PIECES = re.compile(r"\\[A-Za-z]+|[A-Za-z]+|[α-ω]|[0-9][0-9.,]*|\s+|.")
_LINE_GAP = 8.0


def lay_out(markup: str, size: float = 15.0) -> list[Box]:
    """One box a line. Raises ValueError for an unknown command or a brace that is never closed."""
    return [_Reader(line).row(Style(size)) for line in markup.splitlines() if line.strip()]


class Formula(QWidget):
    """Paints the markup in the text colour; shrinks it, never below 11 px, to stay within the width it is given."""

    def __init__(self, markup: str, size: int = 15, *, width: int = 0, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(f"Formula: {markup}")
        self._lines = lay_out(markup, size)
        while width and size > 11 and max(line.width for line in self._lines) > width:
            size -= 1
            self._lines = lay_out(markup, size)

    def sizeHint(self) -> QSize:
        height = sum(line.ascent + line.descent for line in self._lines) + _LINE_GAP * (len(self._lines) - 1)
        return QSize(round(max(line.width for line in self._lines)) + 2, round(height) + 4)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QColor(colors(self).text))
        y = 2.0
        for line in self._lines:
            line.paint(painter, 0.0, y + line.ascent)
            y += line.ascent + line.descent + _LINE_GAP


class _Reader:
    def __init__(self, text: str) -> None:
        self._pieces: list[str] = _PIECES.findall(text.strip())
        self._place = 0

    def row(self, style: Style, closing: str = "") -> Box:
        boxes: list[Box] = []
        while self._place < len(self._pieces):
            if self._pieces[self._place] == closing:
                self._place += 1
                return Row(boxes)
            boxes.append(self._scripted(style))
        if closing:
            raise ValueError("a brace of the formula is never closed")
        return Row(boxes)

    def _next(self) -> str:
        if self._place >= len(self._pieces):
            raise ValueError("the formula ends too early")
        piece = self._pieces[self._place]
        self._place += 1
        return piece

    def _peek(self) -> str:
        return self._pieces[self._place] if self._place < len(self._pieces) else ""

    def _scripted(self, style: Style) -> Box:
        base = self._atom(style)
        scripts: dict[str, Box] = {}
        while self._peek() in ("_", "^"):
            mark = self._next()
            scripts[mark] = self._group(style.script)
        return Scripted(base, scripts.get("_"), scripts.get("^"), style.size) if scripts else base

    def _group(self, style: Style) -> Box:
        """The braces that follow, or one piece."""
        if self._peek() == "{":
            self._next()
            return self.row(style, "}")
        return self._atom(style)

    def _atom(self, style: Style) -> Box:
        piece = self._next()
        if piece.startswith("\\") and len(piece) > 1:
            return self._command(piece[1:], style)
        if piece == "{":
            return self.row(style, "}")
        if piece.isspace():
            return Space(style.size * 0.26)
        italic = piece.isalpha() and (piece.isascii() or piece in _GREEK)
        return Word("−" if piece == "-" else piece, style.size, italic)

    def _command(self, name: str, style: Style) -> Box:
        if name == "frac":
            above = self._group(style)
            return Fraction(above, self._group(style), style.size)
        if name == "sqrt":
            return Root(self._group(style), style.size)
        if name == "text":
            return Word(self._raw_group(), style.size, False)
        if name in _UPRIGHT:
            return Word(_UPRIGHT[name], style.size, False)
        if name in _SYMBOLS:
            symbol = _SYMBOLS[name]
            return Word(symbol, style.size * (1.2 if name in ("sum", "prod") else 1.0), symbol in _GREEK)
        raise ValueError(f"the formula knows no command \\{name}")

    def _raw_group(self) -> str:
        if self._next() != "{":
            raise ValueError("\\text needs braces")
        words = []
        while (piece := self._next()) != "}":
            words.append(piece)
        return "".join(words)
