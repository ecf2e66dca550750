"""Running text of the inspector: a few inline marks, lines of 20 px."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QFontInfo
from PySide6.QtWidgets import QSizePolicy

from app.theme.type import font, without_ligatures
from app.widgets.label import Label

HELP = Path(__file__).resolve().parents[2] / "resources" / "help"


def rich(text: str) -> str:
    """`code` in the fixed-width font and **strong** words; everything else is taken literally."""
    safe = html.escape(text)
    family = QFontInfo(font(13, fixed=True)).family()
    fixed = f"<span style=\"font-family:'{family}'\">\\1</span>"
    safe = re.sub(r"`([^`]+)`", fixed, safe)
    safe = re.sub(r"\*\*([^*]+)\*\*", r"<b>\1</b>", safe)
    return f'<p style="line-height:20px; margin:0">{safe}</p>'


class Text(Label):
    """Wrapped text at 13/20 that can be selected with the mouse."""

    def __init__(self, text: str, role: str = "text") -> None:
        super().__init__("", role, wrap=True)
        self.setFont(without_ligatures(self.font()))  # markup can name a font's family, not what it joins
        self.setTextFormat(Qt.TextFormat.RichText)
        self.setText(rich(text))
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.setAccessibleName(text)


_HOW = "Point at anything on the page and it is explained here, in three steps. **F1** tells more about the page."


@dataclass(frozen=True)
class Help:
    """A help text: a title and blocks. A block is a paragraph, a "## heading" or a "- " item."""

    title: str
    blocks: tuple[str, ...]

    @property
    def beginning(self) -> Help:
        """What stands in the inspector until something is pointed at."""
        return Help(self.title, (*self.blocks[:1], _HOW))


def read_help(page: str) -> Help | None:
    """The help of a page by its module's name; None where there is none."""
    path = HELP / f"{page}.md"
    if not path.is_file():
        return None
    lines = path.read_text(encoding="utf-8").strip().splitlines()
    blocks: list[str] = []
    for line in lines[1:]:
        words = line.strip()
        if not words:
            blocks.append("")
        elif words.startswith(("- ", "## ")) or not blocks or not blocks[-1]:
            blocks.append(words)
        else:
            blocks[-1] += f" {words}"
    return Help(lines[0].removeprefix("# ").strip(), tuple(block for block in blocks if block))
