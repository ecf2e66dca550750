"""A recipe run in this process: its folder, its stages one after another, and going on where it stopped.

runs/first-words-20261121-091402/
    recipe.json          the recipe as it runs, overrides included
    forecast.json        what it was said to cost, before it began
    control/             requests from other processes
    1-world/             a run folder for each stage
    2-train_tokenizer/ ...
"""

from __future__ import annotations

import platform
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from engine.control import Control
from engine.errors import CutawayError
from engine.events import ArtifactReady, Event, RunState
from engine.launch.forecast import write_forecast
from engine.launch.recipe import Recipe, StageSpec, recipe_from_json
from engine.launch.torchrun import Share, drive_many
from engine.launch.twin import Twin, finished_twin
from engine.pipeline.drive import drive
from engine.pipeline.stage import Context
from engine.store.artifact import Artifact, open_artifact
from engine.store.files import explain_os_error, read_json, sha256_file, write_json
from engine.store.machine import read_machine, write_machine
from engine.store.run_folder import RunFolder, RunRecord, Status, writer
from engine.store.workspace import FOLDERS, Workspace

if TYPE_CHECKING:
    from engine.training.distributed import Group

_SEALED = "checkpoints/step-*/manifest.json"


@dataclass(frozen=True)
class RecipeRun:
    workspace: Workspace
    folder: Path
    recipe: Recipe

    @classmethod
    def create(cls, workspace: Workspace, recipe: Recipe) -> RecipeRun:
        """Raises CutawayError, and leaves nothing behind, when the disk does not take it."""
        folder = workspace.new_run_folder(recipe.name)
        try:
            write_json(folder / "recipe.json", recipe.to_json())
            write_forecast(recipe, workspace, folder)
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise explain_os_error(error, folder) from error
        return cls(workspace, folder, recipe)

    @classmethod
    def open(cls, workspace: Workspace, folder: Path) -> RecipeRun:
        return cls(workspace, folder, recipe_from_json(read_json(folder / "recipe.json")))

    @property
    def control_folder(self) -> Path:
        return self.folder / "control"

    def stage_folder(self, index: int) -> RunFolder:
        return RunFolder(self.folder / f"{index + 1}-{self.recipe.stages[index].name}")

    def stage_folders(self) -> list[RunFolder]:
        return [self.stage_folder(index) for index in range(len(self.recipe.stages))]

    def status(self) -> Status:
        """Of the stage that is at work, or where the run ended; `done` when every stage is."""
        statuses = [folder.status() for folder in self.stage_folders()]
        for index, status in enumerate(statuses):
            if status.state is RunState.WAITING and index:
                return statuses[index - 1] if statuses[index - 1].state is not RunState.DONE else status
            if status.state is not RunState.DONE:
                return status
        return statuses[-1]

    def work(
        self, control: Control, *, device: str = "auto", threads: int = 0, seed: int = 1, processes: int = 1
    ) -> Iterator[Event]:
        """Runs what is not done yet. The generator ends early when a stage is stopped or fails."""
        return Worker(self, control, device, threads, seed, processes).work()


