"""Bad conversations: each told in a sentence with its line, none of them learned from, none fatal alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from engine.control import Control
from engine.corpus.conversations.stored import read_facts, read_rejected, read_stored
from engine.errors import CutawayError
from engine.events import ArtifactReady, Notice
from engine.pipeline.stage import Context
from engine.stages import conversations
from engine.store.run_folder import RunFolder
from engine.store.workspace import Workspace

MEASURE = """
import json, sys
from pathlib import Path
import psutil
from engine.corpus.conversations.reading import read_conversations

kept = rejected = most = 0
for number, item in enumerate(read_conversations([Path(sys.argv[1])])):
    kept, rejected = kept + hasattr(item, "messages"), rejected + hasattr(item, "reason")
    if number % 1000 == 0:
        most = max(most, psutil.Process().memory_info().rss)
print(json.dumps([kept, rejected, max(most, psutil.Process().memory_info().rss)]))
"""


@pytest.fixture
def context(workspace: Workspace, tmp_path: Path) -> Context:
    return Context(workspace, RunFolder(tmp_path / "run"), Control(), "trial")


def _make(context: Context, *paths: Path, **config: Any) -> tuple[Path, list[str]]:
    """The artifact's folder and what was noticed."""
    named = tuple(str(path) for path in paths)
    events = list(conversations.run(conversations.Config(source="files", paths=named, **config), context))
    assert isinstance(events[-1], ArtifactReady)
    notices = [event.text for event in events if isinstance(event, Notice)]
    return context.workspace.root / events[-1].folder, notices


