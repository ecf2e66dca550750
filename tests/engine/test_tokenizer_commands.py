"""`cutaway import` of a tokenizer's file, and `cutaway info` about it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.cli import main
from engine.formats.tokenizer_json import save_for_transformers
from engine.tokenizer.kinds.bpe import BpeTokenizer


def test_a_file_is_imported_and_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tokenizer = BpeTokenizer([(b"t", b"h"), (b"th", b"e")])
    save_for_transformers(tokenizer, tmp_path / "their folder")
    home = ["--workspace", str(tmp_path / "workspace")]
    assert main(["import", str(tmp_path / "their folder"), "--name", "small", "--json", *home]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["tokenizer"] == "bpe" and told["vocab_size"] == 259 and not told["reused"]
    assert main(["import", str(tmp_path / "their folder" / "tokenizer.json"), "--name", "small", *home]) == 0
    out = capsys.readouterr().out
    name = Path(told["folder"]).name
    assert f"{name}  was here already: bpe, 259 tokens" in out and f"cutaway info {name}" in out
    assert main(["info", name, "--json", *home]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["hash"] == tokenizer.hash and shown["merges"] == 2 and shown["special"] == {"<|end|>": 258}
    assert main(["info", told["folder"], *home]) == 0
    out = capsys.readouterr().out
    assert "bpe, 259 tokens, 2 merges" in out and "<|end|> 258" in out


def test_what_is_refused_is_told_in_three_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = ["--workspace", str(tmp_path / "workspace")]
    (tmp_path / "tokenizer.json").write_text("{}", encoding="utf-8")
    assert main(["import", str(tmp_path / "tokenizer.json"), *home]) != 0
    assert len(capsys.readouterr().err.strip().splitlines()) == 3
    assert main(["import", str(tmp_path / "tokenizer.json"), "--sha256", "0" * 64, *home]) != 0
    assert "hash" in capsys.readouterr().err
    assert main(["info", "nothing", *home]) != 0
    assert "cutaway import FILE" in capsys.readouterr().err
