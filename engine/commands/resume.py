"""`cutaway resume latest`: goes on where a run was stopped, killed or failed."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from engine.commands._driving import drive_to_end, refuse_missing_device
from engine.commands._output import note
from engine.commands._places import RUN_HELP, add_machine, add_processes, add_workspace, find_run, recipe_run
from engine.launch.following import follow
from engine.launch.local import RecipeRun
from engine.launch.torchrun import is_follower
from engine.store.run_folder import RunRecord

HELP = "go on with a run from its newest checkpoint"


def configure(parser: ArgumentParser) -> None:
    parser.add_argument("run", help=RUN_HELP)
    add_workspace(parser)
    add_machine(parser, device=None)
    add_processes(parser)


def run(arguments: Namespace) -> int:
    if is_follower():
        follow()
    begun = recipe_run(*find_run(arguments))
    note(f"{begun.recipe.name}: going on in {begun.folder}")
    record = _record(begun)
    seed = record.seed if record else 1
    device = arguments.device or (str(record.environment.get("device", "auto")) if record else "auto")
    refuse_missing_device(device)
    return drive_to_end(begun, device, arguments.threads, seed, arguments.processes)


def _record(begun: RecipeRun) -> RunRecord | None:
    """Of the first stage: seed and device hold for the whole run."""
    first = begun.stage_folder(0)
    return first.record() if (first.path / "run.json").is_file() else None
