"""How a row of the table looks: the same as in Home's list of recent runs, with more beside it."""

from __future__ import annotations

import math

from PySide6.QtCore import QAbstractItemModel, QEvent, QModelIndex, QObject, QPersistentModelIndex, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetrics, QMouseEvent, QPainter, QPen
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from app.item_models.runs import SUMMARY, Column, origin_text
from app.jobs.run_summary import RunSummary
from app.theme.palette import Palette, colors
from app.theme.type import font
from app.widgets.sparkline import paint_sparkline
from engine.events import RunState

ROW_HEIGHT = 40
_PAD = 8
_BUTTON_HEIGHT = 22
_LEAST_ORIGIN = 60

_Index = QModelIndex | QPersistentModelIndex


class RunDelegate(QStyledItemDelegate):
    """resume(RunSummary) when the small button in the row of a run that died is pressed."""

    resume = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.hovered_row = -1

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        p = colors(option.widget)
        run: RunSummary = index.data(SUMMARY)
        painter.save()
        self._paint_ground(painter, option, index.row(), p)
        box = QRectF(option.rect).adjusted(_PAD, 0, -_PAD, 0)
        match Column(index.column()):
            case Column.NAME:
                _text(painter, box, run.name, p.text, font(13, weight=500))
                self._paint_origin(painter, box, run, p)
            case Column.RESULT:
                _text(painter, box, index.data(), p.danger if _broke(run) else p.text, right=True)
            case Column.LOSS:
                ink = QColor(p.danger if _broke(run) else p.accent if run.is_live else p.muted)
                paint_sparkline(painter, box.adjusted(0, 11, 0, -11), run.loss_points, ink, max(run.share, 0.2))
            case Column.ENDED:
                self._paint_end(painter, box, run, p, bool(option.state & QStyle.StateFlag.State_Selected))
            case column:
                _text(painter, box, index.data(), p.muted, right=column is Column.SIZE)
        painter.restore()

    def editorEvent(
        self, event: QEvent, model: QAbstractItemModel, option: QStyleOptionViewItem, index: _Index
    ) -> bool:
        run: RunSummary = index.data(SUMMARY)
        if index.column() == Column.ENDED and _offers_resume(run) and isinstance(event, QMouseEvent):
            inside = _button(QRectF(option.rect)).contains(event.position())
            if inside and event.type() is QEvent.Type.MouseButtonRelease:
                self.resume.emit(run)
            return inside
        return super().editorEvent(event, model, option, index)

    def _paint_ground(self, painter: QPainter, option: QStyleOptionViewItem, row: int, p: Palette) -> None:
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(option.rect, QColor(p.soft_accent))
        elif row == self.hovered_row:
            painter.fillRect(option.rect, QColor(p.raised))
        line = QRectF(option.rect.left(), option.rect.bottom(), option.rect.width(), 1)
        painter.fillRect(line, QColor(p.hairline))

    def _paint_origin(self, painter: QPainter, box: QRectF, run: RunSummary, p: Palette) -> None:
        """What a fine-tuning began with, as far as there is room."""
        name = QFontMetrics(font(13, weight=500)).horizontalAdvance(run.name) + 10
        if origin_text(run) and box.width() - name > _LEAST_ORIGIN:
            _text(painter, box.adjusted(name, 0, 0, 0), origin_text(run), p.muted, font(11))

    def _paint_end(self, painter: QPainter, box: QRectF, run: RunSummary, p: Palette, chosen: bool) -> None:
        if run.is_live and run.state is not None:
            box = _paint_tag(painter, box, run.state.value, p, p.surface if chosen else p.soft_accent)
        ink = {RunState.FAILED: p.danger, RunState.DIED: p.warning, None: p.danger}.get(run.state, p.muted)
        if run.state is RunState.PAUSED and ":" in run.ended_words:
            ink = p.danger
        if _offers_resume(run):
            button = _button(box.adjusted(-_PAD, 0, _PAD, 0))
            _paint_button(painter, button, p)
            box.setRight(button.left() - _PAD)
        _text(painter, box, run.ended_words, ink)


def _broke(run: RunSummary) -> bool:
    return run.result is not None and not math.isfinite(run.result)


def _offers_resume(run: RunSummary) -> bool:
    return run.state is RunState.DIED


def _text(
    painter: QPainter, box: QRectF, text: str, ink: str, chosen: QFont | None = None, *, right: bool = False
) -> None:
    painter.setFont(chosen or font(13))
    painter.setPen(QColor(ink))
    side = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
    shown = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, int(box.width()))
    painter.drawText(box, side | Qt.AlignmentFlag.AlignVCenter, shown)


def _paint_tag(painter: QPainter, box: QRectF, word: str, p: Palette, ground: str) -> QRectF:
    """The state on a ground of its own; gives what is left of the box."""
    painter.setFont(font(11))
    width = painter.fontMetrics().horizontalAdvance(word) + 12
    tag = QRectF(box.left(), box.center().y() - 9, width, 18)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(ground))
    painter.drawRoundedRect(tag, 3, 3)
    painter.setPen(QColor(p.accent))
    painter.drawText(tag, Qt.AlignmentFlag.AlignCenter, word)
    return box.adjusted(width + 8, 0, 0, 0)


def _button(cell: QRectF) -> QRectF:
    width = QFontMetrics(font(11, weight=500)).horizontalAdvance("Resume") + 17
    return QRectF(cell.right() - _PAD - width, cell.center().y() - _BUTTON_HEIGHT / 2, width, _BUTTON_HEIGHT)


def _paint_button(painter: QPainter, box: QRectF, p: Palette) -> None:
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(QColor(p.surface))
    painter.setPen(QPen(QColor(p.border), 1))
    painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
    painter.setFont(font(11, weight=500))
    painter.setPen(QColor(p.text))
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, "Resume")
