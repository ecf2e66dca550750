"""`cutaway import HuggingFaceTB/SmolLM2-135M`: open a model or a tokenizer that came from elsewhere."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tqdm import tqdm

from engine.commands._output import say, say_json
from engine.commands._places import add_workspace, workspace_of
from engine.launch import opening, tokenizer_opening
from engine.launch.tokenizer_opening import is_tokenizer, open_tokenizer

HELP = "open a model from a folder, a .gguf file or the Hugging Face Hub, or a tokenizer from its file"


def configure(parser: ArgumentParser) -> None:
    words = (
        "a folder with config.json and model.safetensors, a .gguf file, owner/name on the Hugging Face Hub; or a "
        "tokenizer.json, a .tiktoken rank file, a SentencePiece .model"
    )
    parser.add_argument("model", metavar="FILE_OR_FOLDER_OR_HUB_ID", help=words)
    parser.add_argument("--name", default="", help="what it shall be called here (default: its own name)")
    parser.add_argument("--sha256", default="", metavar="HEX", help="of a tokenizer: refuse a file with another hash")
    words = "of a rank file that is not known by its hash: cl100k_base, o200k_base, p50k_base or gpt2"
    parser.add_argument("--encoding", default="", help=words)
    parser.add_argument("--json", action="store_true", help="one line of JSON with its folder and configuration")
    add_workspace(parser)


def run(arguments: Namespace) -> int:
    workspace, source = workspace_of(arguments), arguments.model
    if is_tokenizer(Path(source).expanduser()):
        work = open_tokenizer(workspace, source, arguments.name, arguments.sha256, arguments.encoding)
        tokenizer: tokenizer_opening.Opened = _followed(work, tokenizer_opening.Opened)
        facts, kind = tokenizer_opening.describe(tokenizer), f"{tokenizer.kind}, {tokenizer.vocab_size:,} tokens"
        folder, reused, next_step = tokenizer.folder, tokenizer.reused, f"cutaway info {tokenizer.folder.name}"
    else:
        model: opening.Opened = _followed(opening.open_model(workspace, source, arguments.name), opening.Opened)
        facts, folder, reused = opening.describe(model), model.folder, model.reused
        kind = f"{model.config.family}, {model.config.parameters() / 1e6:,.1f} million weights"
        next_step = f'cutaway generate {folder.name} --prompt "Once upon a time"'
    if arguments.json:
        say_json(facts)
        return 0
    say(f"{folder.name}  {'was here already' if reused else 'is here now'}: {kind}")
    say(next_step)
    return 0


def _followed(work: Iterator[Any], last: type[Any]) -> Any:
    """Shows how far it is, and gives what it ends with."""
    opened = None
    with tqdm(desc="Import", unit_scale=True, leave=False, delay=1.0) as bar:
        for item in work:
            if isinstance(item, last):
                opened = item
            else:
                bar.set_description(item.message, refresh=False)
                bar.unit, bar.total = f" {item.unit}", item.total or None
                bar.update(item.done - bar.n)
    return opened
