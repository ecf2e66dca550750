"""Folders as transformers writes them: config.json and safetensors. Everything is checked from the files' headers
before memory is taken, and no pickle is ever read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import CutawayError
from engine.formats.room import refuse_too_large
from engine.model.config import ModelConfig
from engine.model.families import prefix, read_config, rules, write_config
from engine.model.families._rules import Rule
from engine.store.files import ensure_space, explain_os_error, read_json, write_json

if TYPE_CHECKING:
    from torch import Tensor

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
_SHARD_BYTES = 4 * 10**9
_FLOATS = ("F32", "F16", "BF16", "F64")
# Tables that old versions stored beside the weights, and that follow from the configuration.
_FOLLOWS = re.compile(r".*(rotary_emb\.inv_freq|\.attn\.bias|\.attn\.masked_bias)$")


@dataclass(frozen=True)
class HuggingFaceModel:
    """A folder whose names and shapes fit its configuration. files: where each of their tensors lies."""

    folder: Path
    config: ModelConfig
    files: dict[str, Path]

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        """Our names and weights in the type of the file, one after another. Raises CutawayError for weights that are
        not finite."""
        for rule in rules(self.config):
            tensor = rule.to_ours(self._read)
            if not bool(tensor.isfinite().all()):
                raise _refused(self.folder, f"The weights {rule.theirs[0][0]} hold values that are not numbers.")
            yield rule.ours, tensor

    def _read(self, name: str) -> Tensor:
        from safetensors import safe_open

        found = _found(name, self.config, self.files)
        with safe_open(self.files[found], framework="pt") as file:
            tensor: Tensor = file.get_tensor(found)
        return tensor


def read_model(folder: Path) -> HuggingFaceModel:
    """Reads config.json and the headers of the weights, and no weights yet. Raises CutawayError for what is missing,
    of another shape, or not supported."""
    config = read_config(_table(folder / CONFIG))
    refuse_too_large(folder.name, config)  # before the files, which are mapped into memory to be looked at
    files = _locate(folder)
    shapes = _shapes(folder, files)
    used = {_checked(rule_name, shape, config, files, shapes, folder) for rule_name, shape in _theirs(config)}
    tied = {"lm_head.weight"} if config.tie_embeddings else set()
    unknown = sorted(name for name in set(files) - used - tied if not _FOLLOWS.fullmatch(name))
    if unknown:
        raise _refused(folder, f"Its weights hold {unknown[0]}, for which its configuration has no place.")
    return HuggingFaceModel(folder, config, files)


def _table(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise _refused(path.parent, f"It holds no {path.name}.")
    value = read_json(path)
    if not isinstance(value, dict):
        raise _refused(path.parent, f"Its {path.name} is no table.")
    return value


def _theirs(config: ModelConfig) -> Iterator[tuple[str, tuple[int, ...]]]:
    for rule in rules(config):
        yield from rule.theirs


def _found(name: str, config: ModelConfig, files: Mapping[str, Path]) -> str:
    """The name as the file has it: older ones leave out the prefix."""
    return name if name in files else name.removeprefix(prefix(config))


def _checked(
    name: str,
    shape: tuple[int, ...],
    config: ModelConfig,
    files: Mapping[str, Path],
    shapes: Mapping[str, tuple[int, ...]],
    folder: Path,
) -> str:
    found = _found(name, config, files)
    if found not in shapes:
        raise _refused(folder, f"The weights {name} are missing.")
    if shapes[found] != shape:
        raise _refused(
            folder, f"The weights {name} have the shape {shapes[found]}, and its config.json asks for {shape}."
        )
    return found


def _locate(folder: Path) -> dict[str, Path]:
    """Which file holds which tensor."""
    if (folder / INDEX).is_file():
        table = _table(folder / INDEX).get("weight_map")
        if not isinstance(table, dict) or not all(isinstance(name, str) for name in table.values()):
            raise _refused(folder, f"Its {INDEX} does not say which file holds what.")
        for name in sorted(set(table.values())):
            if Path(name).name != name or not (folder / name).is_file():
                raise _refused(folder, f"Its {INDEX} names {name}, which is not there.")
        return {tensor: folder / name for tensor, name in table.items()}
    if (folder / WEIGHTS).is_file():
        return dict.fromkeys(_names(folder / WEIGHTS), folder / WEIGHTS)
    pickles = [path.name for path in sorted(folder.glob("*")) if path.suffix in (".bin", ".pt", ".pth", ".ckpt")]
    if pickles:
        raise CutawayError(
            f"{folder.name} cannot be opened.",
            f"Its weights are a pickle ({pickles[0]}), and a pickle can run any program when it is read.",
            "Ask for the model as safetensors; most are published so as well.",
        )
    raise _refused(folder, f"It holds no {WEIGHTS}.")


def _names(path: Path) -> list[str]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            return list(file.keys())
    except (SafetensorError, OSError) as error:
        raise _refused(path.parent, f"Its {path.name} is damaged or no safetensors file.", str(error)) from error


def _shapes(folder: Path, files: Mapping[str, Path]) -> dict[str, tuple[int, ...]]:
    from safetensors import SafetensorError, safe_open

    shapes: dict[str, tuple[int, ...]] = {}
    for path in sorted(set(files.values())):
        try:
            with safe_open(path, framework="pt") as file:
                for name in (name for name, place in files.items() if place == path):
                    part = file.get_slice(name)
                    shapes[name] = tuple(part.get_shape())
                    if part.get_dtype() not in _FLOATS:
                        raise _refused(
                            folder, f"The weights {name} are stored as {part.get_dtype()}, in quantised form."
                        )
        except (SafetensorError, OSError) as error:
            raise _refused(folder, f"Its {path.name} is damaged or incomplete.", str(error)) from error
    return shapes


def write_model(
    folder: Path, config: ModelConfig, tensors: Mapping[str, Tensor], generation: Mapping[str, Any] | None = None
) -> None:
    """config.json, generation_config.json and weights in float32, as from_pretrained reads them; cut into files of at
    most 4 GB. tensors: by our names. generation: content of generation_config.json, for example what ends a text.

    Raises CutawayError for a model that no family of transformers describes.
    """
    raw = write_config(config)
    shards = _shards(config)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        ensure_space(folder, sum(size for shard in shards for _, size in shard))
        write_json(folder / CONFIG, raw)
        write_json(folder / "generation_config.json", dict(generation or {"_from_model_config": True}))
        _write_weights(folder, [[rule for rule, _ in shard] for shard in shards], tensors)
    except OSError as error:
        raise explain_os_error(error, folder) from error


def _shards(config: ModelConfig) -> list[list[tuple[Rule, int]]]:
    shards: list[list[tuple[Rule, int]]] = [[]]
    for rule in rules(config):
        size = 4 * sum(_count(shape) for _, shape in rule.theirs)
        if shards[-1] and sum(own for _, own in shards[-1]) + size > _SHARD_BYTES:
            shards.append([])
        shards[-1].append((rule, size))
    return shards


def _count(shape: tuple[int, ...]) -> int:
    product = 1
    for size in shape:
        product *= size
    return product


def _write_weights(folder: Path, shards: list[list[Rule]], tensors: Mapping[str, Tensor]) -> None:
    from safetensors.torch import save_file

    places: dict[str, str] = {}
    for number, shard in enumerate(shards, 1):
        name = WEIGHTS if len(shards) == 1 else f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        parts = {}
        for rule in shard:
            for theirs, part in rule.to_theirs(tensors[rule.ours].detach().float().cpu()):
                parts[theirs], places[theirs] = part.contiguous(), name
        save_file(parts, folder / name, {"format": "pt"})
    if len(shards) > 1:
        (folder / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": places}, indent=1), encoding="utf-8")


def _refused(folder: Path, why: str, details: str = "") -> CutawayError:
    return CutawayError(
        f"{folder.name} cannot be opened as a model.", why, "Choose another model, or get its files again.", details
    )
