from __future__ import annotations

import csv
import math
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.theme.palette import DARK, LIGHT
from app.theme.stylesheet import apply
from app.widgets.metric_chart import MetricChart, SmallChart, badge_text
from app.widgets.metric_chart_export import save_csv, save_png, save_svg
from app.widgets.metric_chart_link import ChartLink, Mark, MarkKind
from app.widgets.metric_chart_pace import RepaintPace
from app.widgets.metric_chart_plot import Shown, Trace, TraceStyle, exact
from app.widgets.metric_chart_scale import compact, duration, linear_ticks, log_ticks, number, tick_text, x_ticks
from app.widgets.metric_series import MetricSeries, XAxis
from engine.errors import CutawayError


def loss_series(count: int = 348) -> MetricSeries:
    series = MetricSeries()
    steps = np.arange(1, count + 1)
    noise = np.random.default_rng(1).normal(size=count)
    series.extend(steps, steps * 4096, steps * 0.3, 0.5 + 6 * np.exp(-steps / 120) * np.exp(0.03 * noise))
    return series


def validation_series(loss: MetricSeries) -> MetricSeries:
    series = MetricSeries()
    for index in range(49, len(loss), 50):
        places = [float(loss.x(axis)[index]) for axis in (XAxis.STEP, XAxis.TOKENS, XAxis.SECONDS)]
        series.append(*places, float(loss.values[index]) + 0.05)
    return series


@pytest.fixture
def link() -> ChartLink:
    link = ChartLink(loss_series())
    link.total_steps = 600
    link.marks = (Mark(120, "lr × 0.8, by hand"), Mark(240, "loss exploded", MarkKind.ALARM))
    return link


@pytest.fixture
def chart(qtbot: QtBot, link: ChartLink) -> MetricChart:
    traces = [
        Trace(link.clock, "train", TraceStyle.FOCUS),
        Trace(validation_series(link.clock), "validation", TraceStyle.VALIDATION),
    ]
    chart = MetricChart("Loss", "nats per token", link, traces)
    qtbot.addWidget(chart)
    chart.resize(1000, 304)
    chart.show()
    qtbot.waitExposed(chart)
    return chart


def pixels(chart: MetricChart) -> set[str]:
    image = chart.grab().toImage()
    return {image.pixelColor(x, y).name() for x in range(0, image.width(), 2) for y in range(0, image.height(), 2)}


def test_all_points_are_shown_and_said(chart: MetricChart) -> None:
    assert chart.plot.shown == Shown(348, 348, 348, 0, 0)
    assert "all 348 points shown" in badge_text(chart.plot.shown)


def test_the_colours_follow_the_theme_live(qtbot: QtBot, chart: MetricChart) -> None:
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    for palette in (DARK, LIGHT, DARK):
        apply(app, palette)
        qtbot.wait(1)
        seen = pixels(chart)
        assert palette.focused.lower() in seen
        assert palette.surface.lower() in seen
        other = LIGHT if palette is DARK else DARK
        assert other.surface.lower() not in seen


def test_l_turns_the_log_axis_on_and_off(qtbot: QtBot, chart: MetricChart) -> None:
    chart.activateWindow()
    chart.plot.setFocus()
    qtbot.keyClick(chart.plot, Qt.Key.Key_L)
    assert not chart.plot.log
    low, high = chart.plot.bounds()
    assert low < float(chart.plot.traces[0].series.values.min()) < high
    qtbot.keyClick(chart.plot, Qt.Key.Key_L)
    assert chart.plot.log


def test_the_crosshair_is_shared_and_says_exact_values(qtbot: QtBot, link: ChartLink, chart: MetricChart) -> None:
    small = SmallChart("Loss", link, Trace(link.clock, "loss"), lambda v: (f"{v:.4f}", "nats"))
    qtbot.addWidget(small)
    small.resize(240, 112)
    small.show()
    qtbot.waitExposed(small)
    seen: list[object] = []
    chart.plot.inspected.connect(seen.append)
    at = chart.plot.geometry_now()
    place = QPoint(round(at.px(link.place(200))), round(at.rect.center().y()))
    qtbot.mouseMove(chart.plot.viewport(), place)
    assert link.cursor is not None
    assert abs(link.cursor - 200) <= 1
    assert seen == [link.cursor]
    value = float(link.clock.values[int(link.cursor) - 1])
    assert small._readout.value() == f"{value:.4f}"
    points = [(trace, trace.series.nearest(XAxis.STEP, link.cursor)) for trace in chart.plot.traces]
    assert ("train", exact(value)) in chart.plot._callout(points)


def test_a_small_chart_of_another_run_forgets_the_figures_of_the_last(qtbot: QtBot, link: ChartLink) -> None:
    series = loss_series(3)
    small = SmallChart("Exact", link, Trace(series, "exact"), lambda v: (f"{v:.4f}", "nats"))
    qtbot.addWidget(small)
    small.show()
    qtbot.waitExposed(small)
    small.say()
    assert small._readout.value() and small._foot_left.text()
    series.truncate_after(-1)
    small.say()
    assert not small._readout.value() and not small._foot_left.text()


