"""Models that are a base and a small adapter beside it: the checkpoint holds the adapter and names the base's own.
Importing this file does not import torch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from engine.errors import CutawayError
from engine.model.config import ModelConfig
from engine.model.lora_config import LoraConfig
from engine.store.files import read_json, sha256_file
from engine.store.workspace import Workspace

if TYPE_CHECKING:
    from engine.generation.loaded import LoadedModel
    from engine.model.transformer import Transformer
    from engine.store.checkpoint import Checkpoint

ADAPTER = "adapter"


def holds_adapter(checkpoint: Path) -> bool:
    return (checkpoint / f"{ADAPTER}.safetensors").is_file()


def checkpoint_hash(checkpoint: Path) -> str:
    """Of its manifest, which holds the hashes of all its files."""
    return sha256_file(checkpoint / "manifest.json")


def base_facts(workspace: Workspace, checkpoint: Path, seed: int) -> dict[str, Any]:
    """What the checkpoints of an adapter say of the checkpoint that it stands on, under "base" in their state.

    seed: with which rows for new tokens were drawn.
    """
    folder = checkpoint.resolve().relative_to(workspace.root.resolve()).as_posix()
    return {"folder": folder, "hash": checkpoint_hash(checkpoint), "seed": seed}


def base_name(loaded: LoadedModel) -> str:
    """What a person calls the base of a loaded adapter: its run and step, or its model's name; "" where nothing is
    said."""
    if loaded.folder is None:
        return ""
    parts = Path(str(read_json(loaded.folder / "state.json")["base"]["folder"])).parts
    run, step = parts[1], parts[-1]
    return run if parts[0] == "models" else f"{run}, {step}"


def base_checkpoint(workspace: Workspace, found: Checkpoint) -> Path:
    """Raises CutawayError when it is gone or is not what the adapter was trained on."""
    base = found.state.get("base")
    if not isinstance(base, dict) or not isinstance(base.get("folder"), str):
        raise _unusable(found, "Its state.json does not say which model it stands on.", "Choose another checkpoint.")
    folder = (workspace.root / str(base["folder"])).resolve()
    if not folder.is_relative_to(workspace.root.resolve()) or not (folder / "manifest.json").is_file():
        raise _unusable(
            found,
            f"It is a small adapter, and the model that it stands on, {base['folder']}, is gone.",
            "Restore that checkpoint, or fine-tune again.",
        )
    if checkpoint_hash(folder) != base.get("hash"):
        raise _unusable(
            found,
            f"It is a small adapter, and the model that it stands on, {base['folder']}, is another one now.",
            "Restore that checkpoint as it was, or fine-tune again.",
        )
    return folder


def attach_stored(base: Transformer, found: Checkpoint, config: ModelConfig) -> Transformer:
    """The base with the checkpoint's adapter, attached and on. config: of the whole, with the tokens that are new.

    Raises CutawayError when they do not fit each other.
    """
    from engine.model.growing import with_tokens
    from engine.model.lora import attach, load_lora

    tensors = found.tensors[ADAPTER]
    more = config.vocab_size - base.config.vocab_size
    if config.model_copy(update=dict.fromkeys(("vocab_size", "dropout"), 0)) != base.config.model_copy(
        update=dict.fromkeys(("vocab_size", "dropout"), 0)
    ) or more != len(tensors.get("embedding_rows", ())):
        raise _unusable(found, "The model that it stands on has another shape.", "Choose another checkpoint.")
    try:
        lora = LoraConfig.model_validate(found.state.get("lora"))
    except ValidationError as error:
        raise _unusable(
            found, "What it says of its adapter is impossible.", "Choose another checkpoint.", str(error)
        ) from error
    model = with_tokens(base, config.vocab_size, int(found.state["base"].get("seed", 0)))
    attach(model, lora, 0, more)
    load_lora(model, tensors)
    return model


def _unusable(found: Checkpoint, why: str, remedy: str, details: str = "") -> CutawayError:
    return CutawayError(f"The checkpoint {found.folder.name} cannot be used.", why, remedy, details)
