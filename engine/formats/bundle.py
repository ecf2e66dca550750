"""A bundle: a model with everything that the Open Source AI Definition asks for, in one folder.

    README.md            the model card
    model/               parameters: config.json, model.safetensors, tokenizer.json, identity.json; of a model that
                         holds conversations chat_template.jinja
    data.json            data information: corpora and what was made of them, with sources, licences and hashes
    lineage.json         run, recipe, figures, parents; what is unknown
    code/                the engine that trained it, its licence, and the versions that it stood on
    SHA256SUMS           of every file above, as `sha256sum -c` reads them

Nothing in it holds the day of the export: two bundles of one model are equal, byte for byte.
"""

from __future__ import annotations

import importlib.metadata
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

import engine
from engine import __version__
from engine.errors import CutawayError
from engine.formats.model_card import model_card
from engine.formats.shapes import state_shapes
from engine.model.config import ModelConfig
from engine.store.files import ensure_space, read_json, sha256_file, write_atomic, write_json
from engine.tokenizer.tokenizer import Tokenizer, load_tokenizer, save_tokenizer

if TYPE_CHECKING:
    from torch import Tensor

SUMS = "SHA256SUMS"
TEMPLATE = "chat_template.jinja"
GENERATION = "generation_config.json"
_WEIGHTS = "model.safetensors"
_PACKAGES = ("torch", "numpy", "tokenizers", "safetensors", "pydantic")
_ROOT = Path(engine.__file__).parent.parent


def write_bundle(
    folder: Path,
    name: str,
    config: ModelConfig,
    tensors: Mapping[str, Tensor],
    tokenizer: Tokenizer,
    lineage: dict[str, Any],
    extras: Mapping[str, str | dict[str, Any] | None] | None = None,
) -> None:
    """Into an existing, empty folder. tensors: our names, in the type in which they shall be stored. extras: by file
    name, what else came with the model; empty ones are left out."""
    import safetensors.torch

    ensure_space(folder, sum(tensor.numel() * tensor.element_size() for tensor in tensors.values()))
    model = folder / "model"
    model.mkdir()
    write_json(model / "config.json", {"model_type": "cutaway", **config.model_dump(mode="json")})
    contiguous = {key: tensors[key].contiguous() for key in sorted(tensors)}
    safetensors.torch.save_file(contiguous, model / _WEIGHTS, {"format": "pt"})
    save_tokenizer(tokenizer, model)
    for file, extra in (extras or {}).items():
        if isinstance(extra, str):
            write_atomic(model / file, extra.encode())
        elif extra:
            write_json(model / file, extra)
    lineage = {**lineage, "unknown": [*lineage["unknown"], *_write_code(folder / "code")]}
    write_json(folder / "data.json", _data(lineage))
    write_json(folder / "lineage.json", {"format": 1, "name": name, **lineage})
    more = {"Open Source AI Definition 1.0": _definition(lineage)}
    write_atomic(folder / "README.md", model_card(name, config, lineage, [], more).encode())
    write_sums(folder)


@dataclass(frozen=True)
class BundleModel:
    """What a bundle holds. lineage: as `lineage.json` says. chat_template: Jinja, or None. generation: content of
    generation_config.json."""

    folder: Path
    name: str
    config: ModelConfig
    tokenizer: Tokenizer
    lineage: dict[str, Any]
    chat_template: str | None = None
    generation: Mapping[str, Any] = field(default_factory=dict)

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        """Our names and weights in float32, one after another."""
        from safetensors import safe_open

        with safe_open(self.folder / "model" / _WEIGHTS, framework="pt") as file:
            for name in state_shapes(self.config):
                yield name, file.get_tensor(name).float()