class Worker:
    """Carries artifacts from stage to stage. `context` is that of the stage at work, for whoever drives.

    processes: how many to start for a stage that many can share. group: those that torchrun started, this one among
    them; the others are told of each stage that they share.
    """

    def __init__(
        self,
        run: RecipeRun,
        control: Control,
        device: str = "auto",
        threads: int = 0,
        seed: int = 1,
        processes: int = 1,
        group: Group | None = None,
    ) -> None:
        self.run = run
        self.control = control
        self.device = device
        self.threads = threads
        self.seed = seed
        self.processes = processes
        self.group = group
        self.index = 0
        self.context: Context | None = None
        self._parents: dict[str, Artifact] = {}
        self._model: Path | None = None

    def work(self) -> Iterator[Event]:
        self._refuse_second_writer()
        shutil.rmtree(self.run.control_folder, ignore_errors=True)
        for index, spec in enumerate(self.run.recipe.stages):
            self.index = index
            folder = self.run.stage_folder(index)
            if folder.status().state is not RunState.DONE or not self._take_output(folder):
                yield from self._drive(spec, folder)
                if folder.status().state is not RunState.DONE:
                    return
                self._remember_duration(spec, folder)
                self._take_output(folder)

    def work_on(self, index: int) -> Iterator[Event]:
        """One stage alone, whose run folder is there and after which somebody else goes on."""
        self.context = self.prepare(index)
        yield from self._drive_here(self.run.recipe.stages[index])

    def prepare(self, index: int) -> Context:
        """For a stage before which all are done."""
        self.index = index
        for earlier in range(index):
            self._take_output(self.run.stage_folder(earlier))
        return self._context(self.run.stage_folder(index))

    def _refuse_second_writer(self) -> None:
        for folder in self.run.stage_folders():
            status = folder.status()
            if status.state not in (RunState.WAITING,) and not status.state.is_final and status.pid != writer().pid:
                raise CutawayError(
                    f"{self.run.folder.name} is already running.",
                    f"Process {status.pid} on {status.host} works on it.",
                    "Watch it in the window, or stop it first.",
                )

    def _drive(self, spec: StageSpec, folder: RunFolder) -> Iterator[Event]:
        record = self._record(spec, self._parent_hashes())
        twin = self._twin(record, folder)
        if not (folder.path / "run.json").exists():
            try:
                RunFolder.create(folder.path, record)
            except OSError as error:
                raise explain_os_error(error, folder.path) from error
        self.context = self._context(folder)
        if twin is not None:
            yield from drive(twin, spec.config, self.context)
        elif self.processes > 1 and hasattr(spec.module, "follow"):
            yield from drive_many(self._share(), self.processes, self.context)
        else:
            yield from self._drive_here(spec)

    def _parent_hashes(self) -> dict[str, str]:
        found = {kind: artifact.hash for kind, artifact in self._parents.items()}
        if self._model is not None:
            found["model"] = sha256_file(max(self._model.glob(_SEALED), key=lambda path: int(path.parent.name[5:])))
        return found

    def _twin(self, record: RunRecord, folder: RunFolder) -> Twin | None:
        """Of a model that a later stage goes on from, unless this run has begun to train it itself."""
        stages = self.run.recipe.stages
        goes_on = stages[self.index].module.OUTPUT == "model" and self.index + 1 < len(stages)
        if not goes_on or any(folder.path.glob(_SEALED)):
            return None
        return finished_twin(self.run.workspace, record, folder.path)

    def _drive_here(self, spec: StageSpec) -> Iterator[Event]:
        assert self.context is not None
        if self.group is not None and hasattr(spec.module, "follow"):
            self.group.call(asdict(self._share()))
            self.context.group = self.group
        yield from drive(spec.module, spec.config, self.context)

    def _share(self) -> Share:
        root, folder = str(self.run.workspace.root), str(self.run.folder)
        return Share(folder, root, self.index, self.device, self.threads, self.seed)

    def _context(self, folder: RunFolder) -> Context:
        return Context(
            self.run.workspace,
            folder,
            self.control,
            self.run.recipe.name,
            dict(self._parents),
            self.device,
            self.threads,
            self.seed,
            model=self._model,
        )

    def _remember_duration(self, spec: StageSpec, folder: RunFolder) -> None:
        """For the next estimate; what was only found again says nothing about the work."""
        if any(event.reused for event in folder.all_events() if isinstance(event, ArtifactReady)):
            return
        machine = read_machine(self.run.workspace)
        seconds = {**machine.stage_seconds, spec.name: folder.status().seconds}
        write_machine(self.run.workspace, replace(machine, stage_seconds=seconds))

    def _record(self, spec: StageSpec, parents: dict[str, str]) -> RunRecord:
        return RunRecord(
            stage=spec.name,
            title=spec.module.TITLE,
            config=spec.config.model_dump(mode="json"),
            parents=parents,
            seed=self.seed,
            began=datetime.now().astimezone().isoformat(timespec="seconds"),
            environment={"python": platform.python_version(), "system": platform.platform(), "device": self.device},
        )

    def _take_output(self, folder: RunFolder) -> bool:
        """Remembers the stage's artifact for those that follow; False when it is gone and must be made again."""
        ready = [event for event in folder.all_events() if isinstance(event, ArtifactReady)]
        if not ready:
            return False
        if ready[-1].kind == "model":
            self._model = self.run.workspace.root / ready[-1].folder
            return any(self._model.glob(_SEALED))
        if ready[-1].kind in FOLDERS:
            try:
                self._parents[ready[-1].kind] = open_artifact(
                    self.run.workspace.root / ready[-1].folder, ready[-1].kind
                )
            except CutawayError:
                return False
        return True
