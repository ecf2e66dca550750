"""Fine-tuning on toys: a recipe from text to a tuned model that takes a second or two."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine.control import Control
from engine.events import Event
from engine.launch.local import RecipeRun
from engine.launch.recipe import recipe_from_json
from engine.store.workspace import Workspace

TEXT = "The owl and the pussy-cat went to sea in a beautiful pea-green boat. They took some honey.\n\n" * 40
PRETRAIN = {"depth": 1, "d_model": 16, "n_head": 2, "context_length": 64, "batch_tokens": 256, "steps": 4}
PRETRAIN |= {"checkpoint_every": 4, "evaluate_every": 4, "sample_every": 4, "precision": "float32"}
SFT: dict[str, Any] = {"steps": 6, "batch_rows": 4, "micro_rows": 2, "evaluate_every": 3, "checkpoint_every": 2}
SFT |= {"questions": 6, "final_questions": 8, "answer_tokens": 4, "precision": "float32", "shown_questions": 2}


def conversation(question: str, answer: str) -> dict[str, Any]:
    messages = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return {"messages": messages}


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def toy_rows(count: int = 40) -> list[dict[str, Any]]:
    return [conversation(f"What follows {number}?", f"It is {number + 1}.") for number in range(count)]


def toy_recipe(root: Path, rows: list[dict[str, Any]] | None = None, **sft: Any) -> dict[str, Any]:
    """As `recipe_from_json` takes it. rows: of a messages file. sft: settings of the stage over SFT."""
    (root / "text.txt").write_text(TEXT, encoding="utf-8")
    write_rows(root / "rows.jsonl", toy_rows() if rows is None else rows)
    stages = {
        "corpus": {"paths": [str(root / "text.txt")]},
        "train_tokenizer": {"kind": "character"},
        "tokenize": {"split": "tail", "validation_share": 0.1},
        "pretrain": PRETRAIN,
        "conversations": {"source": "files", "paths": [str(root / "rows.jsonl")], "held_out_share": 0.25},
        "sft": {**SFT, **sft},
    }
    return {"name": "toy-assistant", "description": "", "stages": stages}


def start(workspace: Workspace, recipe: dict[str, Any]) -> RecipeRun:
    return RecipeRun.create(workspace, recipe_from_json(recipe))


def work(run: RecipeRun, control: Control | None = None, **more: Any) -> Iterator[Event]:
    yield from run.work(control or Control(), device="cpu", threads=1, **more)


def told(run: RecipeRun, stage: str) -> list[Event]:
    folder = next(run.folder.glob(f"*-{stage}"))
    index = int(folder.name.split("-")[0]) - 1
    return list(run.stage_folder(index).all_events())
