"""`cutaway generate latest --prompt "Mira Toll was born in"`: a model writes."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.commands._output import note, say, say_json
from engine.commands._places import RUN_HELP, add_machine, add_workspace, find_run, recipe_run
from engine.commands._sampling import add_sampling, sampling_of
from engine.events import ArtifactReady
from engine.generation.loaded import WEIGHTS

if TYPE_CHECKING:
    from engine.batches.token_shards import TokenShards
    from engine.generation.loaded import LoadedModel
    from engine.generation.rounding import RoundingLoss
    from engine.generation.sampling import SamplingConfig
    from engine.store.workspace import Workspace

HELP = "let a model continue a prompt"

# What is told of a token: no row of logits, no candidates, which would fill a screen.
_TOLD = (
    "token_id",
    "text",
    "probability",
    "probability_before",
    "rank",
    "entropy_before",
    "entropy_after",
    "seconds",
    "note",
    "finish",
)


def configure(parser: ArgumentParser) -> None:
    parser.add_argument("run", help=RUN_HELP)
    parser.add_argument("--prompt", required=True, help="what the text begins with")
    parser.add_argument("--max-tokens", type=int, default=100, metavar="N", help="default: 100")
    add_sampling(parser)
    parser.add_argument(
        "--stop", action="append", default=[], metavar="TEXT", help="end before this text; may be repeated"
    )
    parser.add_argument(
        "--checkpoint", metavar="NAME", help="for example step-000500 (default: the newest that is whole)"
    )
    parser.add_argument(
        "--weights",
        choices=WEIGHTS,
        default="float32",
        help="on a processor bfloat16 writes about twice as fast and int8 three times; what rounding the weights costs "
        "on held-out text is said at the end (default: float32)",
    )
    parser.add_argument("--json", action="store_true", help="one line of JSON with every token and its probability")
    add_workspace(parser)
    add_machine(parser)


def run(arguments: Namespace) -> int:
    sampling = sampling_of(arguments)
    workspace, folder = find_run(arguments, with_model=True)
    from engine.device import set_threads
    from engine.generation.decoder import generate
    from engine.generation.loaded import load_model

    set_threads(arguments.threads)
    loaded = load_model(workspace, folder, arguments.checkpoint, arguments.device, arguments.weights)
    tokens: list[dict[str, Any]] = []
    notes = dict.fromkeys([loaded.note])
    say_prompt = arguments.prompt
    for token in generate(loaded, arguments.prompt, sampling, arguments.max_tokens, arguments.stop, details=False):
        if arguments.json:
            tokens.append({name: getattr(token, name) for name in _TOLD})
        else:
            say(say_prompt + token.text, end="")
            say_prompt = ""
        notes[token.note] = None
    loss = None
    if not arguments.json:
        say("")
    if arguments.weights != "float32":
        loss = _rounding(loaded, workspace, folder)
        notes[str(loss) if loss else "This run has no held-out text on which to measure what rounding costs."] = None
    if arguments.json:
        say_json(_report(arguments.prompt, loaded, sampling, tokens, loss))
    for sentence in filter(None, notes):
        note(sentence)
    return 0


def _rounding(loaded: LoadedModel, workspace: Workspace, folder: Path) -> RoundingLoss | None:
    """What the rounded weights cost on held-out text; None when no run with such a text lies around the model."""
    from engine.generation.rounding import RoundingLoss, held_out, measure_rounding

    shards = _shards_of(workspace, folder)
    batches = held_out(shards, loaded.model.config.context_length) if shards else []
    losses = [item for item in measure_rounding(loaded, batches) if isinstance(item, RoundingLoss)]
    return losses[0] if losses else None


def _shards_of(workspace: Workspace, folder: Path) -> TokenShards | None:
    from engine.batches.token_shards import TokenShards

    if not any((place / "recipe.json").is_file() for place in (folder, *folder.parents)):
        return None
    for stage in recipe_run(workspace, folder).stage_folders():
        for event in stage.all_events():
            if isinstance(event, ArtifactReady) and event.kind == "shards":
                return TokenShards(workspace.root / event.folder)
    return None


def _report(
    prompt: str,
    loaded: LoadedModel,
    sampling: SamplingConfig,
    tokens: list[dict[str, Any]],
    loss: RoundingLoss | None,
) -> dict[str, Any]:
    seconds = sum(token["seconds"] for token in tokens)
    return {
        "model": loaded.label,
        "step": loaded.step,
        "device": loaded.device,
        "weights": loaded.dtype,
        "prompt": prompt,
        "text": "".join(token["text"] for token in tokens),
        "finish": tokens[-1]["finish"],
        "sampling": sampling.model_dump(),
        "seconds": round(seconds, 4),
        "tokens_per_second": round(len(tokens) / seconds, 1),
        "rounding": asdict(loss) if loss else None,
        "tokens": tokens,
    }
