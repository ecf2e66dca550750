"""Files dragged over the window: which of them are text, and the veil that says what a drop will do."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QMimeData, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from app.theme.icons import paint_icon
from app.theme.palette import colors, mix
from app.theme.type import font

_SUFFIXES = (".txt", ".md", ".jsonl")


def readable_paths(data: QMimeData) -> list[Path]:
    """Folders, and files whose names say text. What is really inside is found out when they are read."""
    paths = [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]
    return [path for path in paths if path.suffix.lower() in _SUFFIXES or path.is_dir()]


class DropVeil(QWidget):
    """Lies over the page while something is dragged."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._over = parent
        self._words = ""
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()

    def show_over(self, count: int, thing: str = "model") -> None:
        """count: of text files; 0 for a model or a tokenizer, which `thing` says."""
        words = "Drop the file to train on it" if count == 1 else f"Drop the {count} files to train on them"
        self._words = words if count else f"Drop the {thing} to open it"
        self.setGeometry(self._over.rect())
        self.show()
        self.raise_()

    def paintEvent(self, event: QPaintEvent) -> None:
        p = colors(self)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        veil = mix(p.soft_accent, p.background, 0.8)
        veil.setAlpha(235)
        painter.setBrush(veil)
        painter.setPen(QPen(QColor(p.accent), 2, Qt.PenStyle.DashLine))
        box = QRectF(self.rect()).adjusted(13, 13, -13, -13)
        painter.drawRoundedRect(box, 8, 8)
        centre = box.center()
        paint_icon(painter, QRectF(centre.x() - 16, centre.y() - 44, 32, 32), "ph.files", p.accent)
        painter.setFont(font(20))
        painter.setPen(QColor(p.text))
        painter.drawText(QRectF(box.left(), centre.y(), box.width(), 32), Qt.AlignmentFlag.AlignCenter, self._words)
