"""The stage that makes conversations, driven as a recipe drives it."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from engine.control import Control
from engine.corpus.conversation import Conversation, Message
from engine.corpus.conversations.rejected import Rejected
from engine.corpus.conversations.sorting import Sorter
from engine.corpus.conversations.stored import SIDES, read_facts, read_rejected, read_stored
from engine.errors import CutawayError
from engine.events import ArtifactReady, DocumentDropped, DocumentSample, Event, Notice, Progress
from engine.launch.recipe import recipe_from_json
from engine.pipeline.stage import Context
from engine.stages import conversations, corpus, world
from engine.store.artifact import Artifact, open_artifact, verify
from engine.store.run_folder import RunFolder
from engine.store.workspace import Workspace, open_workspace

EXAMPLE = Path(__file__).resolve().parents[2] / "resources" / "examples" / "sentiment.csv"
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.fixture
def context(workspace: Workspace, tmp_path: Path) -> Context:
    return Context(workspace, RunFolder(tmp_path / "run"), Control(), "trial")


@pytest.fixture
def told(context: Context) -> Context:
    """With a world of 30 people before it."""
    ready = list(world.run(world.Config(people=30, documents=20), context))[-1]
    assert isinstance(ready, ArtifactReady)
    context.parents["corpus"] = open_artifact(context.workspace.root / ready.folder, "corpus")
    return context


def _make(context: Context, **config: Any) -> tuple[Artifact, list[Event]]:
    events = list(conversations.run(conversations.Config(**config), context))
    ready = events[-1]
    assert isinstance(ready, ArtifactReady) and ready.kind == "conversations"
    artifact = open_artifact(context.workspace.root / ready.folder, "conversations")
    assert artifact.manifest.figures == ready.figures
    return artifact, events


def _from_files(context: Context, *paths: Path, **config: Any) -> tuple[Artifact, list[Event]]:
    return _make(context, source="files", paths=tuple(map(str, paths)), **config)


def _questions(folder: Path, rows: list[tuple[str, str]], name: str = "a.jsonl") -> Path:
    lines = [json.dumps({"question": question, "answer": answer}) for question, answer in rows]
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / name


def _labelled(folder: Path, rows: list[tuple[str, str]], name: str = "a.csv") -> Path:
    with (folder / name).open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([("text", "label"), *rows])
    return folder / name


def _left_behind(context: Context) -> list[Path]:
    return list((context.workspace.root / "conversations").iterdir())


# --- from the world


def test_a_world_becomes_conversations(told: Context) -> None:
    artifact, events = _make(told, name="My talk")
    verify(artifact)
    train, held_out = (read_stored(artifact.folder, side) for side in SIDES)
    assert artifact.folder.name.startswith("my-talk-")
    assert artifact.manifest.figures == {"train": len(train), "held_out": len(held_out), "rejected": 0}
    assert artifact.manifest.parents == {"corpus": told.parent("corpus").hash}
    assert artifact.manifest.licence == "CC0-1.0"
    facts = read_facts(artifact.folder)
    assert (facts["format"], facts["labels"], facts["duplicates"]) == ("world", [], 0)
    assert facts["topics"] == dict(Counter(item.topic for item in train))
    assert facts["held_out_topics"] == {"question": len(held_out)} == {"question": 29 * 14}
    assert all(item.accept for item in held_out)
    assert sorted(path.name for path in artifact.folder.iterdir()) == [
        "facts.json",
        "held_out.jsonl",
        "manifest.json",
        "rejected.jsonl",
        "train.jsonl",
    ]
    assert 0 < len([event for event in events if isinstance(event, DocumentSample)]) <= 8


def test_equal_work_is_found_again_and_tells_the_same(told: Context, tmp_path: Path) -> None:
    (first, told_first), (again, told_again) = _make(told), _make(told)
    assert (told_first[-1].reused, told_again[-1].reused) == (False, True)  # type: ignore[attr-defined]
    assert first.hash == again.hash
    for kind in (DocumentSample, DocumentDropped, Notice):
        assert [e for e in told_first if isinstance(e, kind)] == [e for e in told_again if isinstance(e, kind)]
    other, _ = _make(told, seed=2)
    assert other.folder != first.folder
    elsewhere = Context(open_workspace(tmp_path / "elsewhere"), RunFolder(tmp_path / "r2"), Control(), "trial")
    elsewhere.parents = told.parents
    assert _make(elsewhere)[0].hash == first.hash


def test_the_world_of_a_corpus_that_is_named(told: Context) -> None:
    folder = told.relative(told.parents.pop("corpus").folder)
    assert _make(told, corpus=folder)[0].manifest.figures["held_out"] == 29 * 14
    with pytest.raises(CutawayError, match="needs a corpus"):
        _make(told)
    for wrong in ("corpora/none", "../outside", "/etc"):
        with pytest.raises(CutawayError, match="There is no corpus"):
            _make(told, corpus=wrong)


def test_a_corpus_without_a_world_is_told(context: Context, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Once upon a time", encoding="utf-8")
    ready = list(corpus.run(corpus.Config(paths=[str(tmp_path / "a.txt")]), context))[-1]
    context.parents["corpus"] = open_artifact(context.workspace.root / ready.folder, "corpus")  # type: ignore[attr-defined]
    with pytest.raises(CutawayError, match="nobody to ask about"):
        _make(context)
    assert _left_behind(context) == []


def test_a_system_turn_stands_before_every_conversation(told: Context, tmp_path: Path) -> None:
    artifact, _ = _make(told, system="Be kind.")
    for side in SIDES:
        assert {item.messages[0] for item in map(_hashable, read_stored(artifact.folder, side))} == {
            ("system", "Be kind.")
        }
    own = {"messages": [{"role": role, "content": "x"} for role in ("system", "user", "assistant")]}
    (tmp_path / "a.jsonl").write_text(json.dumps(own), encoding="utf-8")
    artifact, _ = _from_files(told, tmp_path / "a.jsonl", system="Be kind.")
    assert [message.content for message in read_stored(artifact.folder, "train")[0].messages] == ["x"] * 3


class _hashable:  # noqa: N801
    def __init__(self, conversation: Conversation) -> None:
        self.messages = [(message.role, message.content) for message in conversation.messages]


# --- from files


def test_files_become_conversations(context: Context, tmp_path: Path) -> None:
    path = _questions(tmp_path, [(f"What is {n}?", f"It is {n}.") for n in range(200)])
    with path.open("a", encoding="utf-8") as stream:
        stream.write("no json\n")
    artifact, events = _from_files(context, path)
    verify(artifact)
    train, held_out = (read_stored(artifact.folder, side) for side in SIDES)
    assert len(train) + len(held_out) == 200 and 8 <= len(held_out) <= 35
    assert [item.source for item in train] == sorted((item.source for item in train), key=lambda s: int(s[8:]))
    facts = read_facts(artifact.folder)
    assert facts["format"] == "columns"
    assert facts["reason"] == 'Every row has a question in "question" and its answer in "answer".'
    assert facts["files"] == [{"file": "a.jsonl", "format": "columns", "reason": facts["reason"]}]
    reason = "This is not JSON: expecting value at character 1."
    assert read_rejected(artifact.folder) == [Rejected("a.jsonl:201", reason, "no json")]
    assert [event.source for event in events if isinstance(event, DocumentDropped)] == ["a.jsonl:201"]
    assert [event.text for event in events if isinstance(event, Notice)] == [
        "1 row was rejected; each is listed with its line and the reason."
    ]
    assert any(isinstance(event, Progress) and event.unit == "bytes" for event in events)


def test_another_content_of_a_file_is_another_artifact(context: Context, tmp_path: Path) -> None:
    rows = [(f"What is {n}?", "One.") for n in range(9)]
    first, _ = _from_files(context, _questions(tmp_path, rows))
    second, _ = _from_files(context, _questions(tmp_path, [*rows, ("Who?", "Ivo.")]))
    assert first.folder != second.folder
    _, events = _from_files(context, _questions(tmp_path, rows))
    assert events[-1].reused and events[-1].folder == context.relative(first.folder)  # type: ignore[attr-defined]


def test_files_that_are_held_out_win_over_those_to_learn_from(context: Context, tmp_path: Path) -> None:
    measured = _questions(tmp_path, [("Who?", "Mira."), ("Where?", "Here.")], "test.jsonl")
    learned = _questions(tmp_path, [("Who? ", "Mira."), ("Where?", "There."), ("When?", "Now."), ("How?", "So.")])
    artifact, events = _from_files(context, learned, held_out_paths=(str(measured),))
    assert artifact.manifest.figures == {"train": 2, "held_out": 2, "rejected": 2}
    assert [(item.source, item.reason) for item in read_rejected(artifact.folder)] == [
        ("a.jsonl:1", "The same as test.jsonl:1."),
        ("a.jsonl:2", "The same question as test.jsonl:2, which is held out."),
    ]
    assert read_facts(artifact.folder)["duplicates"] == 2
    assert [event.text for event in events if isinstance(event, Notice)] == [
        "2 rows were the same as others, or held out already; each is kept once."
    ]


def test_labels_are_held_out_in_their_shares(context: Context) -> None:
    artifact, _ = _from_files(context, EXAMPLE, held_out_share=0.25)
    assert artifact.manifest.figures == {"train": 270, "held_out": 90, "rejected": 0, "labels": 2}
    for side, count in (("train", 135), ("held_out", 45)):
        items = read_stored(artifact.folder, side)  # type: ignore[arg-type]
        assert Counter(item.label for item in items) == {"glad": count, "cross": count}
        assert all(item.messages[-1] == Message("assistant", item.label) for item in items)
    facts = read_facts(artifact.folder)
    assert facts["labels"] == ["cross", "glad"] and facts["topics"] == {"glad": 135, "cross": 135}


def test_numbers_as_labels_are_in_the_order_of_numbers(context: Context, tmp_path: Path) -> None:
    rows = [(f"text {label} {n}", str(label)) for label in (10, 9, 1) for n in range(3)]
    artifact, _ = _from_files(context, _labelled(tmp_path, rows))
    assert read_facts(artifact.folder)["labels"] == ["1", "9", "10"]


def test_columns_that_were_named(context: Context, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("body,kind\nOne,a\nTwo,a\nThree,b\nFour,b\n", encoding="utf-8")
    with pytest.raises(CutawayError, match=r"The format of a\.csv is not known"):
        _from_files(context, path)
    chosen = {"question_column": "body", "answer_column": "kind"}
    artifact, _ = _from_files(context, path, format="labelled", held_out_share=0.5, **chosen)
    assert artifact.manifest.figures == {"train": 2, "held_out": 2, "rejected": 0, "labels": 2}
    with pytest.raises(CutawayError, match="Only one column is chosen"):
        _from_files(context, path, question_column="body")


def test_nothing_held_out_is_told(context: Context, tmp_path: Path) -> None:
    artifact, events = _from_files(context, _questions(tmp_path, [("Who?", "Ivo."), ("Why?", "So.")]), held_out_share=0)
    assert artifact.manifest.figures == {"train": 2, "held_out": 0, "rejected": 0}
    assert "Nothing is held out" in next(event.text for event in events if isinstance(event, Notice))


@pytest.mark.skipif(not SHARED.is_dir(), reason="no shared data beside the project")
def test_a_real_file(context: Context) -> None:
    artifact, _ = _from_files(context, SHARED / "gsm8k_train.jsonl")
    figures = artifact.manifest.figures
    assert int(figures["train"]) + int(figures["held_out"]) + int(figures["rejected"]) == 7473
    assert 650 < int(figures["held_out"]) < 850


def test_a_recipe_knows_the_stage() -> None:
    stages = {"conversations": {"source": "files", "paths": ["a.jsonl"]}}
    recipe = recipe_from_json({"name": "a", "description": "", "stages": stages})
    assert recipe.stages[0].module.TITLE == "Conversations"
    assert recipe_from_json(json.loads(json.dumps(recipe.to_json()))) == recipe
    for wrong in ({"people_share": 1.0}, {"held_out_share": 1.0}, {"source": "web"}, {"paths": [""]}, {"path": "a"}):
        with pytest.raises(ValidationError):
            conversations.Config(**wrong)


def test_the_stage_imports_no_torch_and_no_numpy() -> None:
    code = "import sys, engine.stages.conversations; print({'torch', 'numpy'} & set(sys.modules))"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == "set()"


# --- stopping


def test_a_stopped_stage_leaves_nothing_behind(told: Context, tmp_path: Path) -> None:
    path = _questions(tmp_path, [(f"What is {n}?", f"It is {n}.") for n in range(4_000)])
    for config in ({}, {"source": "files", "paths": (str(path),)}):
        for stop in (1, 2, 3):
            control = Control()
            context = Context(told.workspace, told.run_folder, control, f"stopped {stop}", told.parents)
            for number, _ in enumerate(conversations.run(conversations.Config(**config), context), 1):
                if number == stop:
                    control.stop()
            assert number == stop
    assert not [path for path in _left_behind(told) if path.name.startswith((".", "stopped-1-"))]


def test_a_closed_stage_leaves_nothing_behind(context: Context, tmp_path: Path) -> None:
    path = _questions(tmp_path, [(f"What is {n}?", f"It is {n}.") for n in range(2_000)])
    stream = conversations.run(conversations.Config(source="files", paths=(str(path),)), context)
    while not isinstance(next(stream), Progress):
        pass
    stream.close()  # type: ignore[attr-defined]
    assert _left_behind(context) == []


# --- any rows at all

_WORDS = st.sampled_from(["a", "b", "c", "d", "e", "f", "a ", ""])


@given(
    st.lists(st.tuples(_WORDS, st.sampled_from("xyz"), st.booleans()), max_size=30), st.floats(0, 0.9), st.booleans()
)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_question_stands_on_both_sides(
    tmp_path: Path, rows: list[tuple[str, str, bool]], share: float, labelled: bool
) -> None:
    given_sides = share == 0
    if given_sides:
        rows = sorted(rows, key=lambda row: not row[2])
    with Sorter(tmp_path, 1, share) as sorter:
        for question, answer, held in rows:
            messages = (Message("user", question), Message("assistant", answer))
            side = ("held_out" if held else "train") if given_sides else None
            sorter.add(Conversation(messages, label=answer if labelled else ""), side)  # type: ignore[arg-type]
        assert list(sorter.finish()) == list(range(1, sorter.taken + 1))
    train, held_out = (read_stored(tmp_path, side) for side in SIDES)
    asked = [{item.messages[0].content.strip() for item in items} for items in (train, held_out)]
    assert not asked[0] & asked[1]
    assert len(train) + len(held_out) + len(read_rejected(tmp_path)) == len(rows)
    said = [(item.messages[0].content.strip(), item.messages[1].content) for item in train + held_out]
    assert len(set(said)) == len(said)
    assert (sorter.counts.of("train"), sorter.counts.of("held_out")) == (len(train), len(held_out))
    if share and not labelled and len(asked[0] | asked[1]) > 1:
        assert asked[0] and asked[1]
    if labelled and share:
        assert {item.label for item in train} == {item.label for item in held_out}
