"""Files, artifacts, run folders and the workspace: whole or not there, and honest about what is damaged."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from engine.errors import CutawayError
from engine.events import Notice, Progress, RunState, Tick
from engine.store.artifact import making_artifact, open_artifact, verify
from engine.store.files import ensure_space, explain_os_error, read_json, sha256_json, write_atomic
from engine.store.run_folder import RunFolder, RunRecord
from engine.store.workspace import open_workspace, slug


def make(folder: Path, text: str = "hello") -> None:
    with making_artifact(folder, kind="corpus", stage="world", config={"people": 3}, parents={}) as draft:
        (draft.folder / "documents.jsonl").write_text(text)
        draft.figures["documents"] = 1


def test_an_artifact_is_what_was_made(tmp_path: Path) -> None:
    make(tmp_path / "corpus-a")
    artifact = open_artifact(tmp_path / "corpus-a", "corpus")
    verify(artifact)
    assert artifact.manifest.figures == {"documents": 1}
    assert artifact.file("documents.jsonl").read_text() == "hello"


def test_equal_work_has_an_equal_hash_and_other_work_another(tmp_path: Path) -> None:
    for name, text in {"a": "one", "b": "one", "c": "two"}.items():
        make(tmp_path / name, text)
    a, b, c = (open_artifact(tmp_path / name, "corpus").hash for name in "abc")
    assert a == b != c


def test_what_fails_leaves_nothing_and_harms_nothing(tmp_path: Path) -> None:
    make(tmp_path / "x", "old")
    with (
        pytest.raises(ZeroDivisionError),
        making_artifact(tmp_path / "x", kind="corpus", stage="s", config={}, parents={}) as draft,
    ):
        (draft.folder / "documents.jsonl").write_text("new")
        raise ZeroDivisionError
    assert os.listdir(tmp_path) == ["x"]
    assert open_artifact(tmp_path / "x", "corpus").file("documents.jsonl").read_text() == "old"


def test_a_damaged_artifact_is_named(tmp_path: Path) -> None:
    make(tmp_path / "x")
    artifact = open_artifact(tmp_path / "x", "corpus")
    (tmp_path / "x" / "documents.jsonl").write_text("hellp")
    with pytest.raises(CutawayError, match="changed since"):
        verify(artifact)
    (tmp_path / "x" / "documents.jsonl").write_text("hell")
    with pytest.raises(CutawayError, match="cut short"):
        open_artifact(tmp_path / "x", "corpus")
    with pytest.raises(CutawayError, match="not a tokenizer"):
        open_artifact(tmp_path / "x", "tokenizer")
    (tmp_path / "x" / "manifest.json").write_text("{")
    with pytest.raises(CutawayError, match="could not be read"):
        open_artifact(tmp_path / "x", "corpus")


def test_an_atomic_write_replaces_and_leaves_no_temporary(tmp_path: Path) -> None:
    write_atomic(tmp_path / "f", b"one")
    write_atomic(tmp_path / "f", b"two")
    assert (tmp_path / "f").read_bytes() == b"two" and os.listdir(tmp_path) == ["f"]


def test_space_is_checked_before_it_is_taken(tmp_path: Path) -> None:
    ensure_space(tmp_path, 1)
    with pytest.raises(CutawayError, match="not enough space"):
        ensure_space(tmp_path, 2**60)


def test_errors_of_the_system_become_words(tmp_path: Path) -> None:
    assert explain_os_error(OSError(28, "No space"), tmp_path).why == "The disk is full."
    assert "something odd" in explain_os_error(OSError(999, "something odd"), tmp_path).why


def test_the_hash_of_json_ignores_the_order_of_keys() -> None:
    assert sha256_json({"a": 1, "b": [1, "ü"]}) == sha256_json({"b": [1, "ü"], "a": 1})
    assert sha256_json({"a": 1}) != sha256_json({"a": 1.5})


RECORD = RunRecord("world", "World", {}, {}, 1, "2026-01-01T00:00:00+00:00")


def test_a_run_folder_tells_what_it_was_told_and_passes_over_torn_lines(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "1-world", RECORD)
    assert folder.record() == RECORD and list(folder.all_events()) == []
    folder.append(Notice(text="eins"))
    folder.append(Tick())
    with folder.events_path.open("ab") as stream:
        stream.write(b'{"event": "Notice", "te')
    assert [e.text for e in folder.all_events() if isinstance(e, Notice)] == ["eins"]
    folder.begin_writing()
    folder.append(Notice(text="zwei"))
    assert [e.text for e in folder.all_events() if isinstance(e, Notice)] == ["eins", "zwei"]


def test_events_are_read_on_from_an_offset_even_when_a_line_is_longer_than_the_bite(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "r", RECORD)
    for number in range(50):
        folder.append(Progress(done=number, total=50, unit="x" * 300))
    offset, seen = 0, []
    while True:
        events, end = folder.read_events(offset, max_bytes=128)
        if end == offset:
            break
        seen += [event.done for event in events if isinstance(event, Progress)]
        offset = end
    assert seen == list(range(50))


def test_a_status_whose_process_is_gone_reads_as_died(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "r", RECORD)
    assert folder.status().state is RunState.WAITING
    folder.write_status(RunState.RUNNING, 7, 1.5)
    assert folder.status().state is RunState.RUNNING and folder.status().step == 7
    path = folder.path / "status.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "pid": 2**22 + 1}))
    assert folder.status().state is RunState.DIED
    folder.write_status(RunState.DONE, 9, 2.0)
    path.write_text(json.dumps({**json.loads(path.read_text()), "pid": 2**22 + 1}))
    assert folder.status().state is RunState.DONE


def test_a_run_goes_to_the_trash_and_comes_back(tmp_path: Path) -> None:
    workspace = open_workspace(tmp_path)
    folder = workspace.new_run_folder("First words!")
    (folder / "recipe.json").write_text("{}")
    assert workspace.run_folders() == [folder]
    trashed = workspace.move_to_trash(folder)
    assert workspace.run_folders() == []
    assert workspace.restore(trashed) == folder and workspace.run_folders() == [folder]


def test_runs_of_one_second_get_names_of_their_own(tmp_path: Path) -> None:
    workspace = open_workspace(tmp_path)
    assert len({workspace.new_run_folder("x") for _ in range(5)}) == 5


@pytest.mark.parametrize("name", ["../../etc", "a/b", "", "  ", ".", "x" * 300, "Ü ber"])
def test_a_slug_is_a_safe_name(name: str) -> None:
    cleaned = slug(name)
    assert cleaned and "/" not in cleaned and not cleaned.startswith(".") and len(cleaned) <= 60


def test_a_workspace_that_cannot_be_written_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CutawayError, match="could not be written"):
        open_workspace(tmp_path / "file")


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(CutawayError, match="is missing"):
        read_json(tmp_path / "run.json")
