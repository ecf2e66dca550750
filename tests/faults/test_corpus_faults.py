"""Bad input to the corpus: each a clear sentence, and nothing else is lost."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.control import Control
from engine.corpus.stored import iter_texts
from engine.errors import CutawayError
from engine.events import ArtifactReady, DocumentDropped, Event
from engine.pipeline.stage import Context
from engine.stages import corpus as stage
from engine.store.artifact import open_artifact
from engine.store.run_folder import RunFolder, RunRecord
from engine.store.workspace import open_workspace

ROOT = Path(__file__).parents[2]


def context(tmp_path: Path) -> Context:
    workspace = open_workspace(tmp_path / "w")
    folder = RunFolder.create(tmp_path / "w" / "runs" / "r", RunRecord("corpus", "Corpus", {}, {}, 1, ""))
    return Context(workspace, folder, Control(), "toy")


def collect(tmp_path: Path, *paths: Path) -> tuple[list[str], list[DocumentDropped]]:
    """The texts that were kept and the drops that were told."""
    place = context(tmp_path)
    events: list[Event] = list(stage.run(stage.Config(paths=[str(path) for path in paths]), place))
    ready = next(event for event in events if isinstance(event, ArtifactReady))
    texts = list(iter_texts(open_artifact(place.workspace.root / ready.folder, "corpus")))
    return texts, [event for event in events if isinstance(event, DocumentDropped)]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("empty.txt", b""),
        ("blank.txt", b" \n\n  \n"),
        ("picture.txt", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(500)),
        ("rows.jsonl", b'[1, 2]\n{"title": "no text"}\nnot json\n'),
        ("program.exe", b"MZ"),
    ],
)
def test_what_holds_no_text_is_dropped_with_a_reason_and_the_rest_goes_on(
    tmp_path: Path, name: str, data: bytes
) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / name).write_bytes(data)
    (folder / "good.txt").write_text("Here is a sentence that stays.\n")
    texts, drops = collect(tmp_path, folder)
    assert "".join(texts).strip() == "Here is a sentence that stays."
    if name != "program.exe":  # what is not text by its name is not looked into at all
        assert drops and all(drop.reason and name.split(".")[0] in drop.source for drop in drops)
    if name == "rows.jsonl":
        assert (
            len(drops) == 3 and ["1" in drops[0].source, "2" in drops[1].source, "3" in drops[2].source] == [True] * 3
        )


@pytest.mark.parametrize("name", ["empty.txt", "binary.txt", "nothing"])
def test_when_there_is_no_text_at_all_it_is_said(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "nothing":
        path.mkdir()
    else:
        path.write_bytes(b"" if name == "empty.txt" else bytes(300))
    with pytest.raises(CutawayError) as caught:
        collect(tmp_path, path)
    assert caught.value.what and caught.value.why and caught.value.remedy
    assert not list((tmp_path / "w" / "corpora").iterdir())


def test_a_path_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(CutawayError, match=r"missing\.txt"):
        collect(tmp_path, tmp_path / "missing.txt")


def test_no_path_at_all_is_said(tmp_path: Path) -> None:
    with pytest.raises(CutawayError):
        collect(tmp_path)


def test_bad_utf8_is_told_and_harms_nothing_else(tmp_path: Path) -> None:
    bad, good = tmp_path / "bad.txt", tmp_path / "good.txt"
    bad.write_bytes(b"Fine so far. \xff\xfe\xfa And on.\n")
    good.write_text("Whole.\n")
    texts, drops = collect(tmp_path, bad, good)
    assert any("Whole." in text for text in texts)
    assert any("bad.txt" in drop.source for drop in drops)


def test_one_line_of_200_mb_streams_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    with path.open("wb") as stream:
        for _ in range(200):
            stream.write(b"word and word " * 74_899)
    code = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from engine.corpus.reading import find_sources, read_sources\n"
        "sources = list(find_sources([Path(sys.argv[1])]))\n"
        "size = longest = 0\n"
        "for item in read_sources(sources, 'text'):\n"
        "    text = getattr(item, 'text', '')\n"
        "    size += len(text); longest = max(longest, len(text))\n"
        "print(size, longest, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )
    if sys.platform != "linux":
        pytest.skip("memory is measured in Linux's units")
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], cwd=ROOT, check=True, capture_output=True, text=True, timeout=60
    )
    size, longest, kilobytes = map(int, done.stdout.split())
    assert size == path.stat().st_size
    assert longest <= 2**20 and kilobytes < 400_000


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(min_size=1).filter(lambda text: text.strip() and "\x00" not in text), min_size=1, max_size=8))
def test_texts_of_jsonl_come_back_as_they_were(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    folder = tmp_path_factory.mktemp("jsonl")
    clean = [text.encode("utf-8", "ignore").decode() for text in texts]
    path = folder / "rows.jsonl"
    path.write_text("\n".join(json.dumps({"text": text}) for text in clean) + "\n", encoding="utf-8")
    kept, _ = collect(folder, path)
    assert "".join(kept) == "".join(text for text in clean if text.strip())
