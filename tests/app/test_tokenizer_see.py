"""The See view: what is marked in the text and among the tokens, bytes, marks, and counts from the corpus."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QMimeData
from PySide6.QtGui import QTextCursor

from app.pages import tokenizer as module
from app.pages.tokenizer.cut import MOST_BYTES
from engine.batches.shard_writer import ShardWriter
from engine.batches.token_shards import ShardFacts, write_facts
from engine.store.artifact import making_artifact
from engine.tokenizer.kinds.bpe import BpeTokenizer
from engine.tokenizer.tokenizer import save_tokenizer

MERGES = [(b" ", b"s"), (b"t", b"r"), (b" s", b"tr"), (b"a", b"w"), (b" str", b"aw")]
STRAW = 260


@pytest.fixture
def bpe() -> BpeTokenizer:
    return BpeTokenizer(MERGES)


@pytest.fixture
def page(desk, workspace, bpe, qtbot):
    folder = workspace.artifact_folder("tokenizer", "straw", "train_tokenizer", {}, {})
    with making_artifact(folder, kind="tokenizer", stage="train_tokenizer", config={}, parents={}) as draft:
        save_tokenizer(bpe, draft.folder)
        draft.figures = {"kind": bpe.kind, "vocab_size": bpe.vocab_size}
    store_shards(workspace, bpe, [*bpe.encode("a straw a straw a"), bpe.end_id])
    shown = module.build(desk)
    qtbot.addWidget(shown)
    shown.resize(1000, 700)
    shown.show()
    shown.shown()
    yield shown
    shown.hidden()


def store_shards(workspace, tokenizer, ids: list[int]) -> None:
    folder = workspace.artifact_folder("shards", "straws", "tokenize", {}, {})
    with making_artifact(folder, kind="shards", stage="tokenize", config={}, parents={}) as draft:
        with ShardWriter(draft.folder, "train", "uint16") as train, ShardWriter(draft.folder, "validation", "uint16"):
            train.write(ids)
        size, end = tokenizer.vocab_size, tokenizer.end_id
        write_facts(
            draft.folder,
            ShardFacts("uint16", size, tokenizer.hash, end, "after", len(ids), 0, 17, 0, 1, 0, train.files),
        )


def mark(page, start: int, end: int) -> None:
    cursor = page.text.editor.textCursor()
    cursor.setPosition(start)
    cursor.setPosition(end, QTextCursor.MoveMode.KeepAnchor)
    page.text.editor.setTextCursor(cursor)


def test_what_is_marked_in_the_text_is_marked_among_the_tokens_and_back(page):
    page.text.editor.take("a straw 🙂 straw")
    page.read()
    mark(page, 3, 5)
    assert page.text.own.view.selection == range(1, 2)
    mark(page, 3, 3)
    assert not page.text.own.view.selection
    page.text.own.view.selected.emit(1, 2)
    assert page.text.editor.textCursor().selectedText() == " straw"
    last = len(page.text.own.cut.ids) - 1
    page.text.own.view.selected.emit(last, last + 1)
    assert page.text.editor.textCursor().selectedText() == " straw"
    assert page.text.editor.textCursor().selectionStart() == 10


def test_the_card_tells_how_often_the_corpus_has_a_token(page, qtbot):
    qtbot.waitUntil(lambda: bool(page.corpus.of(STRAW)), timeout=10_000)
    page.text.editor.take("a straw a")
    page.read()
    page.point_at(page.text.own, 1)
    assert dict(page.card.text.more) == {"rank by use": "2", "in corpus": "2×", "in this text": "1×"}
    assert dict(page.corpus.of(ord("z"))) == {"rank by use": "unused", "in corpus": "0×"}
    page.grab()


def test_bytes_and_marks_on_request(page):
    page.text.editor.take("a straw\nb")
    page.read()
    page.text.written.changed.emit(1)
    page.text.marks.click()
    page.grab()
    view = page.text.own.view
    assert [view._layout.piece(place).text for place in range(4)] == ["61", "20 73 74 72 61 77", "0A", "62"]
    page.text.written.changed.emit(0)
    page.text.marks.click()
    assert view._layout.piece(1).text == " straw"


def test_typing_in_a_long_text_encodes_only_what_changed(page, bpe, qtbot):
    text = "a straw in the wind\n" * 3000
    page.text.editor.take(text)
    qtbot.waitUntil(lambda: page.text.own.cut is not None, timeout=10_000)
    shown = page.text.own.view.tokens
    mark(page, 30_004, 30_004)
    page.text.editor.insertPlainText("s")
    qtbot.waitUntil(lambda: page.text.own.cut.text == page.text.editor.text(), timeout=2000)
    assert page.text.own.view.tokens is shown
    assert page.text.own.cut.ids.tolist() == bpe.encode(page.text.editor.text())
    assert page.text.said == ""


def test_a_paste_beyond_all_measure_is_refused_by_its_size(page):
    pasted = QMimeData()
    pasted.setData("text/plain", b"b" * (3 * MOST_BYTES))
    page.text.editor.insertFromMimeData(pasted)
    assert "30.0 MB" in page.text.said
    assert page.text.editor.text() == ""


def test_large_counts_have_the_room_to_themselves(page, qtbot):
    page.text.editor.take("a straw in the wind\n" * 3000)
    qtbot.waitUntil(lambda: page.text.own.cut is not None, timeout=10_000)
    assert page.counts.tokens.value() == f"{len(page.text.own.cut.ids):,}"
    assert page.counts.bytes.isHidden()
    page.text.editor.take("a")
    qtbot.waitUntil(page.counts.bytes.isVisible, timeout=2000)
