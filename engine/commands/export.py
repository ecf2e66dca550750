"""`cutaway export latest my-model --gguf q8_0`: a model as files for other programs and other people."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from tqdm import tqdm

from engine.commands._output import note, say, say_json
from engine.commands._places import RUN_HELP, add_workspace, find_run
from engine.formats.gguf_write import FORMS
from engine.launch.export import Exported, ExportRequest, export

HELP = "write a model for other programs, or with all that went into it"


def configure(parser: ArgumentParser) -> None:
    parser.add_argument("run", help=f"{RUN_HELP}; or the folder of a checkpoint or of a model")
    parser.add_argument("destination", type=Path, help="a folder that is not there yet")
    forms = parser.add_mutually_exclusive_group()
    words = "weights, tokenizer, code, description of the data, and lineage (what is written by default)"
    forms.add_argument("--bundle", dest="kind", action="store_const", const="bundle", help=words)
    words = f"one file for llama.cpp, Ollama and LM Studio, its numbers as {', '.join(FORMS)}; and a Modelfile"
    forms.add_argument("--gguf", dest="kind", choices=FORMS, metavar="FORM", help=words)
    words = "a folder that the transformers library opens"
    forms.add_argument("--huggingface", dest="kind", action="store_const", const="huggingface", help=words)
    words = "the small addition that a fine-tuning learned, as the peft library opens it"
    forms.add_argument("--adapter", dest="kind", action="store_const", const="adapter", help=words)
    parser.add_argument("--checkpoint", metavar="NAME", help="for example step-000500 (default: the newest)")
    parser.add_argument("--name", default="", help="what the model is called (default: the name of its run)")
    parser.add_argument("--json", action="store_true", help="one line of JSON with the files and their sizes")
    parser.set_defaults(kind="bundle")
    add_workspace(parser)


def run(arguments: Namespace) -> int:
    workspace, folder = find_run(arguments, with_model=True)
    request = ExportRequest(folder, arguments.destination, arguments.kind, arguments.checkpoint, arguments.name)
    with tqdm(desc="Export", unit="B", unit_scale=True, leave=False, delay=1.0) as bar:
        for item in export(workspace, request):
            if isinstance(item, Exported):
                done = item
                continue
            bar.total = item.total or None
            bar.update(item.done - bar.n)
    _tell(done, arguments.json)
    return 0


def _tell(done: Exported, as_json: bool) -> None:
    for sentence in done.notes:
        note(sentence)
    if as_json:
        say_json({"folder": str(done.folder), "files": done.files, "bytes": done.bytes, "notes": done.notes})
    else:
        say(f"{done.folder}  {len(done.files)} files, {done.bytes / 1e6:,.1f} MB")