def read_bundle(folder: Path) -> BundleModel:
    """Verifies every file, and reads no weights yet. Raises CutawayError for one that is missing or was changed, and
    for weights that do not fit the configuration."""
    _verify(folder)
    lineage, raw = read_json(folder / "lineage.json"), read_json(folder / "model" / "config.json")
    try:
        if raw.pop("model_type") != "cutaway":
            raise _refused(folder, "Its config.json is of another program.")
        config = ModelConfig.model_validate(raw)
    except (AttributeError, KeyError, ValidationError) as error:
        raise _refused(folder, "Its config.json makes no model.", str(error)) from error
    tokenizer = load_tokenizer(folder / "model")
    if tokenizer.vocab_size > config.vocab_size:
        raise _refused(folder, "Its tokenizer has more tokens than its model.")
    _check_shapes(folder, config)
    template, settings = folder / "model" / TEMPLATE, folder / "model" / GENERATION
    return BundleModel(
        folder,
        str(lineage.get("name", folder.name)),
        config,
        tokenizer,
        lineage,
        template.read_text(encoding="utf-8") if template.is_file() else None,
        read_json(settings) if settings.is_file() else {},
    )


def _verify(folder: Path) -> None:
    """Against SHA256SUMS, as `sha256sum -c` does."""
    if not (folder / SUMS).is_file():
        raise _refused(folder, f"It has no {SUMS}.")
    for line in (folder / SUMS).read_text(encoding="utf-8").splitlines():
        digest, _, name = line.partition("  ")
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()) or not path.is_file() or sha256_file(path) != digest:
            raise _refused(folder, f"{name or line} is missing, or was changed.")


def _check_shapes(folder: Path, config: ModelConfig) -> None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(folder / "model" / _WEIGHTS, framework="pt") as file:
            found = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 no mapping
    except (OSError, SafetensorError) as error:
        raise _refused(folder, f"Its {_WEIGHTS} cannot be read.", str(error)) from error
    if found != state_shapes(config):
        raise _refused(folder, "Its weights do not fit its configuration.")


def _refused(folder: Path, why: str, details: str = "") -> CutawayError:
    return CutawayError(f"{folder.name} is no bundle that can be opened.", why, "Export or copy it again.", details)


def write_sums(folder: Path) -> None:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [f"{sha256_file(path)}  {path.relative_to(folder).as_posix()}\n" for path in files]
    write_atomic(folder / SUMS, "".join(lines).encode())


def _definition(lineage: dict[str, Any]) -> str:
    """Where each of its three parts is, and whether that is all of it (opensource.org/ai/open-source-ai-definition)."""
    corpora = [artifact for artifact in lineage["artifacts"] if artifact.get("kind") == "corpus"]
    told = bool(corpora) and all(corpus[key] != "unknown" for corpus in corpora for key in ("source", "licence"))
    data = "sources, licences, processing and hashes are all told" if told else "not all is known: see below"
    licence = lineage.get("licence", "unknown")
    parameters = f"under {licence}" if licence != "unknown" else "nobody has said under which licence"
    return "\n".join(
        [
            f"- Data information: `data.json`; {data}.",
            "- Code: `code/`, under Apache-2.0: what made the data, trained the model and runs it.",
            f"- Parameters: `model/`, {parameters}.",
        ]
    )


def _data(lineage: dict[str, Any]) -> dict[str, Any]:
    """What a skilled person needs to build an equal corpus: what, from where, under which terms, cut how."""
    origin, facts = ("source", "licence"), ("kind", "name", "stage", "config", "figures", "hash", "parents", "files")
    made = []
    for artifact in lineage.get("artifacts", []):
        keys = facts if artifact.get("parents") else (*facts, *origin)  # what was made of others has theirs
        made.append({key: artifact.get(key, "unknown") for key in keys})
    return {"artifacts": made, "unknown": lineage["unknown"]}


def _write_code(folder: Path) -> list[str]:
    """The engine's source as it runs here. Gives what could not be said, as in an installer without sources."""
    folder.mkdir()
    versions = {name: _version(name) for name in _PACKAGES}
    write_json(folder / "versions.json", {"cutaway": __version__, **versions})
    for package in ("engine", "resources/worlds", "resources/presets"):
        for path in sorted((_ROOT / package).rglob("*")):
            if path.suffix in (".py", ".toml", ".json", ".txt") and path.is_file():
                target = folder / path.relative_to(_ROOT)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
    for extra in ("LICENSE", "pyproject.toml"):
        if (_ROOT / extra).is_file():
            shutil.copyfile(_ROOT / extra, folder / extra)
    if not (folder / "engine" / "cli.py").is_file():
        return [f"The exact source: this installation of Cutaway {__version__} does not carry it."]
    return []


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"
