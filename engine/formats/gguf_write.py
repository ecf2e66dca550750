"""A model as a GGUF file, which llama.cpp, Ollama and LM Studio run; and the Modelfile that Ollama wants beside it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from engine.errors import CutawayError
from engine.events import Progress
from engine.formats.gguf_layout import Part, architecture, default_query_scale, parts
from engine.formats.gguf_metadata import context_length, pairs_of
from engine.formats.gguf_vocabulary import vocabulary
from engine.model.config import ModelConfig
from engine.store.files import ensure_space, explain_os_error, fsync_path, write_atomic
from engine.tokenizer.tokenizer import END_TURN, Tokenizer

if TYPE_CHECKING:
    from gguf import GGMLQuantizationType, GGUFWriter
    from torch import Tensor

    from engine.tokenizer.chat_template import ChatTemplate

Form = Literal["f32", "f16", "bf16", "q8_0"]
FORMS: tuple[Form, ...] = ("f32", "f16", "bf16", "q8_0")
_FILE_TYPES = {"f32": 0, "f16": 1, "q8_0": 7, "bf16": 32}  # llama.h, enum llama_ftype
_BYTES = {"f32": 4.0, "f16": 2.0, "bf16": 2.0, "q8_0": 34 / 32}
_LARGEST_HALF = 65504.0
# CHATML in Go's template language: https://github.com/ollama/ollama/blob/main/docs/template.mdx
_OLLAMA = (
    "{{ range .Messages }}<|{{ .Role }}|>{{ .Content }}{{ range .ToolCalls }}<|tool_call|>"
    '{"name": "{{ .Function.Name }}", "arguments": {{ .Function.Arguments }}}{{ end }}<|end_turn|>{{ end }}'
    "<|assistant|>"
)
# llama.cpp reads these as float32 only, and they are small.
_ALWAYS_FLOAT = ("position_embd.weight",)


def write_gguf(
    path: Path,
    config: ModelConfig,
    tensors: Mapping[str, Tensor],
    tokenizer: Tokenizer,
    form: Form,
    *,
    name: str,
    licence: str = "unknown",
    chat_template: str | None = None,
) -> Iterator[Progress]:
    """Writes the file, whole or not at all, telling how many bytes stand.

    config: of a family that llama.cpp knows (`equivalent` finds one). tensors: our names. form: of the matrices;
    norms, biases and positions stay float32. Raises CutawayError for what has no place in GGUF, and for a weight that
    is no number or does not fit the form.
    """
    kind = architecture(config)
    pairs: dict[str, Any] = {"general.name": name, "general.file_type": _FILE_TYPES[form]}
    pairs |= {"general.license": licence} if licence != "unknown" else {}
    pairs |= pairs_of(config, kind) | vocabulary(tokenizer, config.vocab_size)
    if chat_template:
        pairs["tokenizer.chat_template"] = chat_template
    if form == "q8_0":
        pairs["general.quantization_version"] = 2
    entries = _entries(config, kind, tensors)
    ensure_space(path.parent, int(sum(tensor.numel() for _, _, tensor in entries) * _BYTES[form]))
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield from _write(temporary, kind, pairs, entries, form)
        fsync_path(temporary)
        os.replace(temporary, path)
        fsync_path(path.parent)
    except OSError as error:
        raise explain_os_error(error, path) from error
    finally:
        temporary.unlink(missing_ok=True)


def _entries(config: ModelConfig, kind: str, tensors: Mapping[str, Tensor]) -> list[tuple[Part, ModelConfig, Tensor]]:
    """Every tensor of the file, in the order of ours, as views: nothing is copied yet."""
    import torch

    found = []
    for name, tensor in tensors.items():
        placed = parts(name, config, kind)
        pieces = torch.split(tensor, [part.rows for part in placed]) if placed[0].rows else (tensor,)
        found += [(part, config, piece) for part, piece in zip(placed, pieces, strict=True)]
    if kind == "olmo2" and config.tie_embeddings:  # which llama.cpp does not tie
        found.append((Part("output.weight"), config, tensors["embedding.weight"]))
    factors = llama3_factors(config)
    return found if factors is None else [*found, (Part("rope_freqs.weight"), config, factors)]


def llama3_factors(config: ModelConfig) -> Tensor | None:
    """What each frequency is divided by, [head width / 2]; None where llama.cpp needs no telling."""
    scaling = config.rope_scaling
    if scaling is None or scaling.kind != "llama3":
        return None
    import torch

    frequencies = config.rope_theta ** (-torch.arange(0, config.head_dim, 2, dtype=torch.float64) / config.head_dim)
    turns = scaling.original_context * frequencies / (2 * torch.pi)
    low, high = scaling.low_frequency_factor, scaling.high_frequency_factor
    kept = ((turns - low) / (high - low)).clamp(0, 1)
    return (1 / (kept + (1 - kept) / scaling.factor)).float()


def _write(
    path: Path, kind: str, pairs: Mapping[str, Any], entries: list[tuple[Part, ModelConfig, Tensor]], form: Form
) -> Iterator[Progress]:
    import numpy as np
    from gguf import GGUFWriter

    writer = GGUFWriter(path, kind)
    for key, value in pairs.items():
        _add(writer, key, value)
    sizes = []
    for part, _, tensor in entries:
        stored, shape, count = _stored(part, tensor, form)
        dtype = np.dtype(np.uint8) if stored.name == "Q8_0" else np.dtype(np.float32)
        writer.add_tensor_info(part.name, shape, dtype, count, raw_dtype=stored)
        sizes.append(count)
    try:
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        done = 0
        for step, (part, config, tensor) in enumerate(entries):
            stored, _, count = _stored(part, tensor, form)
            writer.write_tensor_data(_as_stored(part, config, tensor, kind, stored))
            done += count
            yield Progress(step=step + 1, done=done, total=sum(sizes), unit="bytes")
    finally:
        writer.close()


def _add(writer: GGUFWriter, key: str, value: Any) -> None:
    if isinstance(value, bool):
        writer.add_bool(key, value)
    elif isinstance(value, int):
        writer.add_uint32(key, value)
    elif isinstance(value, float):
        writer.add_float32(key, value)
    elif isinstance(value, str):
        writer.add_string(key, value)
    else:
        writer.add_array(key, value)


def _stored(part: Part, tensor: Tensor, form: Form) -> tuple[GGMLQuantizationType, tuple[int, ...], int]:
    """The type, the shape as the library wants it (bytes for blocks), and the number of bytes."""
    from gguf import GGMLQuantizationType as Types

    shape = tuple(tensor.shape)
    if tensor.ndim < 2 or part.name in _ALWAYS_FLOAT or form == "f32":
        return Types.F32, shape, tensor.numel() * 4
    if form == "q8_0" and shape[-1] % 32 == 0:
        rows = (*shape[:-1], shape[-1] // 32 * 34)
        return Types.Q8_0, rows, tensor.numel() // 32 * 34
    return (Types.BF16 if form == "bf16" else Types.F16), shape, tensor.numel() * 2


def _as_stored(part: Part, config: ModelConfig, tensor: Tensor, kind: str, stored: GGMLQuantizationType) -> Any:
    """One tensor as llama.cpp computes with it, in the file's type."""
    import torch
    from gguf.quants import quantize

    data = tensor.detach().cpu().float()
    if not torch.isfinite(data).all():
        raise _unfit(part, "It holds NaN or infinity.", "Choose an earlier checkpoint.")
    if config.norm_offset and part.name.endswith("norm.weight"):
        data = data + 1
    scale = config.query_scale
    if part.query and scale is not None:
        data = data * (scale / default_query_scale(config, kind))
    if part.heads:  # rows of the two halves by turns, as llama.cpp's "normal" rotation wants them
        data = data.reshape(part.heads, 2, -1, *data.shape[1:]).transpose(1, 2).reshape(data.shape)
    if stored.name == "BF16":
        return data.to(torch.bfloat16).view(torch.int16).numpy()
    if stored.name in ("F16", "Q8_0") and data.abs().max() > _LARGEST_HALF:
        raise _unfit(part, f"It holds numbers above {_LARGEST_HALF:,.0f}.", "Choose bf16 or f32.")
    return quantize(data.contiguous().numpy(), stored)


