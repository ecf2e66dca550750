"""Bad input on the command line: exit code 1, three lines (what, why, what to do), and nothing lost."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.cli import main
from engine.store.workspace import Workspace, open_workspace

TEXT = "The owl and the pussy-cat went to sea in a beautiful pea-green boat.\n" * 60
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
d_model = 16
n_head = 2
context_length = 16
batch_tokens = 128
steps = 6
checkpoint_every = 2
sample_tokens = 3
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with tiny.toml and, in `workspace`, its finished run."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "text.txt").write_text(TEXT)
    (folder / "tiny.toml").write_text(RECIPE.format(text=(folder / "text.txt").as_posix()))
    assert main(["run", str(folder / "tiny.toml"), "--workspace", str(folder / "workspace"), "--threads", "1"]) == 0
    return folder


@pytest.fixture
def home(made: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    shutil.copytree(made / "workspace", tmp_path / "workspace")
    return tmp_path / "workspace"


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Calls the command line, which has to refuse in three sentences; gives them as one text."""

    def call(*arguments: str) -> str:
        capsys.readouterr()
        assert main(list(arguments)) == 1
        captured = capsys.readouterr()
        sentences = captured.err.strip().splitlines()[-3:]
        assert len(sentences) == 3 and all(line.rstrip()[-1] in ".)" or "cutaway" in line for line in sentences)
        assert "Traceback" not in captured.err and not captured.out
        return " ".join(sentences)

    return call


def checkpoints(home: Path) -> list[Path]:
    return sorted(Workspace(home).run_folders()[0].glob("4-pretrain/checkpoints/step-*"))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("pretrain.stepz=3", '"stepz"'),
        ("pretrain.steps=-3", "-3"),
        ("pretrain.steps=many", "'many'"),
        ("pretrain.dropout=1.5", "1.5"),
        ("finetune.steps=3", "finetune.steps"),
        ("steps=3", '"steps"'),
        ("pretrain.steps", "no equals sign"),
    ],
)
def test_a_wrong_setting_is_named_and_nothing_is_made(
    change: str, named: str, made: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    words = refused("run", str(made / "tiny.toml"), "--set", change, "--workspace", str(tmp_path / "new"))
    assert named in words
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("toml", "named"),
    [
        ("[corpus\n", "not TOML"),
        ("[no_such_stage]\n", "no_such_stage"),
        ("corpus = 3\n", "must be a table"),
        ("", "empty"),
        ("\x00\xff", "no recipe"),
    ],
)
def test_a_wrong_recipe_is_named(toml: str, named: str, tmp_path: Path, refused: Callable[..., str]) -> None:
    (tmp_path / "wrong.toml").write_bytes(toml.encode("latin-1"))
    assert named in refused("run", str(tmp_path / "wrong.toml"), "--workspace", str(tmp_path / "new"))


def test_a_missing_recipe_lists_the_presets(tmp_path: Path, refused: Callable[..., str]) -> None:
    assert "first-words" in refused("run", "frist-words", "--workspace", str(tmp_path / "new"))


def test_a_missing_text_fails_the_run_with_its_name(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = (tmp_path / "nowhere.txt").as_posix()
    change = f"corpus.paths={json.dumps([missing])}"
    assert main(["run", str(made / "tiny.toml"), "--set", change, "--workspace", str(tmp_path / "new")]) == 1
    captured = capsys.readouterr()
    assert json.loads(captured.out)["state"] == "failed"
    assert "nowhere.txt" in captured.err and "Traceback" not in captured.err


def test_a_file_in_place_of_the_workspace(made: Path, tmp_path: Path, refused: Callable[..., str]) -> None:
    (tmp_path / "file").write_text("precious")
    refused("run", str(made / "tiny.toml"), "--workspace", str(tmp_path / "file"))
    refused("run", str(made / "tiny.toml"), "--workspace", str(tmp_path / "file" / "below"))
    assert (tmp_path / "file").read_text() == "precious"


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a file system that nobody may write")
def test_a_workspace_that_nobody_may_write(made: Path, refused: Callable[..., str]) -> None:
    assert "/proc/cutaway" in refused("run", str(made / "tiny.toml"), "--workspace", "/proc/cutaway")


def test_a_workspace_on_a_read_only_disk(made: Path, home: Path, refused: Callable[..., str]) -> None:
    """Reading from it works all the same. Needs root, and the right to mount."""
    bind = (
        subprocess.run(["mount", "--bind", str(home), str(home)], capture_output=True, check=False) if root() else None
    )
    if bind is None or bind.returncode:
        pytest.skip("cannot mount here")
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(home)], check=True)
        assert "read-only" in refused("run", str(made / "tiny.toml"), "--workspace", str(home))
        assert main(["generate", "latest", "--prompt", "The", "--max-tokens", "2", "--workspace", str(home)]) == 0
    finally:
        subprocess.run(["umount", str(home)], check=True)


def root() -> bool:
    return sys.platform.startswith("linux") and os.geteuid() == 0


