"""LoRA (Hu et al. 2021): small additions beside frozen matrices, that learn instead of them.

A merged model keeps the weights that it had, so that `unmerge` gives them back bit for bit: taking the same product
away again would leave another rounding each time, and the base would no longer be the one that the adapter names.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from engine.errors import CutawayError
from engine.model.lora_config import LoraConfig, matrices
from engine.model.lora_modules import GrownEmbedding, GrownHead, LoraLinear
from engine.model.transformer import Transformer

_OWN = (".lora_a", ".lora_b", ".tail")


def attach(model: Transformer, config: LoraConfig, seed: int, embedding_rows: int = 0) -> None:
    """Freezes the model and adds what learns: A and B for the chosen parts, and the last `embedding_rows` rows of the
    embedding (and of the head where it is another matrix), for tokens that the base does not know. In the type of the
    weights. What the model says stays exactly the same.

    Raises CutawayError when nothing of the model is chosen, and ValueError when an adapter is attached already.
    """
    if is_attached(model):
        raise ValueError("an adapter is attached already")
    chosen = [(layer, name) for layer in config.layers_of(model.config) for name in _chosen(model, config)]
    if not chosen:
        raise CutawayError(
            "The adapter would change nothing.",
            f"The model has {model.config.n_layer} layers, and none of them has a chosen part "
            f"({', '.join(config.parts)}; layers {config.layers or 'all'}).",
            "Choose other parts or layers.",
        )
    model.requires_grad_(False)
    model.adapter = config
    random = torch.Generator().manual_seed(seed)
    known = matrices(model.config)
    for layer, name in chosen:
        parent, child = _place(model, layer, name)
        parts = known[name].chosen(config.parts)
        linear = LoraLinear(getattr(parent, child), parts, config.rank, config.scale, config.dropout)
        setattr(parent, child, linear.initialise(random).train(parent.training))
    if embedding_rows:
        model.embedding = GrownEmbedding(model.embedding, embedding_rows)
        tail = model.embedding.tail if model.config.tie_embeddings else None
        model.head = GrownHead(model.head, embedding_rows, tail)


def detach(model: Transformer) -> None:
    """The base again, as it was, and all of it learns."""
    unmerge(model)
    for layer in range(model.config.n_layer):
        for name in matrices(model.config):
            parent, child = _place(model, layer, name)
            if isinstance(getattr(parent, child), LoraLinear):
                setattr(parent, child, _plain(getattr(parent, child)))
    if isinstance(model.embedding, GrownEmbedding):
        embedding = nn.Embedding(model.config.vocab_size, model.config.d_model, device="meta")
        embedding.weight = model.embedding.weight
        model.embedding, model.head = embedding, _plain(model.head)
    model.adapter = None
    model.requires_grad_(True)


def _plain(source: nn.Linear) -> nn.Linear:
    linear = nn.Linear(source.in_features, source.out_features, bias=source.bias is not None, device="meta")
    linear.weight, linear.bias = source.weight, source.bias
    return linear


def _chosen(model: Transformer, config: LoraConfig) -> list[str]:
    return [name for name, matrix in matrices(model.config).items() if matrix.chosen(config.parts)]


def _place(model: Transformer, layer: int, name: str) -> tuple[nn.Module, str]:
    parent, child = name.split(".")
    return getattr(model.blocks[layer], parent), child


def _linears(model: Transformer) -> Iterator[tuple[str, LoraLinear]]:
    return ((name, module) for name, module in model.named_modules() if isinstance(module, LoraLinear))


def _grown(model: Transformer) -> list[GrownEmbedding | GrownHead]:
    return [module for module in (model.embedding, model.head) if isinstance(module, (GrownEmbedding, GrownHead))]


def is_attached(model: Transformer) -> bool:
    return model.adapter is not None


def is_adapter(name: str) -> bool:
    """Whether a name of `state_dict` or `named_parameters` is an adapter's."""
    return name.endswith(_OWN)


