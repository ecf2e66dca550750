"""The built-in world: the same everywhere, told truthfully, in clean English, with the truth on file."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from engine.control import Control
from engine.corpus.document import Document
from engine.corpus.stored import iter_texts
from engine.corpus.worlds.telling import tell_world
from engine.corpus.worlds.world import World, build_world
from engine.events import ArtifactReady, DocumentSample, Event
from engine.pipeline.stage import Context
from engine.stages import world as stage
from engine.store.artifact import open_artifact, verify
from engine.store.run_folder import RunFolder, RunRecord
from engine.store.workspace import open_workspace

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(3, 40)


@pytest.fixture(scope="module")
def told(world: World) -> list[Document]:
    return list(tell_world(world, 3, 4000))


def test_the_same_seed_is_the_same_world_in_any_process() -> None:
    code = (
        "import hashlib; from engine.corpus.worlds.world import build_world; "
        "from engine.corpus.worlds.telling import tell_world\n"
        "text = '|'.join(d.text for d in tell_world(build_world(5, 20), 5, 300))\n"
        "print(hashlib.sha256(text.encode()).hexdigest())"
    )
    hashes = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(hashes) == 1


def test_another_seed_is_another_world() -> None:
    assert build_world(1, 20).to_json() != build_world(2, 20).to_json()


def test_everyone_has_a_name_of_their_own_and_every_fact_once(world: World) -> None:
    names = [person.name for person in world.people]
    assert len(set(names)) == len(names) == 40
    attributes = {attribute.name: attribute for attribute in world.attributes}
    for person in world.people:
        assert set(person.facts) == set(attributes)
        for key, value in person.facts.items():
            assert value in attributes[key].values
        assert person.facts["friend"] != person.name


def test_every_sentence_that_can_be_checked_is_true_and_everyone_is_told_of(world: World, told: list[Document]) -> None:
    """Each cloze sentence, wherever it stands for whomever, goes on with the true value and no other."""
    text = "\n".join(document.text for document in told)
    seen: Counter[tuple[str, str]] = Counter()
    for attribute in world.attributes:
        for person in world.people:
            for cloze in attribute.cloze:
                begin = cloze.format(name=person.name)
                for match in re.finditer(re.escape(begin) + r" (?=(.{60}|.*$))", text):
                    truth = person.facts[attribute.name]
                    assert match.group(1).startswith(truth), f"{begin} {match.group(1)!r}, but it is {truth!r}"
                    seen[person.name, attribute.name] += 1
    missing = [(p.name, a.name) for p in world.people for a in world.attributes if not seen[p.name, a.name]]
    assert not missing


def test_every_cloze_stands_in_the_corpus(world: World, told: list[Document]) -> None:
    text = "\n".join(document.text for document in told)
    for attribute in world.attributes:
        assert len(attribute.cloze) >= 2
        for cloze in attribute.cloze:
            assert any(cloze.format(name=person.name) in text for person in world.people), cloze


def test_marks_point_at_names_and_values(world: World, told: list[Document]) -> None:
    names = {person.name for person in world.people} | {person.name.split()[0] for person in world.people}
    values = {value for attribute in world.attributes for value in attribute.values}
    for document in told[:800]:
        for start, end, role in document.marks:
            marked = document.text[start:end]
            assert role in ("name", "value")
            if role == "name":
                assert marked in names, marked
            else:
                assert any(value.lower() in marked.lower() or marked.lower() in value.lower() for value in values)


@pytest.mark.parametrize(
    "mistake",
    [
        r"[{}\[\]<>]",
        r"  ",
        r" [.,;!?]",
        r"\b[Aa] (?!one-)[aeio][a-z]",
        r"\b[Aa]n [^aeiouAEIOUh\W]",
        r"\b[Tt]hey (has|is|was|keeps|bakes|works|lives|loves|likes)\b",
        r"\b([Ss]he|[Hh]e) (have|are|were|keep|bake|work|live|love|like)\b",
        r"\b(\w+) \1\b(?! is)",
        r"None",
    ],
)
def test_the_english_is_clean(told: list[Document], mistake: str) -> None:
    for document in told:
        found = re.search(mistake, document.text)
        assert found is None, f"{found.group(0)!r} in: {document.text}"


def test_documents_begin_and_end_as_sentences_do(told: list[Document]) -> None:
    for document in told:
        assert document.text[0].isupper() or document.text[0] in "\"'", document.text
        assert document.text.rstrip()[-1] in '.!?"', document.text
        assert document.source


def context(tmp_path: Path) -> Context:
    workspace = open_workspace(tmp_path / "w")
    folder = RunFolder.create(tmp_path / "w" / "runs" / "r", RunRecord("world", "World", {}, {}, 1, ""))
    return Context(workspace, folder, Control(), "toy")


def ready(events: list[Event]) -> ArtifactReady:
    return next(event for event in events if isinstance(event, ArtifactReady))


def test_the_stage_writes_the_corpus_and_the_truth_and_finds_them_again(tmp_path: Path) -> None:
    place = context(tmp_path)
    config = stage.Config(people=12, documents=150)
    events = list(stage.run(config, place))
    first = ready(events)
    artifact = open_artifact(place.workspace.root / first.folder, "corpus")
    verify(artifact)
    assert first.figures["documents"] == 150 == len(list(iter_texts(artifact))) and not first.reused
    truth = json.loads(artifact.file("world.json").read_text(encoding="utf-8"))
    assert truth == json.loads(json.dumps(build_world(1, 12).to_json()))
    assert any(isinstance(event, DocumentSample) and event.marks for event in events)
    second = ready(list(stage.run(config, place)))
    assert second.reused and open_artifact(place.workspace.root / second.folder, "corpus").hash == artifact.hash


def test_a_world_that_is_stopped_leaves_nothing(tmp_path: Path) -> None:
    place = context(tmp_path)
    for _ in stage.run(stage.Config(people=40, documents=100_000), place):
        place.control.stop()
    assert not list((place.workspace.root / "corpora").iterdir())


def test_worlds_of_impossible_size_are_refused() -> None:
    with pytest.raises(ValueError):
        stage.Config(people=3)
    with pytest.raises(ValueError, match="people"):
        build_world(1, 3)
