"""`cutaway import HuggingFaceTB/SmolLM2-135M`: open a model that came from elsewhere, from a folder or the Hub."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from tqdm import tqdm

from engine.commands._output import say, say_json
from engine.commands._places import add_workspace, workspace_of
from engine.launch.opening import Opened, describe, open_model

HELP = "open a model from a folder, a .gguf file or the Hugging Face Hub"


def configure(parser: ArgumentParser) -> None:
    words = "a folder with config.json and model.safetensors, a .gguf file, or owner/name on the Hugging Face Hub"
    parser.add_argument("model", metavar="FOLDER_OR_HUB_ID", help=words)
    parser.add_argument("--name", default="", help="what it shall be called here (default: its own name)")
    parser.add_argument("--json", action="store_true", help="one line of JSON with its folder and configuration")
    add_workspace(parser)


def run(arguments: Namespace) -> int:
    workspace = workspace_of(arguments)
    with tqdm(desc="Import", unit_scale=True, leave=False, delay=1.0) as bar:
        for item in open_model(workspace, arguments.model, arguments.name):
            if isinstance(item, Opened):
                opened = item
            else:
                bar.set_description(item.message, refresh=False)
                bar.unit, bar.total = f" {item.unit}", item.total or None
                bar.update(item.done - bar.n)
    if arguments.json:
        say_json(describe(opened))
        return 0
    words = "was here already" if opened.reused else "is here now"
    millions = opened.config.parameters() / 1e6
    say(f"{opened.folder.name}  {words}: {opened.config.family}, {millions:,.1f} million weights")
    say(f'cutaway generate {opened.folder.name} --prompt "Once upon a time"')
    return 0
