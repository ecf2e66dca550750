"""A GGUF file as a model of ours. Everything is checked from the header before memory is taken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import CutawayError
from engine.formats.gguf_header import GgufHeader, read_header
from engine.formats.gguf_layout import Part, parts
from engine.formats.gguf_metadata import config_of
from engine.formats.gguf_tokenizer import tokenizer_json
from engine.formats.shapes import state_shapes
from engine.model.config import ModelConfig, RopeScaling

if TYPE_CHECKING:
    from torch import Tensor

_FACTORS = "rope_freqs.weight"
_LLAMA3 = (1.0, 4.0)


@dataclass(frozen=True)
class GgufModel:
    """A file whose tensors fit its configuration. tokenizer: content of a tokenizer.json. name, licence: as the file
    says, "unknown" where it does not. chat_template: Jinja, or None."""

    path: Path
    config: ModelConfig
    tokenizer: dict[str, Any]
    chat_template: str | None
    name: str
    licence: str
    header: GgufHeader
    places: Mapping[str, list[Part]]

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        """Our names and weights, one after another: in the file's type, blocks as float32.

        Raises CutawayError for weights that are not finite, and for a file that went away meanwhile.
        """
        import torch

        for name, placed in self.places.items():
            pieces = [self._read(part) for part in placed]
            tensor = pieces[0] if len(pieces) == 1 else torch.cat(pieces)
            if not bool(tensor.isfinite().all()):
                raise _refused(self.path, f"The weights {placed[0].name} hold values that are not numbers.")
            yield name, tensor

    def _read(self, part: Part) -> Tensor:
        from engine.formats.gguf_blocks import as_tensor

        held = self.header.tensors[part.name]
        try:
            with self.path.open("rb") as stream:
                stream.seek(held.offset)
                data = stream.read(held.bytes)
        except OSError as error:
            raise _refused(self.path, f"It could not be read: {error.strerror or error}.") from error
        if len(data) != held.bytes:
            raise _refused(self.path, "It became shorter while it was read.")
        tensor = as_tensor(data, held)
        if self.config.norm_offset and part.name.endswith("norm.weight"):
            tensor = tensor.float() - 1
        if part.heads:
            halves = tensor.reshape(part.heads, -1, 2, *tensor.shape[1:])
            tensor = halves.transpose(1, 2).reshape(tensor.shape)
        return tensor


def read_gguf(path: Path) -> GgufModel:
    """Reads the header, and no weights yet. Raises CutawayError, in one sentence each, for a file that is damaged or
    lies about itself, and for a model that Cutaway does not compute."""
    header = read_header(path)
    shapes = {name: tensor.shape for name, tensor in header.tensors.items()}
    architecture, config = config_of(header.metadata, shapes)
    if _FACTORS in header.tensors and config.positions == "rope":
        config = _with_llama3_scaling(header, architecture, config)
    tokenizer = tokenizer_json(header.metadata)
    if len(tokenizer["model"]["vocab"]) > config.vocab_size:
        raise _refused(path, "Its tokenizer has more tokens than its model.")
    return GgufModel(
        path,
        config,
        tokenizer,
        _text(header, "tokenizer.chat_template", "", longest=2**20) or None,
        _text(header, "general.name", path.stem),
        _text(header, "general.license", "unknown"),
        header,
        _places(path, config, architecture, shapes),
    )


def _text(header: GgufHeader, key: str, otherwise: str, longest: int = 200) -> str:
    value = header.metadata.get(key)
    return value if isinstance(value, str) and 0 < len(value) <= longest else otherwise


def _places(
    path: Path, config: ModelConfig, architecture: str, shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, list[Part]]:
    """Where each of our tensors lies, after all of them were found in the shapes that the configuration asks for."""
    found: dict[str, list[Part]] = {}
    used = {_FACTORS}
    for name, shape in state_shapes(config).items():
        found[name] = parts(name, config, architecture)
        for part in found[name]:
            wanted = (part.rows or shape[0], *shape[1:])
            if shapes.get(part.name) != wanted:
                why = f"has the shape {shapes[part.name]}" if part.name in shapes else "is missing"
                raise _refused(path, f"The tensor {part.name} {why}; the model needs {wanted}.")
            used.add(part.name)
    unknown = sorted(set(shapes) - used)
    if unknown:
        raise _refused(path, f"It holds {unknown[0]}, for which its model has no place.")
    return found


def _with_llama3_scaling(header: GgufHeader, architecture: str, config: ModelConfig) -> ModelConfig:
    """The file holds what each frequency is divided by; Llama 3's way follows from the largest of them."""
    import torch

    from engine.formats.gguf_blocks import as_tensor
    from engine.formats.gguf_write import llama3_factors

    held = header.tensors[_FACTORS]
    if held.shape != (config.head_dim // 2,):
        raise _refused(header.path, f"The tensor {_FACTORS} has the shape {held.shape}.")
    with header.path.open("rb") as stream:
        stream.seek(held.offset)
        factors = as_tensor(stream.read(held.bytes), held).float()
    if bool((factors == 1).all()):
        return config
    original = header.metadata.get(f"{architecture}.rope.scaling.original_context_length", 8192)
    if isinstance(original, int) and not isinstance(original, bool) and original >= 1 and factors.max() > 0:
        low, high = _LLAMA3
        scaling = RopeScaling(
            kind="llama3",
            factor=float(factors.max()),
            low_frequency_factor=low,
            high_frequency_factor=high,
            original_context=original,
        )
        config = config.model_copy(update={"rope_scaling": scaling})
        expected = llama3_factors(config)
        if expected is not None and torch.allclose(factors, expected, rtol=1e-4):
            return config
    raise _refused(header.path, "It stretches positions in a way that is not Llama 3's.")


def _refused(path: Path, why: str) -> CutawayError:
    return CutawayError(f"{path.name} cannot be opened as a model.", why, "Choose another file, or get it again.")
