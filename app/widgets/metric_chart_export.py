"""Takes a chart out of the window: as a picture, as a drawing, as numbers."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PySide6.QtCore import QBuffer, QIODevice, QPoint, QRect, QSize
from PySide6.QtGui import QImage, QPainter
from PySide6.QtSvg import QSvgGenerator
from PySide6.QtWidgets import QWidget

from app.widgets.metric_chart_plot import Trace, TraceStyle
from app.widgets.metric_series import XAxis
from engine.errors import CutawayError
from engine.store.files import explain_os_error, write_atomic

_SCALE = 2


def picture(widget: QWidget) -> QImage:
    """The widget as it looks, at twice its size in pixels."""
    image = QImage(widget.size() * _SCALE, QImage.Format.Format_ARGB32_Premultiplied)
    image.setDevicePixelRatio(_SCALE)
    image.fill(widget.palette().window().color())
    widget.render(image)
    return image


def save_png(widget: QWidget, path: Path) -> None:
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    if not picture(widget).save(buffer, "PNG"):
        raise CutawayError("The picture could not be made.", "Qt did not write it as PNG.", "Try SVG instead.")
    _write(path, bytes(buffer.data().data()))


def save_svg(widget: QWidget, path: Path) -> None:
    """Through QSvgGenerator: pyqtgraph 0.14's own exporter fails on PySide6 6.11."""
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    generator = QSvgGenerator()
    generator.setOutputDevice(buffer)
    generator.setSize(QSize(widget.width(), widget.height()))
    generator.setViewBox(QRect(0, 0, widget.width(), widget.height()))
    generator.setTitle(widget.accessibleName())
    painter = QPainter(generator)
    widget.render(painter, QPoint())
    painter.end()
    _write(path, bytes(buffer.data().data()))


def save_csv(traces: Sequence[Trace], path: Path) -> None:
    """Every recorded point, not only those drawn: a row a step, a column a line, empty where there is none."""
    columns: dict[str, dict[float, float]] = {}
    places: dict[float, tuple[float, float]] = {}
    for trace in traces:
        steps = trace.series.x(XAxis.STEP).tolist()
        x = zip(trace.series.x(XAxis.TOKENS).tolist(), trace.series.x(XAxis.SECONDS).tolist(), strict=True)
        places.update(zip(steps, x, strict=True))
        columns[trace.label] = dict(zip(steps, trace.series.values.tolist(), strict=True))
        if trace.style is TraceStyle.FOCUS and trace.series.smoothing > 0:
            name = f"{trace.label} smoothed {trace.series.smoothing:g}"
            columns[name] = dict(zip(steps, trace.series.smoothed().tolist(), strict=True))
    try:
        temporary = path.with_name(f".{path.name}.part")
        with temporary.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(["step", "tokens", "seconds", *columns])
            for step in sorted(places):
                tokens, seconds = places[step]
                cells = (column.get(step) for column in columns.values())
                writer.writerow([f"{step:.0f}", f"{tokens:.0f}", f"{seconds:.3f}", *map(_cell, cells)])
        temporary.replace(path)
    except OSError as error:
        raise explain_os_error(error, path) from error


def _cell(value: float | None) -> str:
    return "" if value is None else repr(value) if np.isfinite(value) else str(value)


def _write(path: Path, data: bytes) -> None:
    try:
        write_atomic(path, data)
    except OSError as error:
        raise explain_os_error(error, path) from error
