"""Paints the lines of a token layout that are in view, each text shaped once and kept."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen, QStaticText

from app.theme.type import font
from app.widgets.token_view_colour import Colouring, Shade, Shades, TokenChip
from app.widgets.token_view_layout import Piece, Row, TokenLayout
from app.widgets.token_view_pieces import NEWLINE_MARK, Measures

RADIUS = 3
BOX_HEIGHT = 42
_CACHE_LIMIT = 30_000


class TokenPainter:
    """Knows the fonts. What is chosen, marked and how it is coloured is set by the view before it paints."""

    def __init__(self, size: int, fixed: bool, line_height: int, chip_height: int) -> None:
        self.font = font(size, fixed=fixed)
        for ligatures in ("liga", "calt"):  # "->" is two characters, and stays two
            self.font.setFeature(QFont.Tag(ligatures), 0)
        self.byte_font = font(10, fixed=True)
        self.chip_height = chip_height
        self.colouring = Colouring.POSITION
        self.show_spaces = fixed
        self.show_newlines = True
        self.as_bytes = False
        self.values: Sequence[float | None] | None = None
        self.lit: int | None = None
        self.marked: Collection[int] = frozenset()
        self.selection = range(0)
        self._metrics = QFontMetricsF(self.font)
        self._byte_metrics = QFontMetricsF(self.byte_font)
        self._advances: dict[str, float] = {}
        self._texts: dict[str, QStaticText] = {}
        self._padding = 2
        self._gap = 1 if fixed else 2
        self._line_height = line_height

    def measures(self) -> Measures:
        return Measures(
            self._advance,
            self._byte_metrics.horizontalAdvance("00") + 1,
            self._line_height,
            max(self._line_height, BOX_HEIGHT + 3),
            self._padding,
            self._gap,
        )

    def value(self, token: int) -> float | None:
        """What colours a token; None without a value."""
        value = None if self.values is None else self.values[token]
        return None if value is None or value != value else float(value)

    def paint(
        self, painter: QPainter, layout: TokenLayout, tokens: Sequence[TokenChip], shades: Shades, rows: range
    ) -> None:
        """rows: indices of lines; the painter's origin is the layout's."""
        painter.setFont(self.font)
        for index in rows:
            row = layout.row(index)
            for piece in layout.pieces_of(row):
                if piece.box:
                    self._paint_box(painter, layout, tokens, shades, row, piece)
                else:
                    self._paint_chip(painter, tokens, shades, row, piece)

    def chip_rect(self, row: Row, piece: Piece) -> QRectF:
        height = BOX_HEIGHT if piece.box else self.chip_height
        top = row.y + (row.height - height) / 2 if piece.box else row.y + self._chip_top(row)
        return QRectF(piece.x, top, piece.width, height)

    def cell_rects(
        self, layout: TokenLayout, tokens: Sequence[TokenChip], row: Row, piece: Piece
    ) -> list[tuple[int, QRectF]]:
        """Of a split character: each token with the place of its bytes."""
        top = self.chip_rect(row, piece).bottom() - 17
        return [(token, QRectF(x, top, width, 14)) for token, x, width in layout.cells(piece, tokens)]

    def _chip_top(self, row: Row) -> float:
        """Chips beside a box stand level with its character."""
        return (self._line_height - self.chip_height) / 2 + (2 if row.height > self._line_height else 0)

    def _paint_chip(
        self, painter: QPainter, tokens: Sequence[TokenChip], shades: Shades, row: Row, piece: Piece
    ) -> None:
        token = piece.token
        chip = tokens[token]
        shade = shades.of(chip, token, self.value(token), self.colouring)
        rect = self.chip_rect(row, piece)
        fill_chip(painter, rect, shade)
        if token in self.selection:
            self._tint(painter, rect, shades)
        baseline = QPointF(rect.x() + (0 if chip.plain else self._padding), self._text_top(rect))
        self._paint_text(painter, baseline, piece.text, chip, shade)
        if token in self.marked:
            painter.fillRect(QRectF(rect.x(), rect.bottom() - 1, rect.width(), 2), QColor(shades.palette.warning))
        if chip.token_id == self.lit:
            self._light(painter, rect, shades)

    def _paint_text(self, painter: QPainter, at: QPointF, text: str, chip: TokenChip, shade: Shade) -> None:
        if text.endswith(NEWLINE_MARK) and "\n" in chip.text:
            text = text[:-1]
            if self.show_newlines:
                faint = QColor(shade.ink)
                faint.setAlphaF(0.5)
                painter.setPen(faint)
                painter.drawStaticText(at + QPointF(self._advance(text), 0), self._static(NEWLINE_MARK))
        if self.show_spaces and text[:1] == " " and not chip.plain:
            faint = QColor(shade.ink)
            faint.setAlphaF(0.45)
            painter.setPen(faint)
            self._paint_dots(painter, at, len(text) - len(text.lstrip(" ")))
        painter.setPen(shade.ink)
        painter.drawStaticText(at, self._static(text))

    def _paint_dots(self, painter: QPainter, at: QPointF, count: int) -> None:
        space, dot = self._advance(" "), self._advance("·")
        for index in range(count):
            painter.drawStaticText(at + QPointF(index * space + (space - dot) / 2, 0), self._static("·"))

    def _paint_box(
        self,
        painter: QPainter,
        layout: TokenLayout,
        tokens: Sequence[TokenChip],
        shades: Shades,
        row: Row,
        piece: Piece,
    ) -> None:
        rect = self.chip_rect(row, piece)
        painter.setPen(QPen(QColor(shades.palette.border), 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(rect.adjusted(0.5, 0.5, -0.5, -0.5), RADIUS, RADIUS)
        painter.setPen(QColor(shades.palette.text))
        left = rect.center().x() - self._advance(piece.text) / 2
        painter.drawStaticText(QPointF(left, rect.y() + 1), self._static(piece.text))
        for token, cell in self.cell_rects(layout, tokens, row, piece):
            shade = shades.of(tokens[token], token, self.value(token), self.colouring)
            fill_chip(painter, cell, shade)
            if token in self.selection:
                self._tint(painter, cell, shades)
            painter.setPen(shade.ink)
            painter.setFont(self.byte_font)
            painter.drawText(cell, Qt.AlignmentFlag.AlignCenter, tokens[token].data.hex(" ").upper())
            painter.setFont(self.font)
            if tokens[token].token_id == self.lit:
                self._light(painter, cell, shades)

    def _light(self, painter: QPainter, rect: QRectF, shades: Shades) -> None:
        """The same token as the one under the pointer."""
        painter.setPen(QPen(QColor(shades.palette.accent), 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(rect.adjusted(0.5, 0.5, -0.5, -0.5), RADIUS, RADIUS)

    def _tint(self, painter: QPainter, rect: QRectF, shades: Shades) -> None:
        tint = QColor(shades.palette.accent)
        tint.setAlphaF(0.3)
        painter.fillRect(rect, tint)

    def _text_top(self, rect: QRectF) -> float:
        return rect.y() + (rect.height() - self._metrics.height()) / 2 - 0.5

    def _advance(self, text: str) -> float:
        width = self._advances.get(text)
        if width is None:
            if len(self._advances) > _CACHE_LIMIT:
                self._advances.clear()
            width = self._advances[text] = self._metrics.horizontalAdvance(text)
        return width

    def _static(self, text: str) -> QStaticText:
        shaped = self._texts.get(text)
        if shaped is None:
            if len(self._texts) > _CACHE_LIMIT:
                self._texts.clear()
            shaped = QStaticText(text)
            shaped.setTextFormat(Qt.TextFormat.PlainText)
            shaped.setPerformanceHint(QStaticText.PerformanceHint.AggressiveCaching)
            shaped.prepare(font=self.font)
            self._texts[text] = shaped
        return shaped


def fill_chip(painter: QPainter, rect: QRectF, shade: Shade) -> None:
    """A rounded chip; its underline fills the bottom and keeps the corners. Without a ground only its edge."""
    if shade.edge is not None:
        painter.setPen(QPen(shade.edge, 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(rect.adjusted(0.5, 0.5, -0.5, -0.5), RADIUS, RADIUS)
    if shade.background is None:
        return
    painter.setPen(Qt.PenStyle.NoPen)
    if shade.line is None:
        painter.setBrush(shade.background)
        painter.drawRoundedRect(rect, RADIUS, RADIUS)
        return
    painter.setBrush(shade.line)
    painter.drawRoundedRect(rect, RADIUS, RADIUS)
    top = rect.adjusted(0, 0, 0, -shade.thickness)
    painter.setBrush(shade.background)
    painter.drawRoundedRect(top, RADIUS, RADIUS)
    painter.fillRect(top.adjusted(0, top.height() - RADIUS, 0, 0), shade.background)


def draw_outline(painter: QPainter, rect: QRectF, color: QColor) -> None:
    """The 2 px frame of what is chosen or under the pointer, 1 px off the chip."""
    painter.setPen(QPen(color, 2))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRoundedRect(rect.adjusted(-1, -1, 1, 1), RADIUS + 1, RADIUS + 1)
