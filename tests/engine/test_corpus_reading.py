"""Reading files and folders: what goes in comes out, and what cannot is named."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.corpus.document import Document, Dropped
from engine.corpus.reading import read_documents, readable_suffixes
from engine.corpus.splitting import LONGEST_PARAGRAPH, TARGET_CHARACTERS, split_text
from engine.errors import CutawayError

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\r\0\ufeff"), max_size=300)
PARAGRAPHS = st.lists(st.text("ab \n\t", max_size=60), max_size=40).map("\n\n".join)


def _read(path: Path, text_field: str = "text") -> tuple[list[Document], list[Dropped]]:
    items = list(read_documents([path], text_field))
    return [item for item in items if isinstance(item, Document)], [i for i in items if isinstance(i, Dropped)]


@given(st.lists(TEXTS.filter(str.strip), min_size=1, max_size=8))
def test_any_text_comes_out_of_jsonl_as_it_went_in(texts: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
        documents, dropped = _read(path)
    assert [document.text for document in documents] == texts
    assert not dropped


@given(TEXTS.filter(str.strip), st.sampled_from([".txt", ".md", ".TXT"]))
def test_any_text_file_joins_back(text: str, suffix: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"some{suffix}"
        path.write_bytes(text.encode())
        documents, dropped = _read(path)
    assert "".join(document.text for document in documents) == text
    assert not dropped


@given(PARAGRAPHS, st.integers(1, 30), st.integers(1, 20))
def test_pieces_join_back_wherever_blocks_are_cut(text: str, target: int, block: int) -> None:
    blocks = [text[start : start + block] for start in range(0, len(text), block)]
    pieces = list(split_text(blocks, target, 4 * target))
    assert "".join(pieces) == text
    assert all(0 < len(piece) <= 4 * target for piece in pieces)


def test_a_long_text_is_cut_at_blank_lines(tmp_path: Path) -> None:
    paragraphs = [f"Paragraph {number}. " + "word " * 40 for number in range(100)]
    (tmp_path / "book.txt").write_text("\n\n".join(paragraphs), encoding="utf-8")
    documents, _ = _read(tmp_path / "book.txt")
    assert len(documents) == 10
    assert all(document.text.startswith("Paragraph") for document in documents)
    assert all(document.text.endswith("\n\n") for document in documents[:-1])
    assert all(TARGET_CHARACTERS <= len(document.text) < 2 * TARGET_CHARACTERS for document in documents[:-1])
    assert [document.source for document in documents[:2]] == ["book.txt, line 1", "book.txt, line 21"]


@pytest.mark.parametrize(("unit", "ending"), [("line after line\n", "\n"), ("word ", " "), ("x", "x")])
def test_a_text_without_blank_lines_is_still_cut(tmp_path: Path, unit: str, ending: str) -> None:
    text = unit * (5 * LONGEST_PARAGRAPH // len(unit))
    (tmp_path / "one.txt").write_text(text, encoding="utf-8")
    documents, _ = _read(tmp_path / "one.txt")
    assert "".join(document.text for document in documents) == text
    assert all(len(document.text) <= LONGEST_PARAGRAPH for document in documents)
    assert all(document.text.endswith(ending) for document in documents)


def test_line_ends_and_byte_order_marks_vanish(tmp_path: Path) -> None:
    (tmp_path / "windows.txt").write_bytes(b"\xef\xbb\xbfone\r\n\r\ntwo\r\n")
    (tmp_path / "windows.jsonl").write_bytes(b'\xef\xbb\xbf{"text": "one"}\r\n\r\n{"text": "two"}')
    documents, dropped = _read(tmp_path)
    assert [document.text for document in documents] == ["one", "two", "one\n\ntwo\n"]
    assert not dropped


def test_a_folder_is_read_in_order_without_hidden_files(tmp_path: Path) -> None:
    for name in ("b.txt", "a.md", "inner/c.txt", ".hidden.txt", ".git/d.txt", "inner/.e.txt", "picture.png"):
        path = tmp_path / "books" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"This is {name}.", encoding="utf-8")
    documents, dropped = _read(tmp_path / "books")
    assert [document.source for document in documents] == [
        "books/a.md, line 1",
        "books/b.txt, line 1",
        "books/inner/c.txt, line 1",
    ]
    assert not dropped


def test_a_file_that_is_reached_twice_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("once", encoding="utf-8")
    assert len(list(read_documents([path, tmp_path, path]))) == 1


def test_a_workspace_on_the_way_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("mine", encoding="utf-8")
    (tmp_path / "cutaway" / "corpora").mkdir(parents=True)
    (tmp_path / "cutaway" / "workspace.json").write_text("{}", encoding="utf-8")
    (tmp_path / "cutaway" / "corpora" / "documents.jsonl").write_text('{"text": "made"}\n', encoding="utf-8")
    documents, _ = _read(tmp_path)
    assert [document.text for document in documents] == ["mine"]


def test_another_field_can_hold_the_text(tmp_path: Path) -> None:
    path = tmp_path / "questions.jsonl"
    path.write_text('{"question": "Why?", "answer": "Because."}\n', encoding="utf-8")
    assert _read(path, "answer")[0] == [Document("Because.", "questions.jsonl, line 1")]
    assert 'lacks the field "text"; it has "question", "answer"' in _read(path)[1][0].reason


def test_every_reader_is_found_by_its_suffix() -> None:
    assert sorted(readable_suffixes()) == [".jsonl", ".md", ".txt"]


def test_nothing_named_is_said_in_words() -> None:
    with pytest.raises(CutawayError, match="No text was chosen"):
        list(read_documents([]))
