"""The colours, and which of the two sets a widget wears."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from PySide6.QtGui import QColor
from PySide6.QtWidgets import QWidget


@dataclass(frozen=True)
class Palette:
    """Roles as `#RRGGBB`. series: lines of runs in order. chips: token backgrounds, by position."""

    name: str
    background: str
    surface: str
    raised: str
    text: str
    muted: str
    accent: str
    danger: str
    warning: str
    ok: str
    border: str
    hairline: str
    soft_accent: str
    soft_danger: str
    soft_warning: str
    soft_ok: str
    on_accent: str
    focused: str
    validation: str
    validation_text: str
    series: tuple[str, ...]
    chips: tuple[str, ...]

    @property
    def is_dark(self) -> bool:
        return self.name == "dark"


LIGHT = Palette(
    name="light",
    background="#F7F8FA",
    surface="#FFFFFF",
    raised="#EDEFF3",
    text="#1A1D23",
    muted="#565D6B",
    accent="#005EA8",
    danger="#B3261E",
    warning="#8A5A00",
    ok="#1B6E4B",
    border="#858C99",
    hairline="#E1E4EA",
    soft_accent="#E1EEF9",
    soft_danger="#FBE7E5",
    soft_warning="#FBF1DC",
    soft_ok="#DFF1E8",
    on_accent="#FFFFFF",
    focused="#0072B2",
    validation="#D55E00",
    validation_text="#B04E00",
    series=("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#1A1D23"),
    chips=("#D6E9F8", "#FCE3D1", "#D3F0E5", "#F5DFEC", "#FBEFC4", "#E4E4F7"),
)

DARK = Palette(
    name="dark",
    background="#15171C",
    surface="#1D2027",
    raised="#292D36",
    text="#E8EAEF",
    muted="#A6ADBB",
    accent="#66B2F5",
    danger="#FF8A80",
    warning="#E6B450",
    ok="#5CC99A",
    border="#737B8C",
    hairline="#2C313B",
    soft_accent="#21354A",
    soft_danger="#3C2527",
    soft_warning="#372F1E",
    soft_ok="#1E352D",
    on_accent="#0E141B",
    focused="#56B4E9",
    validation="#E69F00",
    validation_text="#E69F00",
    series=("#56B4E9", "#E69F00", "#D55E00", "#F0E442", "#0072B2"),
    chips=("#1F3B54", "#51301A", "#173F33", "#47293A", "#463813", "#323259"),
)


def colors(widget: QWidget) -> Palette:
    """The set that the widget wears now. It changes together with QEvent.PaletteChange, so a widget that
    asks while painting is always right, and nothing needs a global theme object."""
    return DARK if widget.palette().window().color().lightness() < 128 else LIGHT


def mix(first: str, second: str, share: float) -> QColor:
    """An opaque colour: `share` of the first over the second, 0 to 1."""
    a, b = QColor(first), QColor(second)
    return QColor.fromRgbF(
        a.redF() * share + b.redF() * (1 - share),
        a.greenF() * share + b.greenF() * (1 - share),
        a.blueF() * share + b.blueF() * (1 - share),
    )


# Cividis (Nunez, Anderton, Renslow 2018): every 16th of its 256 colours, smooth enough to interpolate between.
_CIVIDIS = (
    "#00204D", "#002C69", "#06366E", "#2D426C", "#414D6B", "#52596C", "#61646F", "#6F7073", "#7D7C78",
    "#8B8779", "#9B9477", "#ACA174", "#BCAF6F", "#CEBC68", "#E0CB5E", "#F2DA50", "#FFEA46",
)  # fmt: skip


@lru_cache(maxsize=1)
def cividis_table() -> tuple[tuple[int, int, int], ...]:
    """256 colours from dark blue (0) to yellow (1), readable without colour vision."""
    table = []
    for index in range(256):
        place = index / 255 * (len(_CIVIDIS) - 1)
        low = min(int(place), len(_CIVIDIS) - 2)
        color = mix(_CIVIDIS[low + 1], _CIVIDIS[low], place - low)
        table.append((color.red(), color.green(), color.blue()))
    return tuple(table)


def cividis(value: float) -> QColor:
    """value: 0 to 1, clamped."""
    return QColor(*cividis_table()[round(min(max(value, 0.0), 1.0) * 255)])
