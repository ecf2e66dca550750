"""Attention weights as an image: pure cividis between fixed levels, whole pixels, the future left empty."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QColor, QImage

from app.theme.palette import cividis_table

Weights = NDArray[np.floating] | NDArray[np.uint8]
_FUTURE, _GAP = 256, 257
_EVEN_FROM = 3


def attention_image(weights: Weights, side: int, gap: int, future: str, ground: str, grid: int = 0) -> QImage:
    """All heads as one picture.

    weights: [n_layer, n_head, T, T], 0 to 1 or levels of 0..255; row i looks at columns 0..i. side: pixels of a head
    at most (see `head_side`). gap: pixels between heads. grid: pixels between cells, 0 for none.
    future, ground: colours of what no token can see, and of the gaps.
    """
    length = weights.shape[-1]
    size = head_side(length, side)
    cells = _levels(weights, size)
    if grid:
        cell = size // length
        cells[:, :, cell - grid :: cell, :] = _GAP
        cells[:, :, :, cell - grid :: cell] = _GAP
    layers, heads = cells.shape[:2]
    canvas = np.full((layers, size + gap, heads, size + gap), _GAP, dtype=np.uint16)
    canvas[:, :size, :, :size] = cells.transpose(0, 2, 1, 3)
    flat = canvas.reshape(layers * (size + gap), heads * (size + gap))
    flat = flat[: flat.shape[0] - gap, : flat.shape[1] - gap]
    pixels = np.ascontiguousarray(_colours(future, ground)[flat])
    height, width = pixels.shape
    return QImage(pixels.tobytes(), width, height, 4 * width, QImage.Format.Format_RGB32).copy()


def head_side(length: int, side: int) -> int:
    """Pixels that a head of `length` tokens takes of `side`: equal cells where they are 3 pixels or more, else all."""
    per_token = side // max(length, 1)
    return per_token * length if per_token >= _EVEN_FROM or side % max(length, 1) == 0 else side


def levels_of(weights: Weights) -> NDArray[np.uint8]:
    """0..255 for weights of 0 to 1; levels stay what they are. Best made where the weights come from: the window
    then only looks colours up."""
    if weights.dtype == np.uint8:
        return weights.astype(np.uint8, copy=False)
    scaled = weights.astype(np.float32)
    np.clip(scaled, 0.0, 1.0, out=scaled)
    scaled *= 255.0
    scaled += 0.5
    return scaled.astype(np.uint8)


def _levels(weights: Weights, size: int) -> NDArray[np.uint16]:
    """[L, H, size, size] of 0..255, _FUTURE above the diagonal. Where several tokens share a pixel the largest weight
    shows: a single sharp look back must not vanish in an average."""
    levels = levels_of(weights)
    length = levels.shape[-1]
    seen = np.tri(length, dtype=np.bool_)
    if size >= length:
        places = np.arange(size) * length // size
        levels, seen = levels[:, :, places][:, :, :, places], seen[places][:, places]
    else:
        begins = np.arange(size) * length // size
        levels = np.maximum.reduceat(levels * seen, begins, axis=2)
        levels = np.maximum.reduceat(levels, begins, axis=3)
        seen = np.tri(size, dtype=np.bool_)
    return np.where(seen, levels, np.uint16(_FUTURE)).astype(np.uint16)


def _colours(future: str, ground: str) -> NDArray[np.uint32]:
    """0xffRRGGBB for each level, the future and the gaps."""
    table = [0xFF000000 | red << 16 | green << 8 | blue for red, green, blue in cividis_table()]
    return np.array([*table, QColor(future).rgb(), QColor(ground).rgb()], dtype=np.uint32)
