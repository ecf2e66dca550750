"""The tree of merges that made a token."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from app.pages.tokenizer.learned import learned
from app.pages.tokenizer.tree_view import MergesPanel, plant
from app.widgets.token_view_colour import TokenChip
from engine.tokenizer.kinds.bpe import BpeTokenizer
from engine.tokenizer.kinds.byte import ByteTokenizer

MERGES = [(b"a", b"w"), (b" ", b"s"), (b"t", b"r"), (b"tr", b"aw"), (b" s", b"traw")]


@pytest.fixture
def tokenizer() -> BpeTokenizer:
    return BpeTokenizer(MERGES)


def test_every_merge_is_a_joint_over_its_two_pieces(tokenizer: BpeTokenizer) -> None:
    token_id = tokenizer.encode(" straw")[0]
    nodes = plant(b" straw", learned(tokenizer).steps(token_id), 0.0, 10.0)
    assert [node.x for node in nodes[:6]] == [5, 15, 25, 35, 45, 55]
    joints = nodes[6:]
    assert [(node.start, node.end, node.rank) for node in joints] == [
        (4, 6, 1),
        (0, 2, 2),
        (2, 4, 3),
        (2, 6, 4),
        (0, 6, 5),
    ]
    assert joints[-1].children == (7, 9)
    assert joints[-1].x == pytest.approx((nodes[7].x + nodes[9].x) / 2)


def test_the_panel_explains_a_token_and_says_when_nothing_was_joined(tokenizer: BpeTokenizer, qtbot: QtBot) -> None:
    panel = MergesPanel()
    qtbot.addWidget(panel)
    panel.resize(500, 220)
    panel.show()
    known = learned(tokenizer)
    token_id = tokenizer.encode(" straw")[0]
    panel.show_token(known, TokenChip(" straw", token_id, b" straw"))
    assert panel.tree.accessibleName() == "5 merges make ␣straw"
    assert not panel.grab().isNull()
    panel.show_token(known, TokenChip("x", ord("x"), b"x"))
    assert "from the beginning" in panel.tree.accessibleName()
    panel.show_token(learned(ByteTokenizer()), TokenChip("x", ord("x"), b"x"))
    assert "joins nothing" in panel.tree.accessibleName()
    panel.show_token(known, None)
    assert "Point at a token" in panel.tree.accessibleName()
    assert not panel.grab().isNull()