def test_arrow_keys_move_the_crosshair_and_keys_zoom(qtbot: QtBot, link: ChartLink, chart: MetricChart) -> None:
    qtbot.keyClick(chart.plot, Qt.Key.Key_Left)
    first = link.cursor
    qtbot.keyClick(chart.plot, Qt.Key.Key_Left)
    assert first is not None
    assert link.cursor is not None
    assert link.cursor < first
    qtbot.keyClick(chart.plot, Qt.Key.Key_Plus)
    assert link.window is not None
    assert chart.plot.shown.in_view < 348
    assert "points in view" in badge_text(chart.plot.shown)
    qtbot.keyClick(chart.plot, Qt.Key.Key_Home)
    assert link.window is None


def test_a_dragged_range_fills_the_view(qtbot: QtBot, link: ChartLink, chart: MetricChart) -> None:
    at, view = chart.plot.geometry_now(), chart.plot.viewport()
    row = round(at.rect.center().y())
    begin, end = (QPoint(round(at.px(link.place(step))), row) for step in (100, 200))
    qtbot.mousePress(view, Qt.MouseButton.LeftButton, pos=begin)
    chart.plot.drag = (begin.x(), end.x())
    qtbot.mouseRelease(view, Qt.MouseButton.LeftButton, pos=end)
    assert link.window is not None
    assert link.window[0] == pytest.approx(link.place(100), rel=0.02)
    assert 95 <= chart.plot.shown.in_view <= 107


def test_a_hidden_chart_does_not_repaint_and_catches_up(qtbot: QtBot, link: ChartLink, chart: MetricChart) -> None:
    drawn: list[int] = []
    chart.plot.drawn.connect(lambda: drawn.append(1))
    chart.hide()
    for step in range(349, 360):
        link.clock.append(step, step * 4096, step * 0.3, 0.6)
        chart.data_changed()
    qtbot.wait(120)
    assert drawn == []
    chart.show()
    qtbot.waitUntil(lambda: bool(drawn), timeout=1000)
    assert chart.plot.shown.total == 359


def test_repaints_are_throttled_and_the_last_state_wins(qtbot: QtBot, link: ChartLink, chart: MetricChart) -> None:
    drawn: list[int] = []
    chart.plot.drawn.connect(lambda: drawn.append(chart.plot.shown.total))
    began = time.perf_counter()
    step = 348
    while time.perf_counter() - began < 0.5:
        step += 1
        link.clock.append(step, step * 4096, step * 0.3, 0.6)
        chart.data_changed()
        qtbot.wait(2)
    qtbot.waitUntil(lambda: bool(drawn) and drawn[-1] == step, timeout=3000)
    assert len(drawn) <= 15 * (time.perf_counter() - began) + 2


def test_a_dear_repaint_comes_less_often(qtbot: QtBot) -> None:
    pace = RepaintPace(lambda: time.sleep(0.01))
    assert pace.interval == pytest.approx(1 / 15)
    for _ in range(10):
        pace.now()
    assert pace.interval > 0.4


def test_a_gap_is_counted_and_marked(qtbot: QtBot) -> None:
    series = loss_series(100)
    series.append(101, 101 * 4096, 30.3, math.nan)
    series.append(102, 102 * 4096, 30.6, -1.0)
    link = ChartLink(series)
    chart = MetricChart("Loss", "nats per token", link, [Trace(series, "train", TraceStyle.FOCUS)])
    qtbot.addWidget(chart)
    chart.show()
    qtbot.waitExposed(chart)
    words = badge_text(chart.plot.shown)
    assert "1 not a number" in words
    assert "1 at or below 0" in words
    chart.toggle_log()
    assert "at or below" not in badge_text(chart.plot.shown)
    assert chart.plot._gaps.tolist() == [101 * 4096.0]


def test_many_points_are_thinned_and_said(qtbot: QtBot) -> None:
    series = loss_series(120_000)
    link = ChartLink(series)
    chart = MetricChart("Loss", "nats per token", link, [Trace(series, "train", TraceStyle.FOCUS)])
    qtbot.addWidget(chart)
    chart.show()
    qtbot.waitExposed(chart)
    assert chart.plot.shown.points <= 5000
    assert "of 120k points shown" in badge_text(chart.plot.shown)


def test_the_x_axis_is_chosen_for_all_linked_charts(qtbot: QtBot, link: ChartLink, chart: MetricChart) -> None:
    chart._x.choose(XAxis.STEP)
    assert link.axis is XAxis.STEP
    assert chart.plot.geometry_now().right == 600
    chart._x.choose(XAxis.SECONDS)
    assert chart.plot.geometry_now().right == pytest.approx(180, rel=0.01)


