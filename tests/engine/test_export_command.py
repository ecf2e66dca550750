"""`cutaway export`: from a tiny run to files, the refusals, and that nothing is left behind."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import safetensors.torch

from engine.cli import main
from engine.formats.gguf_write import FORMS
from engine.launch.export import ExportRequest, export
from engine.store.workspace import Workspace

TEXT = "It was a bright cold day in April, and the clocks were striking thirteen.\n" * 60
RECIPE = """
name = "tiny"

[corpus]
paths = ["{text}"]

[train_tokenizer]
kind = "character"

[tokenize]
split = "tail"

[pretrain]
depth = 1
d_model = 32
n_head = 2
context_length = 16
batch_tokens = 128
steps = 6
sample_tokens = 3
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace in which a tiny recipe ran over a text of one's own."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "text.txt").write_text(TEXT)
    (folder / "tiny.toml").write_text(RECIPE.format(text=(folder / "text.txt").as_posix()))
    workspace = ["--workspace", str(folder / "workspace"), "--threads", "1"]
    assert main(["run", str(folder / "tiny.toml"), *workspace]) == 0
    return folder / "workspace"


def exported(home: Path, destination: Path, *options: str) -> int:
    return main(["export", "latest", str(destination), *options, "--workspace", str(home)])


@pytest.mark.parametrize("form", FORMS)
def test_a_gguf_file_comes_with_a_modelfile_and_a_card(
    home: Path, tmp_path: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exported(home, tmp_path / "out", "--gguf", form, "--name", "Tiny one", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert sorted(told["files"]) == ["Modelfile", "README.md", f"tiny-one-{form}.gguf"]
    assert any("squared ReLU" in note for note in told["notes"])
    assert any("rounded" in note for note in told["notes"]) == (form != "f32")
    assert (tmp_path / "out" / f"tiny-one-{form}.gguf").read_bytes()[:4] == b"GGUF"
    assert f"FROM ./tiny-one-{form}.gguf" in (tmp_path / "out" / "Modelfile").read_text()
    assert "num_ctx 16" in (tmp_path / "out" / "Modelfile").read_text()


def test_a_bundle_is_whole_and_says_what_is_unknown(home: Path, tmp_path: Path) -> None:
    assert exported(home, tmp_path / "out") == 0
    folder = tmp_path / "out"
    check = subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=folder, capture_output=True)
    assert check.returncode == 0, check.stderr
    listed = {line.split("  ", 1)[1] for line in (folder / "SHA256SUMS").read_text().splitlines()}
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert listed == there - {"SHA256SUMS"}
    assert {"model/model.safetensors", "model/tokenizer.json", "model/config.json", "code/engine/cli.py"} <= listed
    lineage, data = (json.loads((folder / name).read_text()) for name in ("lineage.json", "data.json"))
    assert lineage["recipe"]["name"] == "tiny" and lineage["training"]["step"] == 6
    assert [artifact["kind"] for artifact in data["artifacts"]] == ["corpus", "tokenizer", "shards"]
    corpus = data["artifacts"][0]
    assert corpus["licence"] == "unknown" and len(corpus["hash"]) == 64 and corpus["figures"]["documents"] > 0
    unknown = " ".join(lineage["unknown"])
    assert "licence of the corpus" in unknown and "energy" in unknown and "gives the weights away" in unknown
    card = (folder / "README.md").read_text()
    assert "Open Source AI Definition" in card and all(sentence in card for sentence in lineage["unknown"])


def test_two_bundles_of_one_model_are_equal_byte_for_byte(home: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert exported(home, tmp_path / name, "--bundle") == 0
    assert (tmp_path / "one" / "SHA256SUMS").read_bytes() == (tmp_path / "two" / "SHA256SUMS").read_bytes()


def test_no_file_of_a_bundle_names_a_place_of_this_machine(home: Path, tmp_path: Path) -> None:
    assert exported(home, tmp_path / "out") == 0
    for path in (tmp_path / "out").rglob("*.*"):
        if path.suffix in (".json", ".md"):
            text = path.read_text()
            assert str(home) not in text and str(Path.home()) + "/" not in text, path


def test_the_weights_of_a_bundle_are_those_of_the_checkpoint(home: Path, tmp_path: Path) -> None:
    assert exported(home, tmp_path / "out") == 0
    found = safetensors.torch.load_file(tmp_path / "out" / "model" / "model.safetensors")
    (checkpoint,) = home.glob("runs/*/*/checkpoints/step-000006/model.safetensors")
    expected = safetensors.torch.load_file(checkpoint)
    assert found.keys() == expected.keys()
    assert all(found[name].equal(expected[name]) for name in found)


def test_what_is_there_already_is_not_touched(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    assert exported(home, tmp_path / "out") == 1
    assert "never writes over anything" in capsys.readouterr().err
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "mine.txt"]


def test_an_empty_folder_may_be_the_destination(home: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert exported(home, tmp_path / "out", "--gguf", "f16") == 0
    assert (tmp_path / "out" / "Modelfile").is_file()


def test_an_export_that_is_closed_leaves_nothing(home: Path, tmp_path: Path) -> None:
    workspace = Workspace(home)
    work = export(workspace, ExportRequest(workspace.run_folders()[0], tmp_path / "out", "f32"))
    next(work)
    work.close()  # type: ignore[attr-defined]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("options", "words"), [(["--checkpoint", "step-000099"], "There is no checkpoint")])
def test_what_cannot_be_exported_is_told(
    home: Path, tmp_path: Path, options: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exported(home, tmp_path / "out", *options) == 1
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_importing_the_command_does_not_import_torch() -> None:
    code = "import sys, engine.commands.export, engine.launch.export; sys.exit('torch' in sys.modules)"
    import sys

    subprocess.run([sys.executable, "-c", code], check=True)