def set_enabled(model: Transformer, enabled: bool) -> None:
    """Switches the adapter on or off from the next forward pass on; a merged one is taken out first. Nothing happens
    without one."""
    if not enabled:
        unmerge(model)
    for _, linear in _linears(model):
        linear.enabled = enabled
    for module in _grown(model):
        module.enabled = enabled


def is_enabled(model: Transformer) -> bool:
    return any(linear.enabled for _, linear in _linears(model))


def is_merged(model: Transformer) -> bool:
    return any(linear.kept is not None for _, linear in _linears(model))


@torch.no_grad()
def merge(model: Transformer) -> None:
    """Puts the additions into the weights, also those of a switched off adapter, which is on then. The weights that
    were there are kept beside them: as much memory again as the changed matrices take."""
    set_enabled(model, True)
    for _, linear in _linears(model):
        if linear.kept is None:
            whole, linear.kept = linear.whole(), linear.weight.detach().clone()
            linear.weight.copy_(whole)


@torch.no_grad()
def unmerge(model: Transformer) -> None:
    """The inverse of `merge`, bit for bit. Nothing happens to a model that is not merged."""
    for _, linear in _linears(model):
        if linear.kept is not None:
            linear.weight.copy_(linear.kept)
            linear.kept = None


@torch.no_grad()
def bake(model: Transformer) -> None:
    """Merges for good: the model is a plain one then, whose weights hold what the adapter learned, and all of them
    learn. Nothing happens without an adapter."""
    merge(model)
    for _, linear in _linears(model):
        linear.kept = None
    for module in _grown(model):
        module.weight[-len(module.tail) :] = module.tail
    detach(model)


def lora_weights(model: Transformer) -> dict[str, Tensor]:
    """What learned, by name: "blocks.0.attention.qkv.query.A" [rank, in] and ".B" [out, rank]; "embedding_rows" and
    "head_rows" [k, D] where new tokens learned. Views: what is written into them is in the model."""
    found = {}
    for name, linear in _linears(model):
        for part, (a, b) in linear.pieces().items():
            found[f"{name}.{part}.A"], found[f"{name}.{part}.B"] = a.detach(), b.detach()
    if isinstance(model.embedding, GrownEmbedding):
        found["embedding_rows"] = model.embedding.tail.detach()
    if isinstance(model.head, GrownHead) and not model.config.tie_embeddings:
        found["head_rows"] = model.head.tail.detach()
    return found


def load_lora(model: Transformer, tensors: dict[str, Tensor]) -> None:
    """The inverse of `lora_weights`, into a model with an adapter of the same shape. Raises CutawayError when a tensor
    is missing, unknown or of another shape."""
    own = lora_weights(model)
    wrong = sorted(set(own) ^ set(tensors)) or [name for name in own if own[name].shape != tensors[name].shape]
    if wrong:
        raise CutawayError(
            "The adapter does not fit the model.",
            f"{wrong[0]} is missing, unknown or of another shape.",
            "Use the model and the settings that it was trained with.",
        )
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(tensors[name])


def adapter_probe(model: Transformer) -> Tensor | None:
    """Numbers that are others once the adapter has learned or was switched, for whoever keeps what the model said;
    None without an adapter."""
    linears = [linear for _, linear in _linears(model)]
    if not linears:
        return None
    b = linears[-1].lora_b.detach()
    return torch.cat((b.flatten(), b.new_tensor([linears[-1].enabled])))


def active_weight(module: nn.Linear | nn.Embedding) -> Tensor:
    """The weight that the module computes with now: its own, or with the adapter that is on, in memory of its own."""
    if isinstance(module, LoraLinear) and module.enabled:
        return module.weight.detach() if module.kept is not None else module.whole()
    if isinstance(module, (GrownEmbedding, GrownHead)) and module.enabled:
        return module.whole().detach()
    return module.weight.detach()