def test_smoothing_is_chosen(chart: MetricChart) -> None:
    series = chart.plot.traces[0].series
    chart._smoothing.choose(0.0)
    np.testing.assert_allclose(series.smoothed(), series.values)
    chart._smoothing.choose(0.98)
    assert series.smoothing == 0.98


def test_export_png_and_svg(chart: MetricChart, tmp_path: Path) -> None:
    save_png(chart, tmp_path / "loss.png")
    image = QImage(str(tmp_path / "loss.png"))
    assert (image.width(), image.height()) == (2000, 608)
    save_svg(chart, tmp_path / "loss.svg")
    root = ElementTree.fromstring((tmp_path / "loss.svg").read_text(encoding="utf-8"))
    assert root.tag.endswith("svg")
    assert len(list(root.iter())) > 50


def test_export_csv_has_every_point(chart: MetricChart, tmp_path: Path) -> None:
    save_csv(chart.plot.traces, tmp_path / "loss.csv")
    rows = list(csv.DictReader((tmp_path / "loss.csv").open(encoding="utf-8")))
    assert len(rows) == 348
    assert list(rows[0]) == ["step", "tokens", "seconds", "train", "train smoothed 0.9", "validation"]
    assert float(rows[99]["train"]) == float(chart.plot.traces[0].series.values[99])
    assert rows[0]["validation"] == ""
    assert rows[49]["validation"] != ""


@pytest.mark.parametrize("save", [save_png, save_svg])
def test_an_export_that_cannot_be_written_is_explained(
    chart: MetricChart, tmp_path: Path, save: Callable[[MetricChart, Path], None]
) -> None:
    troubles: list[CutawayError] = []
    chart.trouble.connect(troubles.append)
    chart.export(tmp_path / "no" / "such" / "folder" / "loss", lambda path: save(chart, path))
    chart.export(tmp_path / "nowhere" / "loss.csv", lambda path: save_csv(chart.plot.traces, path))
    assert len(troubles) == 2
    assert "could not be written" in troubles[0].what


def test_the_pointer_leaves(link: ChartLink, chart: MetricChart, qtbot: QtBot) -> None:
    chart.plot._point_at(link.place(100))
    from PySide6.QtCore import QEvent

    chart.plot.leaveEvent(QEvent(QEvent.Type.Leave))
    assert link.cursor is None


def test_steps_to_come_are_placed_at_the_pace_so_far(link: ChartLink) -> None:
    assert link.place(600) == pytest.approx(600 * 4096)
    link.set_axis(XAxis.SECONDS)
    assert link.place(600) == pytest.approx(180)
    assert link.place(0) == 0
    assert ChartLink(MetricSeries()).view() == (0.0, 1.0)


def test_panning_stays_within_the_run(link: ChartLink) -> None:
    link.set_axis(XAxis.STEP)
    link.look(100, 200)
    link.pan(1e9)
    assert link.view() == (500, 600)
    link.pan(-1e9)
    assert link.view() == (0, 100)
    link.zoom(50, 100)
    assert link.window is None
    link.zoom(50, 1e-9)
    assert link.window is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.8421, "0.84"),
        (12.44, "12.4"),
        (4775.2, "4,775"),
        (0, "0.00"),
        (1.52e-5, "1.52e-05"),
        (math.nan, "not a number"),
    ],
)
def test_numbers_read_well(value: float, text: str) -> None:
    assert number(value) == text


def test_counts_and_times_read_well() -> None:
    assert [compact(v) for v in (348, 4775, 12_400, 7_540_000, 1.2e9)] == ["348", "4,775", "12.4k", "7.5M", "1.2B"]
    assert [duration(v) for v in (7.9, 1851, 3723, -3)] == ["0:07", "30:51", "1:02:03", "0:00"]
    assert [tick_text(v) for v in (10, 0.5, 2.5e-5, 0.003, 0)] == ["10", "0.5", "2.5e-05", "0.003", "0"]


def test_ticks_are_round_and_apart() -> None:
    assert linear_ticks(0, 16.4e6, 8) == [0, 2e6, 4e6, 6e6, 8e6, 10e6, 12e6, 14e6, 16e6]
    ticks = log_ticks(2.7, 10.4, 216, 24)
    assert ticks == sorted(ticks)
    assert {3.0, 5.0, 10.0} <= set(ticks)
    assert len(log_ticks(3.01, 3.02, 216, 24)) >= 2
    assert linear_ticks(1, 1, 5) == []
    assert log_ticks(-1, 1, 100, 20) == []
    assert x_ticks(XAxis.SECONDS, 0, 180, 6) == [0, 30, 60, 90, 120, 150, 180]


def test_geometry_maps_both_ways(chart: MetricChart) -> None:
    at = chart.plot.geometry_now()
    assert at.x_at(at.px(1e6)) == pytest.approx(1e6)
    assert math.isnan(at.py(-1))
    assert at.py(1e9) == at.rect.top()
    assert isinstance(QPointF(at.px(0), at.py(1.0)), QPointF)