def test_no_workspace_and_no_run(tmp_path: Path, home: Path, refused: Callable[..., str]) -> None:
    words = refused("generate", "latest", "--prompt", "x", "--workspace", str(tmp_path / "nowhere"))
    assert "There is no workspace" in words and not (tmp_path / "nowhere").exists()
    open_workspace(tmp_path / "empty")
    assert "no model" in refused("generate", "latest", "--prompt", "x", "--workspace", str(tmp_path / "empty"))
    assert "tiny-" in refused("resume", "no-such-run", "--workspace", str(home))
    assert "not a run" in refused("resume", str(home / "shards"), "--workspace", str(home))


@pytest.mark.parametrize(
    ("option", "value"),
    [("--temperature", "9"), ("--top-p", "0"), ("--min-p", "1"), ("--seed", "-1"), ("--max-tokens", "0")],
)
def test_impossible_sampling(option: str, value: str, home: Path, refused: Callable[..., str]) -> None:
    refused("generate", "latest", "--prompt", "x", option, value, "--workspace", str(home))


def test_a_device_that_is_not_there_is_refused_before_anything_runs(
    made: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    words = refused("run", str(made / "tiny.toml"), "--device", "tpu", "--workspace", str(tmp_path / "new"))
    assert "tpu" in words and not (tmp_path / "new" / "runs").exists()


def test_a_checkpoint_cut_short_gives_way_to_the_one_before(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    *_, before, newest = checkpoints(home)
    with (newest / "model.safetensors").open("r+b") as stream:
        stream.truncate(100)
    assert main(["generate", "latest", "--prompt", "The", "--json", "--max-tokens", "2", "--workspace", str(home)]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["step"] == int(before.name.split("-")[1])
    assert f"{newest.name} is damaged, so this is {before.name}" in captured.err


def test_a_flipped_bit_is_found(home: Path, refused: Callable[..., str]) -> None:
    newest = checkpoints(home)[-1]
    weights = bytearray((newest / "model.safetensors").read_bytes())
    weights[-7] ^= 1
    (newest / "model.safetensors").write_bytes(weights)
    words = refused("generate", str(newest), "--prompt", "x", "--workspace", str(home))
    assert "damaged" in words and "changed" in words


def test_when_every_checkpoint_is_damaged_it_says_so(home: Path, refused: Callable[..., str]) -> None:
    for folder in checkpoints(home):
        (folder / "manifest.json").write_text("{")
    assert "incomplete" in refused("generate", "latest", "--prompt", "x", "--workspace", str(home))


def test_a_checkpoint_that_the_run_does_not_have(home: Path, refused: Callable[..., str]) -> None:
    arguments = ("--prompt", "x", "--workspace", str(home))
    assert "step-000006" in refused("generate", "latest", "--checkpoint", "step-000777", *arguments)
    assert "no checkpoint" in refused("generate", "latest", "--checkpoint", "../..", *arguments)


def test_a_tokenizer_that_is_gone(home: Path, refused: Callable[..., str]) -> None:
    shutil.rmtree(home / "tokenizers")
    assert "tokenizer" in refused("generate", "latest", "--prompt", "x", "--workspace", str(home))


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [
        ("tokenizer", "../../elsewhere", "no folder of this workspace"),
        ("tokenizer_hash", "0" * 64, "another one now"),
        ("model", {"vocab_size": 10**6}, "impossible values"),
        ("model", None, "impossible values"),
    ],
)
def test_a_state_that_was_tampered_with(
    key: str, value: object, named: str, home: Path, refused: Callable[..., str]
) -> None:
    newest = checkpoints(home)[-1]
    change_state(newest, **{key: value})
    assert named in refused("generate", str(newest), "--prompt", "x", "--workspace", str(home))


def test_a_configuration_larger_than_its_weights_allocates_nothing(home: Path, refused: Callable[..., str]) -> None:
    newest = checkpoints(home)[-1]
    model = json.loads((newest / "state.json").read_text())["model"]
    change_state(
        newest, model={**model, "d_ff": 131_072, "n_layer": 200, "d_model": 32_768, "n_head": 2, "n_kv_head": 2}
    )
    assert "different sizes" in refused("generate", str(newest), "--prompt", "x", "--workspace", str(home))


def change_state(folder: Path, **changes: object) -> None:
    """Rewrites state.json together with its seal, as someone would who means harm."""
    from engine.store.files import sha256_file

    path = folder / "state.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["state.json"] = {"bytes": path.stat().st_size, "sha256": sha256_file(path)}
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_recall_needs_a_world(home: Path, refused: Callable[..., str]) -> None:
    assert "no world" in refused("recall", "latest", "--workspace", str(home))


def test_a_run_that_another_process_drives_is_left_alone(home: Path, refused: Callable[..., str]) -> None:
    import psutil

    run = Workspace(home).run_folders()[0]
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        path = run / "4-pretrain" / "status.json"
        status = json.loads(path.read_text())
        began = psutil.Process(other.pid).create_time()
        path.write_text(json.dumps({**status, "state": "running", "pid": other.pid, "process_began": began}))
        assert f"Process {other.pid}" in refused("resume", "latest", "--workspace", str(home))
        other.communicate(b"\n")
