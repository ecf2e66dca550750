"""Long texts by their ids: the same lines as chips, edited in place, marked, copied and shown as bytes."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication

from app.pages.tokenizer.cut import chip_of, cut
from app.pages.tokenizer.edit import Editing
from app.pages.tokenizer.linked import Linked
from app.widgets.token_view import Colouring, CopyForm, TokenChip, TokenView
from engine.tokenizer.kinds.bpe import BpeTokenizer
from engine.tokenizer.kinds.byte import ByteTokenizer
from engine.tokenizer.kinds.character import CharacterTokenizer

MERGES = [(b" ", b"s"), (b"t", b"r"), (b" s", b"tr"), (b"a", b"w"), (b" str", b"aw"), (b"\n", b"\n"), (b" ", b" ")]
PARTS = [
    "a straw",
    " in",
    "\n",
    "\n\n",
    "  ",
    " strawberry",
    "ü",
    "🦊",
    "\t",
    "'s",
    "...",
    "123456",
    "\r\n",
    "中文",
    "x",
]


def sample(rng: random.Random, count: int) -> str:
    return "".join(rng.choice(PARTS) for _ in range(count))


def places(view: TokenView) -> list[tuple[object, ...]]:
    layout = view._layout
    rows = [layout.row(row) for row in range(layout.row_count)]
    return [(row.y, row.height, *((p.token, p.count, p.text, p.width) for p in layout.pieces_of(row))) for row in rows]


@pytest.fixture
def bpe() -> BpeTokenizer:
    return BpeTokenizer(MERGES)


@pytest.fixture
def view(qtbot):
    shown = TokenView()
    qtbot.addWidget(shown)
    shown.resize(420, 300)
    shown.show()
    qtbot.waitExposed(shown)
    return shown


def show(view: TokenView, tokenizer, text: str) -> list[int]:
    ids = tokenizer.encode(text)
    view.set_ids(ids, lambda token_id: chip_of(tokenizer, token_id))
    return ids


def test_ids_stand_where_chips_stand(view, bpe):
    ids = show(view, bpe, sample(random.Random(1), 400))
    by_ids = places(view)
    view.set_tokens([chip_of(bpe, token_id) for token_id in ids])
    assert by_ids == places(view)


def test_a_long_text_is_in_sight_at_once_and_complete_soon(view, bpe, qtbot):
    asked: list[int] = []

    def chip(token_id: int) -> TokenChip:
        asked.append(token_id)
        return TokenChip(f" w{token_id}", token_id, b"w")

    view.set_ids(np.arange(60_000) % 5000, chip)
    assert not view.is_complete
    assert view.index_at(QPoint(8, 15)) == 0
    estimated = view.verticalScrollBar().maximum()
    view.grab()
    qtbot.waitUntil(lambda: view.is_complete, timeout=20_000)
    assert view.verticalScrollBar().maximum() == pytest.approx(estimated, rel=0.25)
    assert len(asked) == 5000
    view.set_current(59_999)
    assert view.token_rect(59_999).isValid()
    view.set_values(np.full(60_000, 0.5, dtype=np.float32))
    view.set_colouring(Colouring.PROBABILITY)
    view.grab()


def test_replaced_tokens_stand_where_a_new_text_would_have_them(view, bpe):
    rng = random.Random(2)
    ids = show(view, bpe, sample(rng, 200))
    for _ in range(20):
        first = rng.randrange(len(ids))
        end = min(first + rng.randrange(4), len(ids))
        new = bpe.encode(sample(rng, rng.randrange(3)))
        ids[first:end] = new
        view.replace_ids(first, end, new)
        changed = places(view)
        view.set_ids(ids, lambda token_id: chip_of(bpe, token_id))
        assert changed == places(view)


@pytest.mark.parametrize("make", [lambda: BpeTokenizer(MERGES), ByteTokenizer, lambda: CharacterTokenizer("a strw\n")])
def test_typing_gives_the_ids_of_the_whole_text(make):
    tokenizer, rng = make(), random.Random(3)
    editing, quick = Editing(tokenizer), 0
    text = sample(rng, 300)
    before = cut(tokenizer, text)
    for _ in range(150):
        start = rng.randrange(len(text) + 1)
        end = min(start + rng.randrange(4), len(text))
        text = text[:start] + rng.choice([*PARTS, "", " ", "s", "\ud800"]) + text[end:]
        edit = editing.edit(before, text)
        quick += edit is not None
        after = cut(tokenizer, text)
        if edit is not None:
            assert edit.cut.ids == after.ids
            assert (edit.cut.bytes, edit.cut.words) == (after.bytes, after.words)
            assert before.ids[: edit.first] + edit.ids + before.ids[edit.end :] == after.ids
        before = after
    assert quick == 150


def test_a_text_of_several_pieces_is_edited_only_where_its_words_allow_it(bpe):
    editing = Editing(bpe)
    text = "a straw in the wind\n" * 5000
    edit = editing.edit(cut(bpe, text), text[:50_000] + "x y" + text[50_000:])
    assert edit is not None
    assert edit.cut.ids.tolist() == bpe.encode(edit.cut.text)
    assert len(edit.ids) < 100
    endless = "x" * 100_000
    assert editing.edit(cut(bpe, endless), endless[:-1]) is None


def test_marked_characters_and_tokens_belong_together(bpe):
    text = "a straw ü🦊 straw"
    own = cut(bpe, text)
    linked = Linked(own, Editing(bpe).ends(own))
    assert linked.tokens(1, 7) == range(1, 2)
    assert linked.tokens(2, 3) == range(1, 2)
    assert linked.places(1, 2) == (1, 7)
    fox = linked.tokens(9, 11)
    assert [own.ids[token] for token in fox] == list("🦊".encode())
    assert linked.places(fox.start, fox.stop) == (9, 11)
    assert linked.places(fox.start + 1, fox.start + 2) == (9, 11)
    assert linked.tokens(3, 3) == range(0)


def test_bytes_in_the_place_of_text(view, bpe):
    show(view, bpe, "a straw\nü")
    view.set_bytes(True)
    texts = [[piece.text for piece in view._layout.pieces_of(view._layout.row(row))] for row in (0, 1)]
    assert texts == [["61", "20 73 74 72 61 77", "0A"], ["C3", "BC"]]
    view.grab()
    view.set_bytes(False)
    assert view._layout.piece(1).text == " straw"


def test_all_places_of_a_token_light_up_and_are_counted(view, bpe):
    show(view, bpe, "a straw a straw")
    view.set_links(True)
    view._set_hover(1)
    assert view._painter.lit == view.tokens[1].token_id
    assert view.count_of(view.tokens[1].token_id) == 2
    view.grab()
    view._set_hover(-1)
    assert view._painter.lit is None


def test_copies_as_text_ids_and_json(view, bpe, qtbot):
    ids = show(view, bpe, "a straw ü")
    with qtbot.waitSignal(view.copied):
        view.copy()
    assert QGuiApplication.clipboard().text() == "a straw ü"
    qtbot.keyClick(view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    assert json.loads(QGuiApplication.clipboard().text()) == ids
    view.set_selection(0, 2)
    view.copy(CopyForm.JSON)
    told = json.loads(QGuiApplication.clipboard().text())
    assert told == [{"id": 97, "text": "a", "bytes": "61"}, {"id": ids[1], "text": " straw", "bytes": b" straw".hex()}]


def test_what_is_marked_comes_into_view_whole(view):
    view.set_ids(np.arange(3000) % 50, lambda token_id: TokenChip(f" w{token_id}", token_id, b"w"))
    view.set_selection(2000, 2030)
    seen = view.viewport().rect()
    assert seen.contains(view.token_rect(2000)) and seen.contains(view.token_rect(2029))


def test_a_long_text_keeps_its_lines_until_the_edge_rests(view, qtbot):
    view.set_ids(np.arange(60_000) % 50, lambda token_id: TokenChip(f" w{token_id}", token_id, b"w"))
    qtbot.waitUntil(lambda: view.is_complete, timeout=20_000)
    view.set_current(30_000)
    before, top = view._layout.width, view.index_at(QPoint(8, 5))
    view.resize(300, 300)
    QApplication.processEvents()
    assert view._layout.width == before
    qtbot.waitUntil(lambda: view._layout.width < before, timeout=5000)
    assert abs(view.index_at(QPoint(8, 5)) - top) <= 6
