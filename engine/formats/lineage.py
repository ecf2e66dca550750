"""Where a model comes from, read back from its run's folder and from the manifests of what that was made of.

Nothing is guessed: what no file says is listed under "unknown", in words.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from engine import __version__
from engine.errors import CutawayError
from engine.events import ArtifactReady, Event, HealthAlarm, Resumed, StepMetrics, TuningCheck, Validation
from engine.store.artifact import MANIFEST, Artifact, open_artifact
from engine.store.files import read_json
from engine.store.run_folder import RunFolder
from engine.store.workspace import FOLDERS, Workspace

_PLANNED = ("training", "batch_tokens", "train_tokens", "base", "method", "lora", "conversations")
_PRIVATE = ("host", "pid", "process_began", "heartbeat")


def collect(workspace: Workspace, folder: Path, step: int) -> dict[str, Any]:
    """Lineage of the model in a recipe run, a stage's run, a checkpoint or an imported model's folder.

    step: of the checkpoint; what was told after it does not count. Paths are told without the names of the folders
    that lead to the workspace or to a person's home.
    """
    run = _run_of(folder)
    if run is None:
        found = _imported(folder)
    else:
        stages = _stages(run)
        artifacts, missing = _artifacts(workspace, run, stages)
        base = _base(workspace, run)
        known = {artifact["hash"] for artifact in artifacts}
        artifacts += [each for each in base.get("artifacts", ()) if each.get("hash") not in known]
        recipe = read_json(run / "recipe.json")
        training = _training(run, step)
        found = {
            "name": run.name,
            "run": run.name,
            "recipe": recipe,
            "stages": stages,
            "training": training,
            "artifacts": artifacts,
        }
        if base:
            found["base"] = base
        found["unknown"] = [*missing, *_unknown(artifacts, training), *_unknown_code(stages)]
    cleaned: dict[str, Any] = _without_homes(found, workspace)
    return cleaned


def _run_of(folder: Path) -> Path | None:
    return next((place for place in (folder, *folder.parents) if (place / "recipe.json").is_file()), None)


def _base(workspace: Workspace, run: Path) -> dict[str, Any]:
    """Lineage of the model of another run, or from elsewhere, that this one was tuned from; empty where there is
    none."""
    plans = [path / "plan.json" for path in _stage_folders(run) if (path / "plan.json").is_file()]
    told = read_json(plans[-1]).get("base_folder") if plans else None
    folder = workspace.root / str(told)
    if told is None or not folder.is_dir() or folder.is_relative_to(run):
        return {}
    return collect(workspace, folder, int(folder.name.removeprefix("step-")))


def _stage_folders(run: Path) -> list[Path]:
    found = [path for path in run.glob("*-*") if path.name.split("-")[0].isdigit() and (path / "run.json").is_file()]
    return sorted(found, key=lambda path: int(path.name.split("-")[0]))


def _stages(run: Path) -> list[dict[str, Any]]:
    told = []
    for path in _stage_folders(run):
        folder = RunFolder(path)
        status = folder.status()
        state = {"state": status.state.value, "seconds": round(status.seconds, 3)}
        told.append({**asdict(folder.record()), **state})
    return told


def _events(run: Path) -> Iterator[Event]:
    for path in _stage_folders(run):
        yield from RunFolder(path).all_events()


def _training(run: Path, step: int) -> dict[str, Any]:
    """Of the last stage with steps: how far it came, how it did on held-out text, how fast and on what."""
    metrics: list[StepMetrics] = []
    looks: list[Validation] = []
    answers: list[TuningCheck] = []
    alarms: list[str] = []
    resumptions = 0
    last = next((path for path in reversed(_stage_folders(run)) if (path / "plan.json").is_file()), None)
    if last is None:
        return {}
    for event in RunFolder(last).all_events():
        if isinstance(event, Resumed):
            metrics = [known for known in metrics if known.step <= event.step]
            looks = [known for known in looks if known.step <= event.step]
            answers = [known for known in answers if known.step <= event.step]
            resumptions += 1
        elif isinstance(event, StepMetrics) and event.step <= step:
            metrics.append(event)
        elif isinstance(event, Validation) and event.step <= step:
            looks.append(event)
        elif isinstance(event, TuningCheck) and event.step <= step:
            answers.append(event)
        elif isinstance(event, HealthAlarm):
            alarms.append(event.cause)
    told: dict[str, Any] = {"stage": last.name, "step": step, "resumed": resumptions, "alarms": alarms}
    if metrics:
        speed = statistics.median(event.tokens_per_second for event in metrics)
        told |= {"tokens": metrics[-1].tokens, "seconds": round(metrics[-1].seconds, 1)}
        told |= {"tokens_per_second": round(speed, 1), "train_loss_of_last_step": metrics[-1].loss}
    if looks:
        told["held_out"] = [
            {"step": look.step, "loss": look.loss, "bits_per_byte": look.bits_per_byte, "train_loss": look.train_loss}
            for look in looks
        ]
    if answers:
        told["held_out_conversations"] = [_answered(check) for check in answers]
    plan = read_json(last / "plan.json")
    told["plan"] = {name: plan[name] for name in _PLANNED if plan.get(name) is not None}
    told["machine"] = {name: plan[name] for name in ("device", "threads", "precision") if name in plan}
    return told


def _answered(check: TuningCheck) -> dict[str, Any]:
    """What a look at held-out conversations measured; what it did not is left out."""
    names = ("step", "loss", "token_accuracy", "asked", "exact", "stopped", "pretraining_loss")
    return {name: getattr(check, name) for name in names if not math.isnan(getattr(check, name))}


def _artifacts(workspace: Workspace, run: Path, stages: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[str]]:
    """Manifests of all that the run made or found, and of their parents, each once; and what is gone."""
    waiting = [value for stage in stages for value in stage["parents"].values()]
    found: dict[str, dict[str, Any]] = {}
    missing = []
    for event in _events(run):
        if isinstance(event, ArtifactReady) and event.kind in FOLDERS and event.kind != "model":
            try:
                _add(found, open_artifact(workspace.root / event.folder, event.kind))
            except CutawayError:
                missing.append(f"What the {event.kind} {Path(event.folder).name} consisted of: its folder is gone.")
    known = {a.hash: a for kind in FOLDERS if kind != "model" for a in workspace.artifacts(kind)}
    waiting += [value for manifest in found.values() for value in manifest["parents"].values()]
    while waiting:
        value = waiting.pop()
        if value in known and value not in found:
            _add(found, known[value])
            waiting += found[value]["parents"].values()
    return list(found.values()), list(dict.fromkeys(missing))


def _add(found: dict[str, dict[str, Any]], artifact: Artifact) -> None:
    found.setdefault(artifact.hash, {"name": artifact.folder.name, "hash": artifact.hash, **asdict(artifact.manifest)})


def _unknown(artifacts: list[dict[str, Any]], training: dict[str, Any]) -> list[str]:
    told = []
    corpora = [artifact for artifact in artifacts if artifact["kind"] == "corpus"]
    if not corpora:
        told.append("The text that the model was trained on: no corpus of this run is left.")
    for corpus in corpora:
        if corpus["licence"] == "unknown":
            told.append(f"The licence of the corpus {corpus['name']}: nobody stated it.")
        if corpus["source"] == "unknown":
            told.append(f"Where the corpus {corpus['name']} came from: nobody stated it.")
        if corpus["stage"] != "world":
            told.append(f"The languages of the corpus {corpus['name']}: nothing measured them.")
            told.append(f"Whether the corpus {corpus['name']} holds personal data: nothing searched it.")
    if "held_out" not in training and "held_out_conversations" not in training:
        told.append("How well it does on held-out text: nothing measured it.")
    return [*told, "The energy that training took: nothing measured it."]


def _unknown_code(stages: list[dict[str, Any]]) -> list[str]:
    others = sorted({str(stage["version"]) for stage in stages} - {__version__})
    said = [
        f"The source of Cutaway {version}, which did a part of the work: this is {__version__}." for version in others
    ]
    return [*said, "Under which licence its maker gives the weights away: that is for its maker to say."]


def _imported(folder: Path) -> dict[str, Any]:
    """A model that came from elsewhere: what its manifest says, and nothing about how it was trained."""
    home = next(
        (place for place in (folder, *folder.parents) if (place / MANIFEST).is_file() and _is_model(place)), None
    )
    manifest = read_json(home / MANIFEST) if home is not None else {}
    parts = ("the text that it was trained on", "the code that trained it", "how long it was trained, and on what")
    unknown = [f"{part[0].upper()}{part[1:]}: the model was opened from files that do not say." for part in parts]
    if manifest.get("licence", "unknown") == "unknown":
        unknown.append("The model's licence: nobody stated it.")
    name = (home or folder).name
    told = {"name": name, "artifacts": [{"name": name, **manifest}], "training": {}, "stages": [], "unknown": unknown}
    return told | {"licence": manifest.get("licence", "unknown"), "source": manifest.get("source", "unknown")}


def _is_model(folder: Path) -> bool:
    manifest = read_json(folder / MANIFEST)
    return isinstance(manifest, dict) and manifest.get("kind") == "model"


def _without_homes(value: Any, workspace: Workspace) -> Any:
    if isinstance(value, dict):
        return {key: _without_homes(item, workspace) for key, item in value.items() if key not in _PRIVATE}
    if isinstance(value, (list, tuple)):
        return [_without_homes(item, workspace) for item in value]
    if isinstance(value, str):
        return value.replace(str(workspace.root), "workspace").replace(str(Path.home()), "~")
    return value
