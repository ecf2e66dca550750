"""`cutaway run first-words`: a recipe from its first stage to its last, without a window."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from engine.commands._driving import drive_to_end, refuse_missing_device
from engine.commands._output import note
from engine.commands._places import add_machine, add_processes, add_workspace, workspace_of
from engine.launch.following import follow
from engine.launch.local import RecipeRun
from engine.launch.recipe import load_recipe, parse_override, preset_names
from engine.launch.torchrun import is_follower

HELP = "run a recipe: raw text becomes a model"


def configure(parser: ArgumentParser) -> None:
    parser.add_argument("recipe", help=f"a preset ({', '.join(preset_names())}) or the path of a .toml file")
    add_workspace(parser)
    words = "change a setting of the recipe, for example pretrain.steps=100; may be given often"
    parser.add_argument("--set", action="append", default=[], metavar="STAGE.KEY=VALUE", dest="changes", help=words)
    parser.add_argument("--seed", type=seed, default=1, help="the same seed gives the same model (default: 1)")
    add_machine(parser)
    add_processes(parser)


def seed(text: str) -> int:
    """Raises ValueError, which argparse puts into words, for anything but a whole number from 0 on."""
    value = int(text)
    if not 0 <= value < 2**63:
        raise ValueError(text)
    return value


def run(arguments: Namespace) -> int:
    if is_follower():
        follow()
    recipe = load_recipe(arguments.recipe, dict(parse_override(text) for text in arguments.changes))
    refuse_missing_device(arguments.device)
    begun = RecipeRun.create(workspace_of(arguments), recipe)
    note(f"{recipe.name}: {recipe.description}" if recipe.description else recipe.name)
    note(f"  in {begun.folder}")
    return drive_to_end(begun, arguments.device, arguments.threads, arguments.seed, arguments.processes)
