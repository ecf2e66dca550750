"""`cutaway generate latest --prompt "Mira Toll was born in"`: a model writes."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from engine.commands._output import note, say, say_json
from engine.commands._places import RUN_HELP, add_machine, add_workspace, find_run
from engine.generation.sampling import SamplingConfig
from engine.pipeline.stage import explain_validation

if TYPE_CHECKING:
    from engine.generation.loaded import LoadedModel

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
    settings = SamplingConfig.model_fields
    for name, kind in (("temperature", float), ("seed", int), ("top_k", int), ("top_p", float), ("min_p", float)):
        words = f"{settings[name].description} (default: {settings[name].default})"
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind, metavar="X", help=words)
    parser.add_argument(
        "--repetition-penalty", type=float, metavar="X", help=settings["repetition_penalty"].description
    )
    parser.add_argument(
        "--stop", action="append", default=[], metavar="TEXT", help="end before this text; may be repeated"
    )
    parser.add_argument(
        "--checkpoint", metavar="NAME", help="for example step-000500 (default: the newest that is whole)"
    )
    parser.add_argument("--json", action="store_true", help="one line of JSON with every token and its probability")
    add_workspace(parser)
    add_machine(parser)


def run(arguments: Namespace) -> int:
    sampling = _sampling(arguments)
    workspace, folder = find_run(arguments, with_model=True)
    from engine.device import set_threads
    from engine.generation.decoder import generate
    from engine.generation.loaded import load_model

    set_threads(arguments.threads)
    loaded = load_model(workspace, folder, arguments.checkpoint, arguments.device)
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
    if arguments.json:
        say_json(_report(arguments.prompt, loaded, sampling, tokens))
    else:
        say("")
    for sentence in filter(None, notes):
        note(sentence)
    return 0


def _sampling(arguments: Namespace) -> SamplingConfig:
    given = {name: getattr(arguments, name) for name in SamplingConfig.model_fields}
    try:
        return SamplingConfig(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        raise explain_validation(error, "the sampling") from error


def _report(prompt: str, loaded: LoadedModel, sampling: SamplingConfig, tokens: list[dict[str, Any]]) -> dict[str, Any]:
    seconds = sum(token["seconds"] for token in tokens)
    return {
        "model": loaded.label,
        "step": loaded.step,
        "device": loaded.device,
        "prompt": prompt,
        "text": "".join(token["text"] for token in tokens),
        "finish": tokens[-1]["finish"],
        "sampling": sampling.model_dump(),
        "seconds": round(seconds, 4),
        "tokens_per_second": round(len(tokens) / seconds, 1),
        "tokens": tokens,
    }