def _unfit(part: Part, why: str, remedy: str) -> CutawayError:
    return CutawayError(f"The weights {part.name} cannot be written.", why, remedy)


def gguf_notes(config: ModelConfig, tokenizer: Tokenizer) -> list[str]:
    """What the file cannot say of the model, a sentence each."""
    notes, name = [], architecture(config)
    length = context_length(config, name)
    if length != config.context_length:
        notes.append(
            f"llama.cpp has no windows for {name}: the context ends at {length:,} tokens, where they would begin."
        )
    if any(token.left or token.right for token in tokenizer.special.values()):
        notes.append(
            "Its special tokens swallow white space beside them, which GGUF cannot say: chats may differ in it."
        )
    return notes


def write_modelfile(path: Path, gguf: str, config: ModelConfig, template: ChatTemplate | None = None) -> None:
    """`ollama create NAME -f Modelfile` reads it. gguf: the file's name beside it.

    A model without a chat template continues text, so its prompt stands as it was given. Cutaway's own template is
    said in Ollama's language, which is not Jinja; of others Ollama makes its own out of the file's.
    """
    from engine.tokenizer.chat_template import CHATML

    lines = [f"FROM ./{gguf}", f"PARAMETER num_ctx {context_length(config, architecture(config))}"]
    if template is None:
        lines.append('TEMPLATE """{{ .Prompt }}"""')
    elif template.source == CHATML:
        lines.append(f'TEMPLATE """{template.names["bos_token"]}{_OLLAMA}"""')
        lines.append(f'PARAMETER stop "{END_TURN}"')
    write_atomic(path, ("\n".join(lines) + "\n").encode())
