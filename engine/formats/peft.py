"""Adapters as the peft library reads them: adapter_config.json and adapter_model.safetensors, for the base as it is
written for transformers. Importing this file does not import torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.formats.equivalent import equivalent
from engine.model.config import ModelConfig
from engine.model.families import rules
from engine.model.families._rules import Rule
from engine.model.lora_config import LoraConfig, matrices
from engine.store.files import ensure_space, explain_os_error, write_json

if TYPE_CHECKING:
    from torch import Tensor

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
_PREFIX = "base_model.model."


@dataclass(frozen=True)
class _Module:
    """One of their matrices. name: such as model.layers.0.self_attn.q_proj. a: [rank, in], b: [out, rank]."""

    name: str
    a: Tensor
    b: Tensor

    @property
    def rank(self) -> int:
        return len(self.a)

    @property
    def suffix(self) -> str:
        """What all layers call it: self_attn.q_proj."""
        return ".".join(self.name.split(".")[-2:])


def write_adapter(
    folder: Path, config: ModelConfig, tensors: Mapping[str, Tensor], lora: LoraConfig, base: str = ""
) -> list[str]:
    """config: of the whole model, new tokens included. tensors: `engine.model.lora.lora_weights`. base: what the base
    is called. Returns what a person should know, a sentence each.

    Where the known family stores several of our parts as one matrix (GPT-2's c_attn), theirs is one adapter: our A
    below each other and our B in blocks, of the sum of their ranks, which is the same product. Raises CutawayError for
    a model that no family of transformers describes.
    """
    found = list(_modules(config, tensors))
    rows = {name: tensors[name] for name in ("embedding_rows", "head_rows") if name in tensors}
    said = _config(config, found, lora, rows) | {"base_model_name_or_path": base}
    named = {}
    for module in found:
        named[f"{_PREFIX}{module.name}.lora_A.weight"] = module.a
        named[f"{_PREFIX}{module.name}.lora_B.weight"] = module.b
    for name, tensor in rows.items():
        named[f"{_PREFIX}{_tokens_module(config, name)}.token_adapter.trainable_tokens_delta"] = tensor
    try:
        folder.mkdir(parents=True, exist_ok=True)
        ensure_space(folder, 4 * sum(tensor.numel() for tensor in named.values()))
        write_json(folder / CONFIG, said)
        _save(named, folder / WEIGHTS)
    except OSError as error:
        raise explain_os_error(error, folder) from error
    return _notes(config, len(rows.get("embedding_rows", ())))


def _save(tensors: Mapping[str, Tensor], path: Path) -> None:
    from safetensors.torch import save_file

    save_file({name: tensor.detach().float().cpu().contiguous() for name, tensor in tensors.items()}, path)


def _notes(config: ModelConfig, rows: int) -> list[str]:
    if not rows:
        return []
    return [
        f"It brings {rows} tokens that its base does not know: before peft loads it, call "
        f"resize_token_embeddings({config.vocab_size}) on the base."
    ]


def _modules(config: ModelConfig, tensors: Mapping[str, Tensor]) -> Iterator[_Module]:
    known = equivalent(config, {}).config
    theirs = {rule.ours: rule for rule in rules(known)}
    for layer in range(config.n_layer):
        for name in matrices(config):
            ours = f"blocks.{layer}.{name}"
            stacked = _stacked(config, tensors, ours)
            if stacked is not None:
                a, b, used = stacked
                b, used = (_as_known(config, f"{ours}.weight", rows) for rows in (b, used))
                yield from _split(theirs[f"{ours}.weight"], a, b, used)


def _stacked(config: ModelConfig, tensors: Mapping[str, Tensor], ours: str) -> tuple[Tensor, Tensor, Tensor] | None:
    """Of all parts of one matrix: A below each other [n rank, in], B in blocks [out, n rank], and where B may be other
    than 0; None where no part has an adapter."""
    import torch

    name = ours.split(".", 2)[2]
    matrix = matrices(config)[name]
    chosen = [(part, rows) for part, rows in matrix.chosen(tuple(matrix.parts)) if f"{ours}.{part}.A" in tensors]
    if not chosen:
        return None
    a = torch.cat([tensors[f"{ours}.{part}.A"].detach().float().cpu() for part, _ in chosen])
    b = torch.zeros(sum(matrix.parts.values()), len(a))
    used = torch.zeros_like(b)
    for index, (part, rows) in enumerate(chosen):
        own = tensors[f"{ours}.{part}.B"].detach().float().cpu()
        columns = slice(index * own.shape[1], (index + 1) * own.shape[1])
        b[rows, columns], used[rows, columns] = own, 1
    return a, b, used


def _as_known(config: ModelConfig, name: str, rows: Tensor) -> Tensor:
    """Rows of our matrix as the family stores them, by which B becomes what W becomes."""
    return equivalent(config, {name: rows}).tensors[name]


def _split(rule: Rule, a: Tensor, b: Tensor, used: Tensor) -> Iterator[_Module]:
    """Their matrices, each with the columns that reach its rows."""
    start = 0
    for name, shape in rule.theirs:
        rows = slice(start, start + (shape[1] if rule.transposed else shape[0]))
        start = rows.stop
        own = (used[rows] != 0).any(0)
        if bool(own.any()):
            yield _Module(name.removesuffix(".weight"), a[own], b[rows][:, own])


def _tokens_module(config: ModelConfig, name: str) -> str:
    ours = {"embedding_rows": "embedding.weight", "head_rows": "head.weight"}[name]
    return next(rule.theirs[0][0] for rule in rules(equivalent(config, {}).config) if rule.ours == ours).removesuffix(
        ".weight"
    )


def _config(config: ModelConfig, found: list[_Module], lora: LoraConfig, rows: Mapping[str, Tensor]) -> dict[str, Any]:
    everywhere = len(lora.layers_of(config)) == config.n_layer
    wider = {module.suffix: module.rank for module in found if module.rank != lora.rank}
    end = config.vocab_size
    ids = {
        _tokens_module(config, name).rsplit(".", 1)[-1]: [*range(end - len(tensor), end)]
        for name, tensor in rows.items()
    }
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "inference_mode": True,
        "r": lora.rank,
        "lora_alpha": lora.alpha,
        "lora_dropout": lora.dropout,
        "bias": "none",
        "target_modules": sorted({module.suffix if everywhere else module.name for module in found}),
        "rank_pattern": wider,
        "alpha_pattern": {name: rank * lora.scale for name, rank in wider.items()},
        "fan_in_fan_out": equivalent(config, {}).config.family == "gpt2",
        "trainable_token_indices": ids or None,
    }
