"""What `cutaway info` shows of a tokenizer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine.commands._output import say, say_json
from engine.errors import CutawayError
from engine.store.artifact import MANIFEST, open_artifact
from engine.store.workspace import FOLDERS

_SHOWN_NAMES = 8
_SHOWN_PATTERN = 100


def tokenizer_folder(root: Path, named: str) -> Path:
    """root: of the workspace. named: a folder, a file in one, or a name in the workspace.

    Raises CutawayError when it is no tokenizer of ours.
    """
    path = Path(named).expanduser()
    path = path.parent if path.is_file() else path
    for folder in (path, root / FOLDERS["tokenizer"] / named):
        if (folder / "identity.json").is_file():
            return folder
    names = sorted(found.parent.name for found in (root / FOLDERS["tokenizer"]).glob(f"[!.]*/{MANIFEST}"))
    raise CutawayError(
        f'There is no tokenizer "{named}".',
        f"It is no folder of one, and in {root} there are: {', '.join(names[:8]) or 'none yet'}.",
        "Give the name of one of these; a file from elsewhere is opened with: cutaway import FILE",
    )


def tell_tokenizer(folder: Path, *, as_json: bool) -> None:
    from engine.tokenizer.tokenizer import load_tokenizer

    tokenizer = load_tokenizer(folder)
    figures = open_artifact(folder, "tokenizer").manifest.figures if (folder / MANIFEST).is_file() else {}
    facts: dict[str, Any] = {
        "folder": str(folder),
        "kind": tokenizer.kind,
        "vocab_size": tokenizer.vocab_size,
        "hash": tokenizer.hash,
        "merges": len(tokenizer.merges),
        "bytes_per_token": figures.get("bytes_per_token"),
        "pattern": getattr(tokenizer, "pattern", None),
        "end_id": tokenizer.end_id,
        "special": tokenizer.special_ids,
    }
    if as_json:
        say_json(facts)
        return
    ratio, pattern = facts["bytes_per_token"], facts["pattern"]
    names = [f"{name} {token_id}" for name, token_id in tokenizer.special_ids.items()]
    more = f" and {len(names) - _SHOWN_NAMES} more" if len(names) > _SHOWN_NAMES else ""
    rows = {
        "Tokenizer": folder.name,
        "Kind": f"{tokenizer.kind}, {tokenizer.vocab_size:,} tokens, {len(tokenizer.merges):,} merges",
        "Text": f"{ratio} bytes per token on held-out text" if ratio else "",
        "Words": f"{pattern[:_SHOWN_PATTERN]}{'...' if len(pattern) > _SHOWN_PATTERN else ''}" if pattern else "",
        "Special": ", ".join(names[:_SHOWN_NAMES]) + more,
        "Hash": tokenizer.hash,
    }
    for name, value in rows.items():
        if value:
            say(f"{name:<10} {value}")
