"""One set of colours behind everything, switched live."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QEvent, QSize
from PySide6.QtGui import QColor, QIcon
from PySide6.QtWidgets import QApplication, QLineEdit, QVBoxLayout, QWidget

from app.theme import motion, stylesheet
from app.theme.icons import checked, icon
from app.theme.icons_own import PATHS
from app.theme.palette import DARK, LIGHT, Palette, cividis, cividis_table, colors, mix
from app.widgets.buttons import Button
from app.widgets.label import Label


@pytest.fixture(autouse=True)
def light_again(qapp: QApplication) -> Iterator[None]:
    yield
    stylesheet.apply(qapp, LIGHT)
    motion.set_reduced(False)


def luminance(color: str) -> float:
    """WCAG 2.2, relative luminance."""
    channels = QColor(color).getRgbF()[:3]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    a, b = sorted((luminance(first), luminance(second)), reverse=True)
    return (a + 0.05) / (b + 0.05)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_text_can_be_read_on_every_ground(palette: Palette) -> None:
    for role in ("text", "muted", "accent", "danger", "warning", "ok", "validation_text"):
        assert contrast(getattr(palette, role), palette.surface) >= 4.5, role
        assert contrast(getattr(palette, role), palette.background) >= 4.5, role
    for role in ("accent", "danger", "warning", "ok"):
        assert contrast(getattr(palette, role), getattr(palette, f"soft_{role}")) >= 4.5, role
    assert contrast(palette.on_accent, palette.accent) >= 4.5
    assert contrast(palette.border, palette.surface) >= 3.0
    for chip in palette.chips:
        assert contrast(palette.text, chip) >= 4.5, chip


def test_a_switch_reaches_every_widget(qapp: QApplication, qtbot: object) -> None:
    window = QWidget()
    layout = QVBoxLayout(window)
    seen: list[bool] = []

    class Watcher(QWidget):
        def changeEvent(self, event: QEvent) -> None:
            if event.type() is QEvent.Type.PaletteChange:
                seen.append(colors(self).is_dark)

    label, line, watcher = Label("muted", "muted"), QLineEdit(), Watcher()
    for widget in (label, line, watcher, Button("Go", "primary")):
        layout.addWidget(widget)
    stylesheet.apply(qapp, LIGHT)
    window.show()
    light = window.grab().toImage()
    for palette in (DARK, LIGHT, DARK):
        stylesheet.apply(qapp, palette)
        for widget in (window, label, line, watcher):
            assert colors(widget) is palette
    assert seen[-1] is True
    dark = window.grab().toImage()
    assert light.pixelColor(2, 2) == QColor(LIGHT.background)
    assert dark.pixelColor(2, 2) == QColor(DARK.background)
    assert label.palette().windowText().color() == QColor(DARK.muted)
    window.deleteLater()


def test_an_icon_follows_the_theme(qapp: QApplication) -> None:
    house = icon("ph.house", "accent")

    def ink() -> set[str]:
        image = house.pixmap(QSize(32, 32)).toImage()
        found = [image.pixelColor(x, y) for x in range(image.width()) for y in range(image.height())]
        return {color.name() for color in found if color.alpha() == 255}

    stylesheet.apply(qapp, LIGHT)
    assert LIGHT.accent.lower() in ink()
    stylesheet.apply(qapp, DARK)
    assert DARK.accent.lower() in ink()
    faded = house.pixmap(QSize(32, 32), QIcon.Mode.Disabled).toImage()
    assert DARK.accent.lower() not in {faded.pixelColor(x, 16).name() for x in range(faded.width())}


def test_every_own_icon_paints_something(qapp: QApplication) -> None:
    for name in PATHS:
        image = icon(name).pixmap(QSize(20, 20)).toImage()
        assert any(image.pixelColor(x, y).alpha() for x in range(20) for y in range(20)), name


def test_an_unknown_icon_is_named_when_the_widget_is_made(qapp: QApplication) -> None:
    with pytest.raises(ValueError, match="no icon"):
        Button("Go", icon="ph.no-such-thing")
    assert checked("") == ""


def test_the_stylesheet_finds_its_pictures() -> None:
    for palette in (LIGHT, DARK):
        for name in ("caret-up", "caret-down", "check"):
            assert (stylesheet.PICTURES / f"{name}-{palette.name}.png").is_file()


def test_the_system_decides_unless_a_person_did(qapp: QApplication) -> None:
    assert stylesheet.choose(qapp, "dark") is DARK
    assert stylesheet.choose(qapp, "light") is LIGHT
    assert stylesheet.choose(qapp, "system") in (LIGHT, DARK)


def test_cividis_runs_from_dark_to_light() -> None:
    table = cividis_table()
    assert len(table) == 256
    shades = [luminance(QColor(*color).name()) for color in table]
    assert all(later >= earlier - 1e-3 for earlier, later in itertools.pairwise(shades))
    assert cividis(-1) == QColor("#00204D")
    assert cividis(2) == QColor("#FFEA46")


def test_mix_is_opaque_and_between() -> None:
    assert mix("#000000", "#FFFFFF", 0.25).name() == "#bfbfbf"


def test_reduced_motion_takes_no_time(qapp: QApplication) -> None:
    assert motion.duration(200) == 200
    motion.set_reduced(True)
    assert motion.duration(200) == 0
