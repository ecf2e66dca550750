"""A model that can be asked, from any folder that holds one. Importing this file does not import torch."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from engine.errors import CutawayError
from engine.generation.adapted import ADAPTER, attach_stored, base_checkpoint, holds_adapter
from engine.model.config import ModelConfig
from engine.store.files import read_json
from engine.store.workspace import Workspace

if TYPE_CHECKING:
    from engine.model.packed import PackedTransformer
    from engine.model.transformer import Transformer
    from engine.store.checkpoint import Checkpoint
    from engine.tokenizer.tokenizer import Tokenizer

BEST = "best.json"
WEIGHTS = ("float32", "bfloat16", "int8")
_STAGE_FOLDER = re.compile(r"(\d+)-.+")


@dataclass
class LoadedModel:
    """device: "cpu", "cuda", "mps". dtype: in which it computes. label: for a person. step: the optimizer step it
    stands at. note: a sentence when it is not quite what was asked for, as when the newest checkpoint is damaged.
    chat_template, generation: Jinja and the content of generation_config.json, of a model that came with them.
    fixed: its weights no longer change, so that they can be packed for writing, in `dtype`. folder: of the checkpoint
    that it was read from.
    adapter: whether it is a base with an adapter attached, which `engine.model.lora.set_enabled` switches live: a reply
    that is being written with packed weights ends as it began, the next one is written by the other."""

    model: Transformer
    tokenizer: Tokenizer
    device: str
    dtype: str
    label: str
    step: int
    note: str = ""
    chat_template: str | None = None
    generation: dict[str, Any] = field(default_factory=dict)
    fixed: bool = False
    folder: Path | None = None
    adapter: bool = False
    _packed: dict[bool, PackedTransformer] = field(default_factory=dict, init=False, repr=False, compare=False)

    def packed(self) -> PackedTransformer | None:
        """The same model packed for writing, made when it is first asked for; `model` keeps its weights as well. One
        with the adapter and one without, as it is switched.

        None where the plain model writes: on a GPU, in training, when memory for a second copy is missing, or with a
        configuration that the packed model does not know.
        """
        if not self.fixed or self.device != "cpu":
            return None
        from engine.model.lora import is_enabled
        from engine.model.packed import PackedTransformer, supports

        enabled = is_enabled(self.model)
        if enabled not in self._packed and supports(self.model.config) and _has_room(self.model.config, self.dtype):
            self._packed[enabled] = PackedTransformer(self.model, self.dtype)  # type: ignore[arg-type]
        return self._packed.get(enabled)


def load_model(
    workspace: Workspace,
    run_folder: Path,
    checkpoint: str | None = None,
    device: str = "auto",
    weights: str = "float32",
) -> LoadedModel:
    """Loads the newest checkpoint that verifies, or the one named, for example "step-000500"; of a finished fine-tuning
    the best one.

    run_folder: a recipe's run, a stage's run, an imported model, or a checkpoint folder itself.
    weights: one of WEIGHTS, with which it writes on a CPU; others than float32 are read faster.
    Raises CutawayError when there is none, when it is damaged, or when its tokenizer is gone.
    """
    root, name = _checkpoints_of(run_folder)
    found, note = _read(root, checkpoint or name or _best(root))
    from engine.device import choose_device

    target = choose_device(device)
    if target.type != "cpu" and weights != "float32":
        note = f"{note} {weights} weights are for writing on a CPU; on {target} they stay in float32.".strip()
        weights = "float32"
    tokenizer = _tokenizer_of(workspace, found)
    model = _build(workspace, found).to(target).eval()
    return LoadedModel(
        model,
        tokenizer,
        str(target),
        weights,
        _label(root, found),
        found.step,
        note,
        found.state.get("chat_template"),
        found.state.get("generation") or {},
        fixed=True,
        folder=found.folder,
        adapter=ADAPTER in found.tensors,
    )


def _label(root: Path, found: Checkpoint) -> str:
    """A run's name and step; an imported model has no steps."""
    imported = (root.parent / "manifest.json").is_file()
    return root.parent.name if imported else f"{root.parents[1].name}, step {found.step:,}"


def _has_room(config: ModelConfig, weights: str) -> bool:
    """For a packed copy beside the weights. Fewer bits were asked for by a person, float32 was not."""
    import psutil

    return weights != "float32" or psutil.virtual_memory().available > 6 * config.matrix_parameters()


