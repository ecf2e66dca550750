"""Where a command works: the workspace, and the run that an argument means."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from engine.errors import CutawayError
from engine.launch.local import RecipeRun
from engine.launch.torchrun import MOST_PROCESSES
from engine.store.workspace import MARK, Workspace, default_workspace, open_workspace

RUN_HELP = "a run's or an imported model's folder, its name in the workspace, or \"latest\""


def add_workspace(parser: ArgumentParser) -> None:
    words = "folder that holds what you make (default: $CUTAWAY_WORKSPACE, else Cutaway in your documents)"
    parser.add_argument("--workspace", type=Path, metavar="DIR", help=words)


def add_machine(parser: ArgumentParser, device: str | None = "auto") -> None:
    parser.add_argument("--device", default=device, help="auto, cpu, cuda or mps (default: auto)")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads (default: 0, the physical cores)")


def add_processes(parser: ArgumentParser) -> None:
    words = f"train in so many processes, one for each GPU, up to {MOST_PROCESSES} (default: 1)"
    parser.add_argument("--processes", type=process_count, default=1, metavar="N", help=words)


def process_count(text: str) -> int:
    """Raises ValueError, which argparse puts into words, for what is no sensible number of processes."""
    value = int(text)
    if not 1 <= value <= MOST_PROCESSES:
        raise ValueError(text)
    return value


def workspace_of(arguments: Namespace) -> Workspace:
    """Made if it is not there. Raises CutawayError when it cannot be written."""
    return open_workspace(arguments.workspace or default_workspace())


def find_run(arguments: Namespace, *, with_model: bool = False) -> tuple[Workspace, Path]:
    """The folder that `arguments.run` means, and the workspace that it belongs to. Nothing is made.

    A path may also lead to a stage or a checkpoint of a run. with_model: "latest" passes over runs without one.
    """
    path = Path(arguments.run).expanduser()
    if arguments.run != "latest" and path.is_dir():
        path = path.resolve()
        home = next((folder for folder in path.parents if (folder / MARK).is_file()), None)
        return _existing(arguments) if home is None else Workspace(home), path
    workspace = _existing(arguments)
    if arguments.run == "latest":
        return workspace, _latest(workspace, with_model)
    for place in (workspace.runs, workspace.models) if with_model else (workspace.runs,):
        if Path(arguments.run).name == arguments.run and (place / arguments.run).is_dir():
            return workspace, place / arguments.run
    names = ", ".join(folder.name for folder in workspace.run_folders()[:5]) or "none yet"
    raise CutawayError(
        f'There is no run "{arguments.run}".',
        f"It is no folder, and the newest runs in {workspace.root} are: {names}.",
        'Give a run\'s folder or name, or "latest".',
    )


def recipe_run(workspace: Workspace, folder: Path) -> RecipeRun:
    """The recipe run that a path lies in."""
    for place in (folder, *folder.parents):
        if (place / "recipe.json").is_file():
            return RecipeRun.open(workspace, place)
    raise CutawayError(
        f"{folder.name} is not a run of a recipe.", "It has no recipe.json.", "Give the folder of a run below runs/."
    )


def _existing(arguments: Namespace) -> Workspace:
    root = (arguments.workspace or default_workspace()).expanduser().resolve()
    if not (root / MARK).is_file():
        raise CutawayError(
            f"There is no workspace in {root}.",
            "Nothing was made there yet.",
            "Name another with --workspace, or make something first: cutaway run first-words",
        )
    return Workspace(root)


def _latest(workspace: Workspace, with_model: bool) -> Path:
    for folder in workspace.run_folders():
        if not with_model or any(folder.glob("*/checkpoints/step-*")):
            return folder
    raise CutawayError(
        f"There is no {'model' if with_model else 'run'} in {workspace.root} yet.",
        "No run has saved one." if with_model else "Nothing ran there.",
        "Make one first: cutaway run first-words",
    )
