"""The stages that make a corpus, driven as a recipe drives them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest
from pydantic import ValidationError

from engine.control import Control
from engine.corpus.stored import iter_texts
from engine.corpus.worlds import build_world, tell_world
from engine.errors import CutawayError
from engine.events import ArtifactReady, DocumentDropped, DocumentSample, Event, Progress
from engine.pipeline.stage import Context
from engine.stages import corpus, world
from engine.store.artifact import Artifact, open_artifact, verify
from engine.store.run_folder import RunFolder
from engine.store.workspace import Workspace

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.fixture
def context(workspace: Workspace, tmp_path: Path) -> Context:
    return Context(workspace, RunFolder(tmp_path / "run"), Control(), "trial")


def _artifact(context: Context, events: list[Event]) -> Artifact:
    ready = events[-1]
    assert isinstance(ready, ArtifactReady)
    artifact = open_artifact(context.workspace.root / ready.folder, "corpus")
    assert artifact.manifest.figures == ready.figures
    return artifact


def _left_behind(context: Context) -> list[Path]:
    return list((context.workspace.root / "corpora").iterdir())


def test_files_become_a_corpus(context: Context, tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("Grüße aus Sölve.", encoding="utf-8")
    (tmp_path / "texts" / "b.jsonl").write_text('{"text": "one\\n"}\n[]\n', encoding="utf-8")
    events = list(corpus.run(corpus.Config(paths=[str(tmp_path / "texts")], name="My texts"), context))
    artifact = _artifact(context, events)
    verify(artifact)
    assert list(iter_texts(artifact)) == ["Grüße aus Sölve.", "one\n"]
    assert artifact.folder.name.startswith("my-texts-")
    assert artifact.manifest.figures == {"documents": 2, "bytes": 23, "dropped": 1}
    assert [event.source for event in events if isinstance(event, DocumentDropped)] == ["texts/b.jsonl, line 2"]
    assert [event.text for event in events if isinstance(event, DocumentSample)] == ["Grüße aus Sölve.", "one\n"]


def test_a_path_may_be_relative(context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.txt").write_text("here", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    events = list(corpus.run(corpus.Config(paths=["a.txt"]), context))
    assert list(iter_texts(_artifact(context, events))) == ["here"]


def test_a_corpus_is_reused_until_a_file_changes(context: Context, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("first", encoding="utf-8")
    config = corpus.Config(paths=[str(path)])
    runs = [list(corpus.run(config, context)) for _ in range(2)]
    path.write_text("second", encoding="utf-8")
    runs.append(list(corpus.run(config, context)))
    assert [run[-1].reused for run in runs] == [False, True, False]  # type: ignore[attr-defined]
    samples = [[event.text for event in run if isinstance(event, DocumentSample)] for run in runs]
    assert samples == [["first"], ["first"], ["second"]]
    assert list(iter_texts(_artifact(context, runs[-1]))) == ["second"]


def test_nothing_named_is_an_error_in_words(context: Context) -> None:
    with pytest.raises(CutawayError, match="No text was chosen"):
        list(corpus.run(corpus.Config(), context))


def test_progress_reaches_the_end_and_comes_often(context: Context, tmp_path: Path) -> None:
    (tmp_path / "big.txt").write_bytes(b"some words in a line\n" * 1_500_000)
    told = [(time.monotonic(), event) for event in corpus.run(corpus.Config(paths=[str(tmp_path)]), context)]
    progress = [event for _, event in told if isinstance(event, Progress)]
    assert len(progress) >= 2 and all(event.total == 31_500_000 for event in progress)
    assert [event.done for event in progress] == sorted(event.done for event in progress)
    # The last gap is the hashing of the finished file.
    gaps = [after - before for (before, _), (after, _) in pairwise(told[:-1])]
    assert max(gaps) < 0.5


def test_a_stopped_reading_leaves_nothing_behind(context: Context, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"some words in a line\n" * 100_000)
    seen = []
    for event in corpus.run(corpus.Config(paths=[str(tmp_path)]), context):
        seen.append(event)
        context.control.stop()
    assert len(seen) == 1
    assert _left_behind(context) == []


def test_a_closed_stage_leaves_nothing_behind(context: Context, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"some words in a line\n" * 100_000)
    for stage, config in ((corpus, corpus.Config(paths=[str(tmp_path)])), (world, world.Config(documents=5000))):
        stream = stage.run(config, context)
        while not isinstance(next(stream), Progress):
            pass
        stream.close()  # type: ignore[attr-defined]
        assert _left_behind(context) == []


@pytest.mark.skipif(not SHARED.is_dir(), reason="no shared data beside the project")
def test_real_texts(context: Context) -> None:
    paths = [str(SHARED / "tinyshakespeare.txt")]
    artifact = _artifact(context, list(corpus.run(corpus.Config(paths=paths), context)))
    assert "".join(iter_texts(artifact)) == (SHARED / "tinyshakespeare.txt").read_text(encoding="utf-8")
    assert 400 < int(artifact.manifest.figures["documents"]) < 560
    rows = corpus.Config(paths=[str(SHARED / "gsm8k_train.jsonl")], text_field="answer")
    assert _artifact(context, list(corpus.run(rows, context))).manifest.figures["documents"] == 7473


def test_a_world_becomes_a_corpus_with_the_truth_on_file(context: Context) -> None:
    config = world.Config(people=30, documents=300, seed=5)
    events = list(world.run(config, context))
    artifact = _artifact(context, events)
    made = build_world(5, 30)
    told = [document.text for document in tell_world(made, 5, 300)]
    assert list(iter_texts(artifact)) == told
    assert json.loads(artifact.file("world.json").read_text(encoding="utf-8")) == made.to_json()
    figures = {"documents": 300, "bytes": sum(len(text.encode()) for text in told), "people": 30}
    assert artifact.manifest.figures == figures
    assert artifact.manifest.licence.startswith("CC0-1.0")
    assert "seed 5" in artifact.manifest.source
    samples = [event for event in events if isinstance(event, DocumentSample)]
    assert samples[0].text.startswith("Mira Toll")
    assert {role for event in samples for _, _, role in event.marks} == {"name", "value"}


def test_a_world_is_reused_and_equal_work_has_an_equal_hash(context: Context, tmp_path: Path) -> None:
    config = world.Config(people=30, documents=200)
    first, again = (list(world.run(config, context)) for _ in range(2))
    assert (first[-1].reused, again[-1].reused) == (False, True)  # type: ignore[attr-defined]
    samples = [[event for event in run if isinstance(event, DocumentSample)] for run in (first, again)]
    assert samples[0] == samples[1]
    elsewhere = Context(Workspace(tmp_path / "elsewhere"), RunFolder(tmp_path / "run2"), Control(), "trial")
    assert _artifact(elsewhere, list(world.run(config, elsewhere))).hash == _artifact(context, first).hash


@pytest.mark.parametrize("wrong", [{"people": 9}, {"people": 2001}, {"documents": 0}, {"seed": -1}, {"peeple": 10}])
def test_impossible_worlds_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        world.Config(**wrong)


def test_the_stages_import_no_torch_and_no_numpy() -> None:
    code = "import sys, engine.stages.world, engine.stages.corpus; print({'torch', 'numpy'} & set(sys.modules))"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == "set()"
