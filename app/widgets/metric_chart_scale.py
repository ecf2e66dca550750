"""Where the ticks of an axis stand and how its numbers read."""

from __future__ import annotations

import math

from app.widgets.metric_series import XAxis

# Mantissas of a logarithmic axis, the most welcome first: later ones appear where there is room.
_LOG_MANTISSAS = ((1.0,), (2.0, 5.0), (3.0,), (4.0, 6.0, 8.0), (1.5, 2.5, 7.0), (1.2, 1.8, 3.5, 4.5))


def linear_ticks(low: float, high: float, count: int) -> list[float]:
    """Round values in [low, high], about `count` of them, 1, 2 or 5 times a power of ten apart."""
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low or count < 1:
        return []
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= rough * 0.75)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [index * step for index in range(first, last + 1)]


def log_ticks(low: float, high: float, pixels: float, gap: float) -> list[float]:
    """Round values in [low, high], at least `gap` apart when the axis is `pixels` long; low > 0."""
    if not 0 < low < high or not math.isfinite(high):
        return []
    scale = pixels / (math.log10(high) - math.log10(low))
    chosen: list[float] = []
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for mantissas in _LOG_MANTISSAS:
        for value in (mantissa * 10.0**decade for decade in decades for mantissa in mantissas):
            if low <= value <= high and all(abs(math.log10(value / other)) * scale >= gap for other in chosen):
                chosen.append(value)
    if len(chosen) < 3:
        return linear_ticks(low, high, max(int(pixels / gap / 1.6), 2))
    return sorted(chosen)


def number(value: float) -> str:
    """Three significant digits, as a person writes them: 0.84, 12.4, 4,775, 1.5e-05, "not a number"."""
    if math.isnan(value):
        return "not a number"
    if math.isinf(value):
        return "infinite" if value > 0 else "minus infinite"
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}"
    if size >= 100:
        return f"{value:.0f}"
    if size >= 10:
        return f"{value:.1f}"
    if size >= 0.1 or value == 0:
        return f"{value:.2f}"
    return f"{value:.3g}" if size >= 0.001 else f"{value:.2e}"


def short(value: float) -> str:
    """As `number`, where there is no room for words."""
    return number(value) if math.isfinite(value) else "NaN" if math.isnan(value) else "∞"


def tick_text(value: float) -> str:
    """A value of the y axis without needless zeros: 10, 0.5, 2.5e-05."""
    if value and not 1e-3 <= abs(value) < 1e5:
        return f"{value:.1e}".replace(".0e", "e")
    return f"{value:,.4f}".rstrip("0").rstrip(".")


def compact(value: float) -> str:
    """A count in few letters: 348, 4,775, 12.4k, 7.5M, 1.2B."""
    for limit, unit in ((1e9, "B"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= limit:
            scaled = value / (limit if unit != "k" else 1e3)
            return f"{scaled:.1f}{unit}".replace(".0", "")
    return f"{value:,.0f}"


def duration(seconds: float) -> str:
    """0:07, 30:51, 1:02:03; rounded down."""
    whole = max(int(seconds), 0)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def x_text(axis: XAxis, value: float) -> str:
    return duration(value) if axis is XAxis.SECONDS else compact(value)


def x_title(axis: XAxis) -> str:
    """The unit that stands beside the first tick."""
    return {XAxis.TOKENS: "tokens", XAxis.STEP: "step", XAxis.SECONDS: "working time"}[axis]


def x_ticks(axis: XAxis, low: float, high: float, count: int) -> list[float]:
    """As `linear_ticks`; times in steps that a clock has."""
    if axis is not XAxis.SECONDS or high <= low:
        return linear_ticks(low, high, count)
    steps = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
    step = next((s for s in steps if (high - low) / s <= count), 86400)
    return [index * float(step) for index in range(math.ceil(low / step), math.floor(high / step) + 1)]
