"""A finished model as files for other programs and other people: a generator, so that a window can watch it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from engine.errors import CutawayError
from engine.events import Progress
from engine.formats.bundle import GENERATION, TEMPLATE, write_bundle
from engine.formats.equivalent import equivalent
from engine.formats.gguf_write import FORMS, Form, gguf_notes, write_gguf, write_modelfile
from engine.formats.lineage import collect
from engine.formats.model_card import model_card
from engine.store.files import explain_os_error, fsync_path, write_atomic
from engine.store.workspace import Workspace, slug

if TYPE_CHECKING:
    from torch import Tensor

    from engine.generation.loaded import LoadedModel

Kind = Literal["bundle", "huggingface", "adapter", "f32", "f16", "bf16", "q8_0"]
KINDS: tuple[Kind, ...] = ("bundle", "huggingface", "adapter", *FORMS)


@dataclass(frozen=True)
class ExportRequest:
    """source: a run, a stage's run, a checkpoint or a model. destination: a folder that is not there yet, or empty.

    kind: "bundle", "huggingface", "adapter" as the peft library reads it, or the form of a GGUF file. In all others a
    model's adapter is merged into its weights. checkpoint: for example "step-000500"; None for the
    newest. name: what the model is called; "" for the name of its run.
    """

    source: Path
    destination: Path
    kind: Kind = "bundle"
    checkpoint: str | None = None
    name: str = ""


@dataclass(frozen=True)
class Exported:
    """folder: what was written. files: names and bytes. notes: what a person should know, a sentence each."""

    folder: Path
    files: dict[str, int]
    notes: list[str] = field(default_factory=list)

    @property
    def bytes(self) -> int:
        return sum(self.files.values())


def export(workspace: Workspace, request: ExportRequest) -> Iterator[Progress | Exported]:
    """Tells how far it is and ends with Exported. Closed early, or failing, it leaves the destination as it was.

    Raises CutawayError for a model that cannot be read or has no such form, and for a disk that does not take it.
    """
    destination = request.destination.expanduser().absolute()
    refuse_if_taken(destination)
    yield _about("Reading the model")
    from engine.generation.loaded import load_model
    from engine.model.weights import weights

    loaded = load_model(workspace, request.source, request.checkpoint, "cpu")
    lineage = collect(workspace, request.source, loaded.step)
    name = " ".join(request.name.split()) or str(lineage["name"])
    notes = [loaded.note] if loaded.note else []
    if request.kind == "adapter" and not loaded.adapter:
        raise CutawayError(
            f"{name} has no adapter.", "All of its weights were trained, not an addition.", "Export it as a whole."
        )
    if request.kind != "adapter" and loaded.adapter:
        from engine.model.lora import merge

        merge(loaded.model)
        notes.append("Its adapter is merged into its weights.")
    with _publishing(destination) as folder:
        yield _about("Writing")
        tensors = weights(loaded.model)
        if request.kind == "bundle":
            extras = {TEMPLATE: loaded.chat_template, GENERATION: loaded.generation}
            write_bundle(folder, name, loaded.model.config, tensors, loaded.tokenizer, lineage, extras)
        elif request.kind == "huggingface":
            notes += _write_huggingface(folder, name, loaded, tensors, lineage)
        elif request.kind == "adapter":
            notes += _write_adapter(folder, name, loaded, lineage)
        else:
            yield from _write_gguf(folder, name, request.kind, loaded, lineage, notes)
        files = _sizes(folder)
    yield Exported(destination, files, notes)


def _about(message: str) -> Progress:
    return Progress(done=0, total=0, unit="bytes", message=message)


def _write_gguf(
    folder: Path, name: str, form: Form, loaded: LoadedModel, lineage: dict[str, Any], notes: list[str]
) -> Iterator[Progress]:
    """Adds to the notes."""
    from engine.model.weights import weights
    from engine.tokenizer.chat_template import ChatTemplate

    same = equivalent(loaded.model.config, weights(loaded.model))
    notes += [*same.notes, *gguf_notes(same.config, loaded.tokenizer)]
    if form != "f32":
        notes.append(f"Its matrices are rounded to {form}; what is told of its losses was measured before.")
    file, template = f"{slug(name)}-{form}.gguf", loaded.chat_template
    facts = {"name": name, "licence": str(lineage.get("licence", "unknown"))}
    yield from write_gguf(
        folder / file, same.config, same.tensors, loaded.tokenizer, form, chat_template=template, **facts
    )
    chat = ChatTemplate(template, loaded.tokenizer) if template else None
    write_modelfile(folder / "Modelfile", file, same.config, chat)
    _write_card(folder, name, loaded, lineage, notes)


def _write_huggingface(
    folder: Path, name: str, loaded: LoadedModel, tensors: dict[str, Tensor], lineage: dict[str, Any]
) -> list[str]:
    from engine.formats.huggingface import write_model
    from engine.formats.tokenizer_json import write_tokenizer

    same = equivalent(loaded.model.config, tensors)
    write_model(folder, same.config, same.tensors, {**loaded.generation, "eos_token_id": _ends(loaded)})
    write_tokenizer(folder, loaded.tokenizer, same.config.context_length, loaded.chat_template)
    _write_card(folder, name, loaded, lineage, same.notes)
    return same.notes


def _write_adapter(folder: Path, name: str, loaded: LoadedModel, lineage: dict[str, Any]) -> list[str]:
    from engine.formats.peft import write_adapter
    from engine.formats.tokenizer_json import write_tokenizer
    from engine.generation.adapted import base_name
    from engine.model.lora import lora_weights

    model, base = loaded.model, base_name(loaded)
    assert model.adapter is not None
    notes = [f"It stands on {base}: export that with --huggingface, and give peft its folder."]
    notes += write_adapter(folder, model.config, lora_weights(model), model.adapter, base)
    write_tokenizer(folder, loaded.tokenizer, model.config.context_length, loaded.chat_template)
    _write_card(folder, name, loaded, lineage, notes)
    return notes


def _ends(loaded: LoadedModel) -> int | list[int]:
    """All that ends a text or an answer: as the model came, then what tuning and its chat template added."""
    from engine.tokenizer.chat_template import ChatTemplate

    told = loaded.generation.get("eos_token_id", [])
    found = [*(told if isinstance(told, list) else [told]), loaded.tokenizer.end_id, *sorted(loaded.tokenizer.end_ids)]
    if loaded.chat_template:
        found += sorted(ChatTemplate(loaded.chat_template, loaded.tokenizer).end_ids)
    ends = list(dict.fromkeys(found))
    return ends[0] if len(ends) == 1 else ends


def _write_card(folder: Path, name: str, loaded: LoadedModel, lineage: dict[str, Any], notes: list[str]) -> None:
    write_atomic(folder / "README.md", model_card(name, loaded.model.config, lineage, notes).encode())


def refuse_if_taken(destination: Path) -> None:
    """Raises CutawayError for a place that holds something already: nothing is ever overwritten."""
    if destination.is_dir() and not any(destination.iterdir()):
        return
    if destination.exists() or destination.is_symlink():
        raise CutawayError(
            f"{destination} is there already.", "An export never writes over anything.", "Choose another name."
        )


@contextmanager
def _publishing(destination: Path) -> Iterator[Path]:
    """A folder beside the destination that takes its place in one rename, or vanishes."""
    temporary = destination.with_name(f".tmp-{destination.name}-{os.getpid()}")
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        yield temporary
        for path in temporary.rglob("*"):
            fsync_path(path)
        if destination.is_dir():
            destination.rmdir()  # empty, or this fails: Windows cannot rename over it
        os.replace(temporary, destination)
        fsync_path(destination.parent)
    except OSError as error:
        raise explain_os_error(error, destination) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _sizes(folder: Path) -> dict[str, int]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.stat().st_size for path in paths}
