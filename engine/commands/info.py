"""`cutaway info`: what this machine and this installation are, or what a tokenizer is."""

from __future__ import annotations

import importlib.metadata
import platform
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

import psutil

from engine import __version__
from engine.commands._output import say, say_json
from engine.commands._places import add_machine, add_workspace
from engine.commands._tokenizer_facts import tell_tokenizer, tokenizer_folder
from engine.store.workspace import MARK, Workspace, default_workspace

HELP = "show versions, device, measured precision, memory and workspace, or a tokenizer"
_PACKAGES = ("torch", "numpy", "tokenizers", "safetensors", "pydantic", "PySide6-Essentials", "pyqtgraph")


def configure(parser: ArgumentParser) -> None:
    words = "a tokenizer's folder or its name in the workspace: show that instead"
    parser.add_argument("tokenizer", nargs="?", default="", metavar="TOKENIZER", help=words)
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    add_workspace(parser)
    add_machine(parser)


def run(arguments: Namespace) -> int:
    if arguments.tokenizer:
        tell_tokenizer(tokenizer_folder(_root(arguments), arguments.tokenizer), as_json=arguments.json)
        return 0
    facts = {
        "cutaway": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "packages": {name: _version(name) for name in _PACKAGES},
        **_device(arguments),
        "memory_bytes": psutil.virtual_memory().total,
        "memory_free_bytes": psutil.virtual_memory().available,
        **_workspace(arguments),
    }
    if arguments.json:
        say_json(facts)
    else:
        _tell(facts)
    return 0


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _device(arguments: Namespace) -> dict[str, Any]:
    from engine.device import choose_device, describe, measure_precision, set_threads

    threads = set_threads(arguments.threads)
    device = choose_device(arguments.device)
    measured = measure_precision(device)
    return {
        "device": str(device),
        "device_name": describe(device),
        "threads": threads,
        "dtype": measured.dtype,
        "bf16_speedup": round(measured.speedup, 2),
        "peak_flops": measured.flops_per_second,
    }


def _workspace(arguments: Namespace) -> dict[str, Any]:
    root = _root(arguments)
    runs = len(Workspace(root).run_folders()) if (root / MARK).is_file() else 0
    return {"workspace": str(root), "runs": runs}


def _root(arguments: Namespace) -> Path:
    root: Path = (arguments.workspace or default_workspace()).expanduser().resolve()
    return root


def _tell(facts: dict[str, Any]) -> None:
    packages = ", ".join(f"{name} {version}" for name, version in facts["packages"].items())
    memory, free = facts["memory_bytes"] / 2**30, facts["memory_free_bytes"] / 2**30
    faster = f"bf16 is {facts['bf16_speedup']:.1f} times as fast as float32"
    rows = {
        "Cutaway": f"{facts['cutaway']}, Python {facts['python']}, {facts['system']}",
        "Packages": packages,
        "Device": f"{facts['device']} ({facts['device_name']}), {facts['threads']} threads",
        "Precision": f"{facts['dtype']}: {faster}; {facts['peak_flops'] / 1e9:,.0f} GFLOP/s",
        "Memory": f"{memory:.1f} GiB, {free:.1f} GiB free",
        "Workspace": f"{facts['workspace']}, {facts['runs']} runs",
    }
    for name, value in rows.items():
        say(f"{name:<10} {value}")