def _checkpoints_of(folder: Path) -> tuple[Path, str | None]:
    """The `checkpoints` folder that is meant, and the checkpoint's name when the path names one."""
    if folder.parent.name == "checkpoints":
        return folder.parent, folder.name
    if (folder / "checkpoints").is_dir():
        return folder / "checkpoints", None
    stages = [path for path in folder.glob("*-*") if _STAGE_FOLDER.fullmatch(path.name)]
    for stage in sorted(stages, key=lambda path: int(path.name.split("-")[0]), reverse=True):
        if (stage / "checkpoints").is_dir():
            return stage / "checkpoints", None
    if not folder.is_dir():
        raise CutawayError(f"There is no run {folder}.", "No such folder exists.", "Check the name, or choose another.")
    raise CutawayError(
        f"{folder.name} holds no model yet.",
        "No stage of it has saved a checkpoint.",
        "Wait until Pretrain has saved one, or choose another run.",
    )


def _best(root: Path) -> str | None:
    """The one that a fine-tuning found to be its best; None where nothing says so, or where it is gone."""
    told = root.parent / BEST
    name = str(read_json(told).get("checkpoint")) if told.is_file() else None
    return name if name is not None and (root / name / "manifest.json").is_file() else None


def _read(root: Path, name: str | None) -> tuple[Checkpoint, str]:
    """The checkpoint, and a sentence when newer ones had to be passed over."""
    from engine.store.checkpoint import list_checkpoints

    if name is not None:
        if Path(name).name != name or not (root / name).is_dir():
            names = ", ".join(path.name for path in list_checkpoints(root)) or "none"
            raise CutawayError(f"There is no checkpoint {name}.", f"The run has: {names}.", "Choose one of these.")
        return _load(root / name), ""
    first_error: CutawayError | None = None
    # By name as well as by manifest: one that was cut short is not listed, and still must be mentioned.
    newest = max((path.name for path in root.glob("step-*")), default="")
    for folder in reversed(list_checkpoints(root)):
        try:
            found = _load(folder)
        except CutawayError as error:
            first_error = first_error or error
            continue
        note = "" if folder.name == newest else f"{newest} is damaged, so this is {folder.name}."
        return found, note
    raise first_error or CutawayError(
        f"{root.parents[1].name} holds no checkpoint that can be read.",
        f"{newest} is incomplete." if newest else "None was saved before the run ended.",
        "Resume the run, or choose another.",
    )


def _load(folder: Path) -> Checkpoint:
    """Its whole weights, or its adapter."""
    from engine.store.checkpoint import load_checkpoint

    return load_checkpoint(folder, (ADAPTER,) if holds_adapter(folder) else ("model",))


def _tokenizer_of(workspace: Workspace, found: Checkpoint) -> Tokenizer:
    from engine.tokenizer.tokenizer import load_tokenizer

    folder = (workspace.root / str(_state(found, "tokenizer"))).resolve()
    if not folder.is_relative_to(workspace.root.resolve()) or not folder.is_dir():
        raise CutawayError(
            f"The tokenizer of {found.folder.name} is gone.",
            f"{folder} is no folder of this workspace.",
            "Restore the tokenizer's folder, or train the tokenizer again with the same settings.",
        )
    tokenizer = load_tokenizer(folder)
    if tokenizer.hash != _state(found, "tokenizer_hash"):
        raise CutawayError(
            f"The tokenizer of {found.folder.name} is another one now.",
            f"{folder.name} does not have the content that the model was trained with.",
            "Restore the tokenizer's folder, or train the model again.",
        )
    return tokenizer


def _build(workspace: Workspace, found: Checkpoint) -> Transformer:
    """The model with its weights, and with its adapter. Nothing is allocated that the files do not pay for."""
    config = _config(found)
    if ADAPTER not in found.tensors:
        return _whole(found, config)
    from engine.model.lora import bake

    base = _build(workspace, _load(base_checkpoint(workspace, found)))
    bake(base)  # which may have been tuned with an adapter itself
    return attach_stored(base, found, config)


def _config(found: Checkpoint) -> ModelConfig:
    try:
        return ModelConfig.model_validate(_state(found, "model"))
    except ValidationError as error:
        raise _foreign(found, "Its model configuration has impossible values.", str(error)) from error


def _whole(found: Checkpoint, config: ModelConfig) -> Transformer:
    from engine.model.transformer import Transformer
    from engine.model.weights import load_weights

    tensors = found.tensors["model"]
    if config.parameters() != sum(tensor.numel() for tensor in tensors.values()):
        raise _foreign(found, "Its configuration and its weights are of different sizes.")
    model = Transformer.empty(config)  # draws no random numbers, which a training run in this process would notice
    load_weights(model, tensors)
    return model


def _state(found: Checkpoint, key: str) -> Any:
    if not isinstance(found.state, dict) or key not in found.state:
        raise _foreign(found, f'Its state.json does not say "{key}".')
    return found.state[key]


def _foreign(found: Checkpoint, why: str, details: str = "") -> CutawayError:
    return CutawayError(
        f"The checkpoint {found.folder.name} cannot be used.", why, "Choose another checkpoint.", details
    )
