from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QColor, QMouseEvent
from PySide6.QtWidgets import QApplication, QWidget

from app.theme.palette import LIGHT, cividis_table
from app.widgets.attention_head import AttentionHead
from app.widgets.attention_mosaic import AttentionMosaic
from app.widgets.attention_mosaic_image import attention_image, head_side, levels_of


def move_pointer(widget: QWidget, place: QPointF) -> None:
    """As the window system tells it: the real pointer of the machine has no say."""
    where = widget.mapToGlobal(place)
    none = Qt.MouseButton.NoButton
    event = QMouseEvent(QEvent.Type.MouseMove, place, where, none, none, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(widget, event)


def causal(layers: int, heads: int, length: int) -> np.ndarray:
    weights = np.tril(np.random.default_rng(0).random((layers, heads, length, length)))
    return (weights / weights.sum(-1, keepdims=True)).astype(np.float16)


def test_a_head_of_17_tokens_takes_51_pixels():
    assert head_side(17, 51) == 51
    assert head_side(17, 60) == 51
    assert head_side(66, 62) == 62
    assert head_side(40, 62) == 62
    image = attention_image(causal(6, 6, 17), 51, 2, LIGHT.raised, LIGHT.surface)
    assert (image.width(), image.height()) == (6 * 53 - 2, 6 * 53 - 2)


def test_levels_are_fixed_and_the_future_is_empty():
    weights = np.zeros((1, 1, 3, 3))
    weights[0, 0] = [[1.0, 0, 0], [0.0, 0.5, 0], [0, 0, 0.02]]
    image = attention_image(weights, 9, 0, LIGHT.raised, LIGHT.surface)
    table = cividis_table()
    assert image.pixelColor(1, 1).getRgb()[:3] == table[255]
    assert image.pixelColor(4, 4).getRgb()[:3] == table[round(0.5 * 255)]
    assert image.pixelColor(7, 7).getRgb()[:3] == table[round(0.02 * 255)]
    assert image.pixelColor(7, 1) == QColor(LIGHT.raised)


def test_a_sharp_look_survives_when_tokens_share_a_pixel():
    weights = np.zeros((1, 1, 100, 100), dtype=np.float16)
    weights[0, 0, 90, 31] = 1.0
    image = attention_image(weights, 20, 0, LIGHT.raised, LIGHT.surface)
    assert image.width() == 20
    assert image.pixelColor(31 // 5, 90 // 5).getRgb()[:3] == cividis_table()[255]


def test_levels_of_half_floats_do_not_overflow():
    assert levels_of(np.array([0.0, 0.5, 1.0, 1.001], dtype=np.float16)).tolist() == [0, 128, 255, 255]


def test_mosaic_picks_by_click_and_arrows(qtbot):
    mosaic = AttentionMosaic()
    qtbot.addWidget(mosaic)
    mosaic.resize(360, 360)
    mosaic.set_weights(causal(4, 6, 17), {(1, 2): "P"})
    mosaic.show()
    with qtbot.waitSignal(mosaic.picked) as picked:
        qtbot.mouseClick(mosaic, Qt.MouseButton.LeftButton, pos=mosaic.head_rect(2, 5).center().toPoint())
    assert picked.args == [2, 5]
    qtbot.keyClick(mosaic, Qt.Key.Key_Right)
    assert mosaic.current == (2, 5)
    qtbot.keyClick(mosaic, Qt.Key.Key_Up)
    assert mosaic.current == (1, 5)
    mosaic.set_weights(causal(1, 2, 5))
    assert mosaic.current == (0, 1)
    mosaic.set_weights(None)
    assert mosaic.head_at(100, 100) is None
    mosaic.repaint()


def test_head_explains_the_strongest_look_and_the_one_under_the_pointer(qtbot):
    weights = np.zeros((4, 4), dtype=np.float16)
    weights[3] = [0.1, 0.75, 0.1, 0.05]
    weights[1, 1] = 1.0
    head = AttentionHead()
    qtbot.addWidget(head)
    head.resize(300, 260)
    head.show_head(["Mira", "␣Anvik", ".", "␣in"], weights, 3)
    head.show()
    assert head.words() == ("␣in looks back at ␣Anvik", "weight 0.75, 2 tokens back")
    with qtbot.waitSignal(head.cell_hovered) as hovered:
        move_pointer(head, head.cell_rect(3, 2).center())
    assert hovered.args == [3, 2]
    assert head.words()[1] == "weight 0.10, 1 token back"
    assert head.cell_at(*head.cell_rect(1, 3).center().toTuple()) is None
    with qtbot.waitSignal(head.row_picked) as picked:
        qtbot.mouseClick(head, Qt.MouseButton.LeftButton, pos=head.cell_rect(1, 1).center().toPoint())
    assert picked.args == [1]
    head._set_hover(None)
    assert head.words()[0] == "␣Anvik looks at itself"


@pytest.mark.parametrize("length", [1, 2, 40, 128])
def test_head_paints_any_length(qtbot, length):
    head = AttentionHead()
    qtbot.addWidget(head)
    head.resize(420, 400)
    head.show_head([f"␣t{index}" for index in range(length)], causal(1, 1, length)[0, 0], length - 1)
    assert not head.grab().isNull()
    with pytest.raises(ValueError, match="tokens and weights"):
        head.show_head(["a"], np.zeros((2, 2)), 0)
