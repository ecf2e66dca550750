"""A toy model with a chat template, kept in a workspace as an imported one is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine.model.transformer import Transformer
from engine.model.weights import weights
from engine.store.artifact import making_artifact
from engine.store.checkpoint import save_checkpoint
from engine.store.workspace import Workspace
from engine.tokenizer.tokenizer import Tokenizer, save_tokenizer


def keep_model(
    workspace: Workspace,
    name: str,
    model: Transformer,
    tokenizer: Tokenizer,
    template: str | None,
    generation: dict[str, Any] | None = None,
) -> Path:
    """The folder below models/."""
    folder = workspace.root / "tokenizers" / tokenizer.hash[:12]
    if not folder.exists():
        with making_artifact(folder, kind="tokenizer", stage="import", config={}, parents={}) as draft:
            save_tokenizer(tokenizer, draft.folder)
    state = {
        "model": model.config.model_dump(),
        "tokenizer": folder.relative_to(workspace.root).as_posix(),
        "tokenizer_hash": tokenizer.hash,
        "chat_template": template,
        "generation": generation or {},
    }
    with making_artifact(workspace.models / name, kind="model", stage="import", config={}, parents={}) as draft:
        save_checkpoint(draft.folder / "checkpoints", 0, {"model": weights(model)}, state)
    return workspace.models / name
