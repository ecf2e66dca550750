"""Odd files and folders: each a clear sentence, nothing hangs, memory stays bounded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.control import Control
from engine.corpus.document import Document, Dropped
from engine.corpus.reading import read_documents
from engine.errors import CutawayError
from engine.events import DocumentDropped, Notice
from engine.pipeline.stage import Context
from engine.stages import corpus
from engine.store.run_folder import RunFolder
from engine.store.workspace import Workspace

LONG_LINE_BYTES = 200_000_000
MOST_MEMORY_BYTES = 400_000_000

MEASURE = """
import json, sys, time
from pathlib import Path
import psutil
from engine.corpus.document import Document, Dropped
from engine.corpus.reading import read_documents

began, characters, documents, reasons, most, gap, last = time.monotonic(), 0, 0, [], 0, 0.0, time.monotonic()
for number, item in enumerate(read_documents([Path(sys.argv[1])])):
    if isinstance(item, Document):
        documents += 1
        characters += len(item.text)
    else:
        reasons.append(item.reason)
    gap, last = max(gap, time.monotonic() - last), time.monotonic()
    if number % 100 == 0:
        most = max(most, psutil.Process().memory_info().rss)
most = max(most, psutil.Process().memory_info().rss)
print(json.dumps({"documents": documents, "characters": characters, "reasons": reasons, "memory": most,
                  "seconds": time.monotonic() - began, "gap": gap}))
