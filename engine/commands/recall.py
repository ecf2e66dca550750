"""`cutaway recall latest`: how much of the world does its model know?"""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from engine.commands._output import note, say, say_json
from engine.commands._places import RUN_HELP, add_machine, add_workspace, find_run, recipe_run
from engine.errors import CutawayError
from engine.events import ArtifactReady, Progress
from engine.launch.local import RecipeRun
from engine.store.artifact import open_artifact
from engine.store.files import read_json

if TYPE_CHECKING:
    from engine.evaluation.knowledge import Recall
    from engine.generation.loaded import LoadedModel

HELP = "measure how many of its world's facts a model names"


def configure(parser: ArgumentParser) -> None:
    parser.add_argument("run", help=RUN_HELP)
    parser.add_argument(
        "--checkpoint", metavar="NAME", help="for example step-000500 (default: the newest that is whole)"
    )
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    add_workspace(parser)
    add_machine(parser)


def run(arguments: Namespace) -> int:
    workspace, folder = find_run(arguments, with_model=True)
    world = world_of(recipe_run(workspace, folder))
    from engine.device import set_threads
    from engine.generation.loaded import load_model

    set_threads(arguments.threads)
    loaded = load_model(workspace, folder, arguments.checkpoint, arguments.device)
    if loaded.note:
        note(loaded.note)
    began = time.monotonic()
    recall = _measure(loaded, world)
    report = _report(loaded, recall, time.monotonic() - began)
    if arguments.json:
        say_json(report)
    else:
        _tell(report, recall)
    return 0


def world_of(begun: RecipeRun) -> dict[str, Any]:
    """The truth that the run's corpus was told from. Raises CutawayError when it was made from other texts."""
    for folder in begun.stage_folders():
        for event in folder.all_events():
            if isinstance(event, ArtifactReady) and event.kind == "corpus":
                corpus = open_artifact(begun.workspace.root / event.folder, "corpus")
                if corpus.file("world.json").is_file():
                    return dict(read_json(corpus.file("world.json")))
    raise CutawayError(
        f"{begun.folder.name} has no world to ask about.",
        "Its corpus was not told from one, so there is no truth on file.",
        "Take a run of first-words, or of another recipe with a [world].",
    )


def _measure(loaded: LoadedModel, world: dict[str, Any]) -> Recall:
    from engine.evaluation.knowledge import measure_recall

    with tqdm(desc="Recall", unit=" questions", file=sys.stderr, dynamic_ncols=True) as bar:
        for item in measure_recall(loaded, world):
            if not isinstance(item, Progress):
                return item
            bar.total = item.total
            bar.update(item.done - bar.n)
    raise AssertionError("measure_recall ends with a Recall")


def _report(loaded: LoadedModel, recall: Recall, seconds: float) -> dict[str, Any]:
    return {
        "model": loaded.label,
        "step": loaded.step,
        "correct": recall.correct,
        "asked": recall.asked,
        "share": round(recall.share, 4),
        "by_attribute": {
            name: {"correct": right, "asked": asked, "share": round(right / asked, 4)}
            for name, (right, asked) in recall.by_attribute.items()
        },
        "wrong": [
            {"prompt": wrong.question.prompt, "answer": wrong.question.answer, "said": wrong.said.strip()}
            for wrong in recall.wrong
        ],
        "seconds": round(seconds, 2),
    }


def _tell(report: dict[str, Any], recall: Recall) -> None:
    width = max([len(name) for name in recall.by_attribute], default=0)
    for name, counts in report["by_attribute"].items():
        say(f"  {name:<{width}}  {counts['share']:7.1%}  {counts['correct']:,} of {counts['asked']:,}")
    say(f"{report['model']}: {recall.share:.1%} of the world's facts, {recall.correct:,} of {recall.asked:,}")
    for wrong in recall.wrong[:5]:
        say(f"  {wrong.question.prompt} ... {wrong.question.answer}; the model: {wrong.said.strip()!r}")
