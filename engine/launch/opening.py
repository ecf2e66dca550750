"""A model that came from elsewhere, kept in the workspace as one of ours: from a folder as transformers writes it, a
GGUF file, or the Hugging Face Hub. A generator, so that a window can watch and stop it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from engine.errors import CutawayError
from engine.events import Progress
from engine.formats.bundle import SUMS, read_bundle
from engine.formats.foreign_tokenizer import read_gguf_tokenizer, read_tokenizer
from engine.formats.room import refuse_too_large
from engine.launch.hub import download, is_hub_name
from engine.launch.kept_tokenizer import keep_tokenizer
from engine.model.config import ModelConfig
from engine.store.artifact import MANIFEST, making_artifact, open_artifact
from engine.store.files import read_json, sha256_file, sha256_json
from engine.store.workspace import Workspace, slug

if TYPE_CHECKING:
    from torch import Tensor

    from engine.tokenizer.tokenizer import Tokenizer


class _Weights(Protocol):
    @property
    def config(self) -> ModelConfig: ...

    def tensors(self) -> Iterator[tuple[str, Tensor]]: ...


@dataclass(frozen=True)
class Opened:
    """folder: below the workspace's models/, which `load_model` takes. reused: it was there already."""

    folder: Path
    name: str
    config: ModelConfig
    reused: bool = False


class _Tokenizer(Protocol):
    @property
    def chat_template(self) -> str | None: ...

    def build(self) -> Tokenizer: ...


@dataclass(frozen=True)
class _Own:
    """A tokenizer of ours, from a bundle."""

    tokenizer: Tokenizer
    chat_template: str | None = None

    def build(self) -> Tokenizer:
        return self.tokenizer


@dataclass(frozen=True)
class _Found:
    """generation: content of generation_config.json. files: what identifies it, by content."""

    name: str
    weights: _Weights
    tokenizer: _Tokenizer
    files: tuple[Path, ...]
    licence: str = "unknown"
    generation: Mapping[str, Any] = field(default_factory=dict)


def open_model(workspace: Workspace, source: str, name: str = "") -> Iterator[Progress | Opened]:
    """source: a folder as transformers writes it, a bundle, a .gguf file, or a name on the Hub such as
    "HuggingFaceTB/SmolLM2-135M".

    Tells how far it is and ends with Opened. Raises CutawayError for what cannot be read, before memory is taken.
    """
    path = Path(source).expanduser()
    if not path.exists() and is_hub_name(source):
        name = name or source.split("/")[1]
        for item in download(source):
            if isinstance(item, Path):
                path = item
            else:
                yield item
    yield from _keep(workspace, _find(path, name), source)


def _find(path: Path, name: str) -> _Found:
    if path.is_file() and path.suffix.lower() == ".gguf":
        return _find_gguf(path, name)
    if path.is_file():  # somebody chose a file of the folder
        path = path.parent
    if not path.is_dir():
        raise CutawayError(
            f"There is no model {path}.",
            "It is no folder, no .gguf file and no name on the Hub.",
            "Give a folder with config.json and model.safetensors, or a name such as HuggingFaceTB/SmolLM2-135M.",
        )
    if (path / SUMS).is_file():
        return _find_bundle(path, name)
    from engine.formats.huggingface import CONFIG, read_model

    found = read_model(path)
    generation = path / "generation_config.json"
    settings = read_json(generation) if generation.is_file() else {}
    settings = settings if isinstance(settings, dict) else {}
    tokenizer = read_tokenizer(path, found.config.vocab_size, settings)
    files = (path / CONFIG, path / "tokenizer.json", *sorted(set(found.files.values())))
    return _Found(name or path.resolve().name, found, tokenizer, files, generation=settings)


def _find_gguf(path: Path, name: str) -> _Found:
    from engine.formats.gguf_read import read_gguf

    model = read_gguf(path)
    refuse_too_large(path.name, model.config)
    tokenizer = read_gguf_tokenizer(
        model.tokenizer, model.header.metadata, model.config.vocab_size, model.chat_template
    )
    return _Found(name or path.stem, model, tokenizer, (path,), model.licence)


def _find_bundle(path: Path, name: str) -> _Found:
    bundle = read_bundle(path)
    refuse_too_large(bundle.name, bundle.config)
    licence = str(bundle.lineage.get("licence", "unknown"))
    tokenizer = _Own(bundle.tokenizer, bundle.chat_template)
    return _Found(name or bundle.name, bundle, tokenizer, (path / SUMS,), licence, bundle.generation)


def _keep(workspace: Workspace, found: _Found, source: str) -> Iterator[Progress | Opened]:
    config = found.weights.config
    hashes = {}
    for number, path in enumerate(found.files):
        yield Progress(done=number, total=len(found.files), unit="files", message="Reading")
        hashes[path.name] = sha256_file(path)
    key = sha256_json({"files": hashes, "name": found.name})
    folder = workspace.models / f"{slug(found.name)}-{key[:10]}"
    if (folder / MANIFEST).is_file():
        open_artifact(folder, "model")
        yield Opened(folder, found.name, config, reused=True)
        return
    tokenizer = found.tokenizer.build()
    tokenizer_folder = keep_tokenizer(workspace, tokenizer, found.name, found.name, found.licence)
    tensors: dict[str, Tensor] = {}
    total, done = config.parameters(), 0
    for our_name, tensor in found.weights.tensors():
        tensors[our_name] = tensor
        done += tensor.numel()
        yield Progress(done=done, total=total, unit="weights", message="Reading")
    settings = {"files": hashes, "family": config.family}
    parents = {"tokenizer": tokenizer.hash}
    with making_artifact(folder, kind="model", stage="import", config=settings, parents=parents) as draft:
        draft.source, draft.licence = source, found.licence
        draft.figures = {"parameters": total, "vocab_size": config.vocab_size, "context_length": config.context_length}
        state = {
            "step": 0,
            "model": config.model_dump(),
            "tokenizer": tokenizer_folder.relative_to(workspace.root).as_posix(),
            "tokenizer_hash": tokenizer.hash,
            "chat_template": found.tokenizer.chat_template,
            "generation": dict(found.generation),
        }
        yield Progress(done=total, total=total, unit="weights", message="Writing")
        from engine.store.checkpoint import save_checkpoint

        save_checkpoint(draft.folder / "checkpoints", 0, {"model": tensors}, state)
    yield Opened(folder, found.name, config)


def describe(opened: Opened) -> dict[str, Any]:
    """For one line of JSON."""
    facts = {"folder": str(opened.folder), "name": opened.name, "reused": opened.reused}
    return {**facts, "parameters": opened.config.parameters(), "model": asdict(opened)["config"].model_dump()}