"""


def _drops(path: Path) -> list[Dropped]:
    return [item for item in read_documents([path]) if isinstance(item, Dropped)]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.txt", b"", "The file is empty."),
        ("empty.jsonl", b"", "The file is empty."),
        ("blank.txt", b" \n\n\t\n", "nothing but blank space"),
        ("picture.txt", b"\x89PNG\r\n\0\0\0\rIHDR", "NUL bytes: it is binary data"),
        ("model.jsonl", b"\x08\0\0\0\0\0{", "NUL bytes: it is binary data"),
        ("utf16.txt", "Grüße".encode("utf-16"), "UTF-16 text. Save it as UTF-8."),
        (
            "latin.txt",
            "one\ntwo für\n".encode("latin-1"),
            "In line 2, character 6 stands a byte (0xFC) that is not UTF-8",
        ),
        ("late.txt", b"a" * 9000 + b"\nb\0c", "In line 2, character 2 stands a NUL character"),
        ("list.jsonl", b'["a text"]', "The row is a list, not an object"),
        ("number.jsonl", b"12", "The row is a number"),
        ("lacks.jsonl", b"{}", 'The row lacks the field "text"; it has no field at all.'),
        ("null.jsonl", b'{"text": null}', 'The field "text" holds nothing (null), not a text.'),
        ("object.jsonl", b'{"text": {"a": 1}}', "holds an object"),
        ("void.jsonl", b'{"text": "  "}', 'The field "text" is empty.'),
        ("torn.jsonl", b'{"text": "abc', "This is not JSON: unterminated string starting at at character 10"),
        ("latin.jsonl", b'{"text": "\xfc"}', "Byte 11 of the line is not UTF-8"),
        ("half.jsonl", b'{"text": "\\ud83d"}', "half a character"),
        ("deep.jsonl", b"[" * 200_000, "nested too deeply"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    dropped = _drops(tmp_path / name)
    assert len(dropped) == 1
    assert words in dropped[0].reason
    assert dropped[0].source.startswith(name)


def test_only_the_bad_rows_are_dropped_and_their_lines_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"text": "one"}\n[1]\n{"text": "two"}\nnonsense\n')
    items = list(read_documents([path]))
    assert [item.text for item in items if isinstance(item, Document)] == ["one", "two"]
    assert [item.source for item in items if isinstance(item, Dropped)] == ["rows.jsonl, line 2", "rows.jsonl, line 4"]


def test_only_the_piece_with_the_bad_byte_is_dropped(tmp_path: Path) -> None:
    paragraph = b"All is well here. " * 150 + b"\n\n"
    (tmp_path / "book.txt").write_bytes(paragraph * 3 + b"caf\xe9 " + paragraph + paragraph)
    items = list(read_documents([tmp_path / "book.txt"]))
    assert [type(item) for item in items] == [Document, Document, Document, Dropped, Document]
    assert "In line 7, character 4 stands a byte (0xE9)" in items[3].reason  # type: ignore[union-attr]


@pytest.mark.parametrize(("suffix", "head", "tail"), [(".txt", b"", b""), (".jsonl", b'{"text": "', b'"}\n')])
def test_a_line_of_200_mb_streams_in_seconds_within_bounded_memory(
    tmp_path: Path, suffix: str, head: bytes, tail: bytes
) -> None:
    path = tmp_path / f"one-line{suffix}"
    with path.open("wb") as stream:
        stream.write(head)
        for _ in range(LONG_LINE_BYTES // 1_000_000):
            stream.write(b"never ends" * 100_000)
        stream.write(tail)
    printed = subprocess.run([sys.executable, "-c", MEASURE, str(path)], capture_output=True, check=True).stdout
    path.unlink()
    seen = json.loads(printed)
    assert seen["memory"] < MOST_MEMORY_BYTES
    assert seen["seconds"] < 20
    assert seen["gap"] < 5
    if suffix == ".txt":
        assert seen["characters"] == LONG_LINE_BYTES and not seen["reasons"]
    else:
        assert seen["documents"] == 0 and seen["reasons"] == ["The line is longer than 16 MB. Break it into rows."]


def test_a_row_of_many_characters_becomes_several_documents(tmp_path: Path) -> None:
    text = "word " * 500_000
    (tmp_path / "long.jsonl").write_text(json.dumps({"text": text}), encoding="utf-8")
    documents = list(read_documents([tmp_path / "long.jsonl"]))
    assert len(documents) == 3
    assert "".join(document.text for document in documents if isinstance(document, Document)) == text


def test_a_path_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(CutawayError, match="does not exist"):
        list(read_documents([tmp_path / "nowhere"]))


def test_a_folder_with_nothing_readable(tmp_path: Path) -> None:
    (tmp_path / "picture.png").write_bytes(b"x")
    (tmp_path / ".hidden.txt").write_bytes(b"x")
    with pytest.raises(CutawayError, match=r"nothing that can be read. It has no \.jsonl, \.md or \.txt file"):
        list(read_documents([tmp_path]))


def test_a_file_of_another_kind(tmp_path: Path) -> None:
    (tmp_path / "book.pdf").write_bytes(b"%PDF")
    assert "Files of this kind are not read" in _drops(tmp_path / "book.pdf")[0].reason


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_keeps_nobody_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    assert "no ordinary file" in _drops(tmp_path / "pipe.txt")[0].reason


def test_a_link_to_nowhere(tmp_path: Path) -> None:
    (tmp_path / "gone.txt").symlink_to(tmp_path / "nowhere.txt")
    (tmp_path / "here.txt").write_text("here", encoding="utf-8")
    items = list(read_documents([tmp_path]))
    assert "could not be opened: No such file" in items[0].reason  # type: ignore[union-attr]
    assert isinstance(items[1], Document)


@pytest.mark.skipif(os.name == "nt" or sys.platform == "darwin", reason="names are text there")
def test_a_file_name_that_is_no_text(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.txt")).write_text("here", encoding="utf-8")
    (document,) = list(read_documents([tmp_path]))
    assert isinstance(document, Document)
    assert document.source.encode()


@pytest.fixture
def context(workspace: Workspace, tmp_path: Path) -> Context:
    return Context(workspace, RunFolder(tmp_path / "run"), Control(), "trial")


def test_a_corpus_of_nothing_but_bad_files_says_why(context: Context, tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_bytes(b"")
    with pytest.raises(CutawayError, match=r"No text was found\. empty\.txt: The file is empty\."):
        list(corpus.run(corpus.Config(paths=[str(tmp_path / "empty.txt")]), context))
    assert list((context.workspace.root / "corpora").iterdir()) == []


def test_thousands_of_bad_rows_are_counted_and_the_first_told(context: Context, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"text": "good"}\n' + "bad\n" * 2500, encoding="utf-8")
    events = list(corpus.run(corpus.Config(paths=[str(tmp_path / "rows.jsonl")]), context))
    assert sum(isinstance(event, DocumentDropped) for event in events) == 1000
    assert ["2,500 pieces were left out" in event.text for event in events if isinstance(event, Notice)] == [True]


def test_a_damaged_corpus_is_made_again(context: Context, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("some text", encoding="utf-8")
    config = corpus.Config(paths=[str(tmp_path / "a.txt")])
    first = list(corpus.run(config, context))[-1]
    (stored,) = (context.workspace.root / "corpora").glob("*/documents.jsonl")
    stored.write_bytes(b"")
    again = list(corpus.run(config, context))[-1]
    assert stored.stat().st_size > 0
    assert (first.reused, again.reused) == (False, False)  # type: ignore[attr-defined]


def test_a_full_disk_is_refused_before_anything_is_written(
    context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    (tmp_path / "a.txt").write_text("some text", encoding="utf-8")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(100, 99, 1))
    with pytest.raises(CutawayError, match="not enough space"):
        list(corpus.run(corpus.Config(paths=[str(tmp_path / "a.txt")]), context))
    assert list((context.workspace.root / "corpora").iterdir()) == []
