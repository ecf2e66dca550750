"""`cutaway` from a text file to a model that writes: what stands on stdout, the exit codes, Ctrl-C and resume."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from engine.cli import main
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
d_model = 16
n_head = 2
context_length = 16
batch_tokens = 128
steps = 6
sample_tokens = 3
"""


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recipe")
    (folder / "text.txt").write_text(TEXT)
    (folder / "tiny.toml").write_text(RECIPE.format(text=(folder / "text.txt").as_posix()))
    return folder / "tiny.toml"


@pytest.fixture(scope="module")
def home(recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace in which the tiny recipe ran."""
    root = tmp_path_factory.mktemp("home") / "workspace"
    assert main(["run", str(recipe), "--workspace", str(root), "--threads", "1"]) == 0
    return root


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str], home: Path) -> Any:
    """Calls the command line in the workspace `home`; gives (exit code, stdout, stderr)."""

    def call(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([*arguments, "--workspace", str(home)])
        out, err = capsys.readouterr()
        return code, out, err

    return call


def test_a_run_ends_with_one_line_of_json(told: Any, recipe: Path) -> None:
    code, out, err = told("run", str(recipe), "--set", "pretrain.steps=3", "--threads", "1")
    assert code == 0 and out.count("\n") == 1
    summary = json.loads(out)
    assert (summary["state"], summary["recipe"]) == ("done", "tiny")
    assert Path(summary["run"]).is_dir() and summary["seconds"] > 0
    assert [stage["stage"] for stage in summary["stages"]] == ["corpus", "train_tokenizer", "tokenize", "pretrain"]
    assert summary["figures"]["pretrain"]["steps"] == 3
    assert summary["figures"]["pretrain"]["loss"] > 0
    assert set(summary["artifacts"]) == {"corpus", "tokenizer", "shards", "model"}
    assert "made before" in err  # the corpus is that of the first run


def test_generating_continues_the_prompt(told: Any) -> None:
    code, out, _ = told("generate", "latest", "--prompt", "It was", "--max-tokens", "9", "--temperature", "0")
    assert code == 0 and out.startswith("It was") and out.endswith("\n")
    assert len(out) == len("It was") + 9 + 1


def test_a_seed_gives_the_same_text_streamed_or_as_json(told: Any) -> None:
    arguments = ("generate", "latest", "--prompt", "It ", "--max-tokens", "12", "--seed", "5", "--top-k", "8")
    _, plain, _ = told(*arguments)
    _, line, _ = told(*arguments, "--json")
    report = json.loads(line)
    assert plain == "It " + report["text"] + "\n"
    assert report["sampling"]["seed"] == 5 and report["sampling"]["top_k"] == 8
    assert report["text"] == "".join(token["text"] for token in report["tokens"])
    assert all(0 < token["probability"] <= 1 for token in report["tokens"])


@pytest.mark.parametrize("way", ["name", "folder", "stage", "checkpoint"])
def test_a_run_can_be_meant_in_many_ways(way: str, told: Any, home: Path, tmp_path: Path) -> None:
    """A path leads to its own workspace, whatever --workspace says."""
    run = Workspace(home).run_folders()[-1]
    checkpoint = sorted((run / "4-pretrain" / "checkpoints").iterdir())[-1]
    meant = {"name": run.name, "folder": str(run), "stage": str(run / "4-pretrain"), "checkpoint": str(checkpoint)}
    elsewhere = [] if way == "name" else ["--workspace", str(tmp_path)]
    code, out, _ = told("generate", meant[way], "--prompt", "It", "--max-tokens", "2", "--json", *elsewhere)
    assert code == 0 and json.loads(out)["step"] == 6


def test_a_finished_run_that_is_resumed_is_still_done(told: Any, home: Path) -> None:
    run = Workspace(home).run_folders()[-1]
    code, out, _ = told("resume", run.name, "--threads", "1")
    assert code == 0 and json.loads(out)["state"] == "done"


def test_info_tells_the_machine_and_the_workspace(told: Any, home: Path) -> None:
    code, out, _ = told("info", "--json")
    facts = json.loads(out)
    assert code == 0 and facts["workspace"] == str(home) and facts["runs"] >= 1
    assert facts["dtype"] in ("float32", "bfloat16") and facts["memory_bytes"] > 0
    code, out, _ = told("info")
    assert code == 0 and "Precision" in out


def test_the_workspace_can_come_from_the_environment(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUTAWAY_WORKSPACE", str(home))
    assert main(["generate", "latest", "--prompt", "It", "--max-tokens", "1"]) == 0
    assert capsys.readouterr().out.startswith("It")


@pytest.mark.parametrize(
    "wrong", [[], ["fly"], ["run"], ["generate", "latest"], ["run", "first-words", "--seed", "-1"]]
)
def test_wrong_usage_ends_with_two(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code = main(wrong)
    except SystemExit as error:
        code = int(str(error.code))
    assert code == 2
    captured = capsys.readouterr()
    assert "usage: cutaway" in captured.err and not captured.out


def test_help_does_not_wait_for_torch() -> None:
    code = "import sys; from engine.cli import build_parser; build_parser(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_reader_that_goes_away_is_no_crash(home: Path) -> None:
    command = [sys.executable, "-m", "engine", "generate", "latest", "--prompt", "It", "--workspace", str(home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert "Traceback" not in process.stderr.read()
    assert process.returncode == 1


@pytest.mark.skipif(os.name == "nt", reason="a console's Ctrl-C cannot be sent to one process there")
def test_ctrl_c_keeps_what_was_learned_and_resume_goes_on(recipe: Path, tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    run = [sys.executable, "-m", "engine", "run", str(recipe), "--workspace", str(workspace), "--threads", "1"]
    first = interrupted([*run, "--set", "pretrain.steps=100000"], workspace)
    assert first["state"] == "stopped"
    kept = Path(first["run"]) / "4-pretrain" / "checkpoints" / f"step-{first['figures']['pretrain']['step']:06d}"
    assert kept.is_dir()
    resume = [sys.executable, "-m", "engine", "resume", "latest", "--workspace", str(workspace), "--threads", "1"]
    second = interrupted(resume, workspace, beyond=first["figures"]["pretrain"]["step"])
    assert second["run"] == first["run"]
    assert second["figures"]["pretrain"]["step"] > first["figures"]["pretrain"]["step"]


def interrupted(command: list[str], workspace: Path, beyond: int = 0) -> dict[str, Any]:
    """Sends Ctrl-C once a step after `beyond` is on file; gives the JSON line that the run ends with."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 60
        while not any(step > beyond for step in steps_on_file(workspace)):
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Ctrl-C again aborts" in err
    summary: dict[str, Any] = json.loads(out)
    return summary


def steps_on_file(workspace: Path) -> list[int]:
    lines = [
        line for path in workspace.glob("runs/*/4-pretrain/events.jsonl") for line in path.read_text().splitlines()
    ]
    return [json.loads(line)["step"] for line in lines if '"StepMetrics"' in line]