def _talks(path: Path, *conversations: str) -> Path:
    """Each a word of "s", "u", "a", "t": whose turns they are; "e" is an empty turn of the user."""
    roles = {"s": "system", "u": "user", "a": "assistant", "t": "tool", "e": "user"}
    rows = [
        {
            "messages": [
                {"role": roles[turn], "content": "" if turn == "e" else f"{turn} {number} {place}"}
                for place, turn in enumerate(turns)
            ]
        }
        for number, turns in enumerate(conversations)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_roles_out_of_order_and_empty_turns(context: Context, tmp_path: Path) -> None:
    path = _talks(tmp_path / "a.jsonl", "ua", "uua", "au", "usa", "eua", "ea", "uau", "u", "uta", "suaua")
    folder, notices = _make(context, path, held_out_share=0)
    assert [item.source for item in read_stored(folder, "train")] == ["a.jsonl:1", "a.jsonl:10"]
    assert {item.source: item.reason for item in read_rejected(folder)} == {
        "a.jsonl:2": "Turns 1 and 2 are out of order: user, then user.",
        "a.jsonl:3": "Turn 1 is the assistant's, before any user's turn.",
        "a.jsonl:4": "Turn 2 is the system's; only the first turn may be.",
        "a.jsonl:5": "Turn 1 (user) is empty.",
        "a.jsonl:6": "Turn 1 (user) is empty.",
        "a.jsonl:7": "The last turn (turn 3) is the user's; it must be the assistant's.",
        "a.jsonl:8": "No turn is the assistant's, so there is nothing to learn.",
        "a.jsonl:9": "Turn 2 is a tool's output, but no tool was called before it.",
    }
    assert notices[0] == "8 rows were rejected; each is listed with its line and the reason."


def test_duplicate_rows_within_and_between_what_is_learned_and_measured(context: Context, tmp_path: Path) -> None:
    def write(name: str, *rows: tuple[str, str]) -> Path:
        lines = [json.dumps({"prompt": question, "completion": answer}) for question, answer in rows]
        (tmp_path / name).write_text("\n".join(lines), encoding="utf-8")
        return tmp_path / name

    twice = [(f"What is {n}?", f"{n}.") for n in range(50)] * 2
    folder, notices = _make(context, write("twice.jsonl", *twice))
    sides = [{item.messages[0].content for item in read_stored(folder, side)} for side in ("train", "held_out")]  # type: ignore[arg-type]
    assert len(sides[0]) + len(sides[1]) == 50 and not sides[0] & sides[1]
    assert read_rejected(folder)[0].reason == "The same as twice.jsonl:1."
    assert notices == ["50 rows were the same as others, or held out already; each is kept once."]
    assert read_facts(folder)["duplicates"] == 50

    measured = write("test.jsonl", ("Who?", "Mira."))
    learned = write("train.jsonl", ("Who?", "Mira."), (" Who?\n", "Ivo."), ("Why?", "So."))
    folder, _ = _make(context, learned, held_out_paths=(str(measured),))
    assert [item.source for item in read_rejected(folder)] == ["train.jsonl:1", "train.jsonl:2"]
    assert [item.messages[0].content for item in read_stored(folder, "train")] == ["Why?"]


def test_a_label_that_is_seen_once(context: Context, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,label\nOne,a\nTwo,a\nThree,b\nFour,b\nFive,rare\n", encoding="utf-8")
    folder, notices = _make(context, path)
    assert read_facts(folder)["labels"] == ["a", "b"]
    [rejected] = read_rejected(folder)
    assert (rejected.source, rejected.text) == ("a.csv:6", "Five")
    assert rejected.reason == 'The label "rare" stands only once: it could not be both learned and measured.'
    assert notices == [
        '1 label stands only once and could not be both learned and measured, so those texts are left out: "rare".'
    ]


def test_a_text_with_two_labels_keeps_the_first(context: Context, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,label\nOne,a\nTwo,a\nThree,b\nFour,b\nOne,b\n", encoding="utf-8")
    folder, notices = _make(context, path)
    assert [item.reason for item in read_rejected(folder)] == [
        'The same text as a.csv:2, which has the label "a", not "b".'
    ]
    assert notices == ["1 row was left out: their texts stood before, with another label."]


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ("One,a\nTwo,a\n", 'The texts have "a" as label.'),
        ("One,a\nTwo,b\n", 'The texts have "a", "b" as labels. Labels that stand only once count for nothing.'),
        ("One,a\nTwo,a\nThree,b\n", 'The texts have "a", "b" as labels. Labels that stand only once'),
    ],
)
def test_fewer_than_two_labels(context: Context, tmp_path: Path, rows: str, why: str) -> None:
    (tmp_path / "a.csv").write_text(f"text,label\n{rows}", encoding="utf-8")
    with pytest.raises(CutawayError, match="nothing to tell apart") as caught:
        _make(context, tmp_path / "a.csv")
    assert why in caught.value.why
    assert list((context.workspace.root / "conversations").iterdir()) == []


def test_a_label_that_is_only_measured_cannot_be_learned(context: Context, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,label\nOne,a\nTwo,b\nFive,a\nSix,b\n", encoding="utf-8")
    (tmp_path / "b.csv").write_text("text,label\nThree,a\nFour,c\nSeven,c\n", encoding="utf-8")
    folder, _ = _make(context, tmp_path / "a.csv", held_out_paths=(str(tmp_path / "b.csv"),))
    assert [item.reason for item in read_rejected(folder)] == ['No row to learn from has the label "c".'] * 2


def test_texts_with_labels_and_conversations_do_not_mix(context: Context, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,label\nOne,a\nTwo,b\n", encoding="utf-8")
    with pytest.raises(CutawayError, match="do not go together"):
        _make(context, tmp_path / "a.csv", _talks(tmp_path / "b.jsonl", "ua"))
    rows = [{"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": "a"}]} for text in "xyz"]
    rows[0]["label"] = rows[1]["label"] = "a"  # type: ignore[assignment]
    (tmp_path / "c.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    with pytest.raises(CutawayError, match="Some of the conversations have a label") as caught:
        _make(context, tmp_path / "c.jsonl")
    assert "1 of 3" in caught.value.why


def test_only_bad_rows_are_an_error_with_the_reasons(context: Context, tmp_path: Path) -> None:
    with pytest.raises(CutawayError, match=r"No conversation could be read from a\.jsonl") as caught:
        _make(context, _talks(tmp_path / "a.jsonl", "u", "uua"))
    assert caught.value.why.startswith("a.jsonl:1: No turn is the assistant's")
    assert "a.jsonl:2" in caught.value.details
    with pytest.raises(CutawayError, match="No conversation is left"):
        path = _talks(tmp_path / "a.jsonl", "ua")
        _make(context, path, held_out_paths=(str(path),))
    assert list((context.workspace.root / "conversations").iterdir()) == []


def test_a_damaged_artifact_is_made_again_and_told_when_it_is_read(context: Context, tmp_path: Path) -> None:
    path = _talks(tmp_path / "a.jsonl", "ua", "uaua")
    folder, _ = _make(context, path, held_out_share=0)
    whole = (folder / "train.jsonl").read_bytes()
    for broken in (b"", whole[:-5], b"[]\n", b'{"messages": 1}\n'):
        (folder / "train.jsonl").write_bytes(broken)
        if broken:
            with pytest.raises(CutawayError, match=r"train\.jsonl could not be read"):
                read_stored(folder, "train")
        assert _make(context, path, held_out_share=0)[0] == folder
        assert (folder / "train.jsonl").read_bytes() == whole


@pytest.mark.parametrize("suffix", ["jsonl", "json", "csv"])
def test_a_large_file_takes_little_memory(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"large.{suffix}"
    rows, filler = 40_000, "x" * 1_000
    with path.open("w", encoding="utf-8") as stream:
        stream.write({"jsonl": "", "json": "[", "csv": "question,answer\n"}[suffix])
        for number in range(rows):
            row = json.dumps({"question": f"{number}?", "answer": filler})
            comma = "," if number and suffix == "json" else ""
            stream.write(f"{number}?,{filler}\n" if suffix == "csv" else f"{comma}{row}\n")
        stream.write("]" if suffix == "json" else "")
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path)],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    kept, rejected, memory = json.loads(done.stdout)
    assert (kept, rejected) == (rows, 0)
    assert memory < 120_000_000
