"""A tokenizer that came from elsewhere, kept in the workspace."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.store.artifact import MANIFEST, making_artifact
from engine.store.workspace import Workspace

if TYPE_CHECKING:
    from engine.tokenizer.tokenizer import Tokenizer


def tokenizer_place(workspace: Workspace, tokenizer: Tokenizer, name: str) -> Path:
    """Equal tokenizers of one name have one place."""
    return workspace.artifact_folder("tokenizer", name, "import", _settings(tokenizer), {})


def keep_tokenizer(workspace: Workspace, tokenizer: Tokenizer, name: str, source: str, licence: str) -> Path:
    """Its folder below tokenizers/, where it may be already."""
    from engine.tokenizer.tokenizer import save_tokenizer

    folder = tokenizer_place(workspace, tokenizer, name)
    if not (folder / MANIFEST).is_file():
        settings = _settings(tokenizer)
        with making_artifact(folder, kind="tokenizer", stage="import", config=settings, parents={}) as draft:
            save_tokenizer(tokenizer, draft.folder)
            draft.source, draft.licence = source, licence
            draft.figures = {"kind": tokenizer.kind, "vocab_size": tokenizer.vocab_size}
    return folder


def _settings(tokenizer: Tokenizer) -> dict[str, Any]:
    """What its special tokens are for decides no text's ids, and so not its hash, but how a conversation is written."""
    names = {"names": dict(tokenizer.names)} if tokenizer.kind == "imported" else {}
    return {"hash": tokenizer.hash, **names}
