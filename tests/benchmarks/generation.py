"""Writing on a processor: one reply in three widths of weights, 64 at once, beside transformers, llama.cpp and the
speed at which this machine reads its memory.

The model is Llama's architecture with 12 layers of width 768 and a vocabulary of 32,000 (110M parameters, random
weights), written to a folder that transformers opens and to GGUF files that llama.cpp opens.

python -m tests.benchmarks.generation [--quick]
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch

from engine.batches.token_shards import TokenShards
from engine.control import Control
from engine.device import set_threads
from engine.events import ArtifactReady
from engine.formats.gguf_write import write_gguf
from engine.formats.huggingface import write_model
from engine.generation.batch import generate_batch
from engine.generation.decoder import generate
from engine.generation.loaded import LoadedModel, load_model
from engine.generation.rounding import RoundingLoss, held_out, measure_rounding
from engine.generation.sampling import SamplingConfig
from engine.launch.local import RecipeRun
from engine.launch.recipe import load_recipe
from engine.memory import keep_freed_memory
from engine.model.config import ModelConfig
from engine.model.packed_matrix import build_matrix
from engine.model.transformer import Transformer
from engine.model.weights import weights
from engine.store.workspace import open_workspace
from engine.tokenizer.kinds.byte import ByteTokenizer
from engine.tokenizer.tokenizer import Tokenizer
from tests.benchmarks.report import Report, arguments

CONFIG = ModelConfig(
    family="llama",
    vocab_size=32_000,
    context_length=512,
    n_layer=12,
    n_head=12,
    n_kv_head=12,
    d_model=768,
    d_ff=2048,
    activation="swiglu",
    qk_norm=False,
)
BYTES = {"float32": 4, "bfloat16": 2, "int8": 1}
GREEDY = SamplingConfig(temperature=0.0)
PROMPT = [(7919 * n) % 31_000 for n in range(1, 33)]
ROWS = 64
TRAINING = {"world.people": 100, "pretrain.steps": 300}
QUICK_TRAINING = {"world.people": 40, "world.documents": 1500, "pretrain.steps": 100}


class Words(Tokenizer):
    """32,000 tokens that nobody wrote. The last one, whose weights are zero and so never the likeliest, ends a text."""

    kind = "benchmark"

    def __init__(self) -> None:
        super().__init__([f" {n}".encode() for n in range(CONFIG.vocab_size - 1)] + [b""], CONFIG.vocab_size - 1)

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind}

    def pieces(self, text: str) -> Iterator[str]:
        yield text

    def _encode_pieces(self, pieces: list[str]) -> list[list[int]]:
        return [[int(word) for word in piece.split()] for piece in pieces]


def build() -> Transformer:
    torch.manual_seed(1)
    model = Transformer(CONFIG)
    with torch.no_grad():
        model.embedding.weight[-1] = 0
    return model.eval()


class Bandwidth:
    """gigabytes: a second, of the quickest of four ways to read 512 MB four times over."""

    def __init__(self) -> None:
        self.gigabytes = 0.0
        self._numbers = torch.ones(2**27)
        self._matrix = build_matrix(self._numbers.view(-1, 4096), None, "float32")

    @torch.inference_mode()
    def measure(self) -> None:
        row, numbers = torch.ones(1, 4096), self._numbers
        for read in (numbers.sum, numbers.max, numbers.view(torch.float64).sum, lambda: self._matrix(row)):
            began = time.perf_counter()
            for _ in range(4):
                read()
            self.gigabytes = max(self.gigabytes, 4 * 4 * len(numbers) / 1e9 / (time.perf_counter() - began))


class Ours:
    """seconds: of a token after the first; whole: of a reply with its prompt. The best of all rounds."""

    def __init__(self, loaded: LoadedModel) -> None:
        self.loaded, self.seconds, self.whole, self.tokens = loaded, float("inf"), float("inf"), [0]

    def write(self, count: int) -> None:
        began = time.perf_counter()
        stream = generate(self.loaded, PROMPT, GREEDY, count, details=False)
        self.tokens = [next(stream).token_id]
        first = time.perf_counter()
        self.tokens += [token.token_id for token in stream]
        ended = time.perf_counter()
        self.whole = min(self.whole, ended - began)
        self.seconds = min(self.seconds, (ended - first) / (count - 1))


class Theirs:
    """transformers.generate in the same type. Its tokens after the first take what more of them take longer."""

    def __init__(self, folder: Path, dtype: torch.dtype) -> None:
        from transformers import AutoModelForCausalLM

        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).eval()
        self.seconds, self.whole, self.tokens = float("inf"), float("inf"), [0]

    @torch.inference_mode()
    def write(self, count: int) -> None:
        ids = torch.tensor([PROMPT])
        options: dict[str, Any] = {"do_sample": False, "eos_token_id": None, "pad_token_id": 0}
        began = time.perf_counter()
        self.model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=1, **options)
        first = time.perf_counter()
        out = self.model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=count, **options)
        ended = time.perf_counter()
        self.tokens = out[0, len(PROMPT) :].tolist()
        self.whole = min(self.whole, ended - first)
        self.seconds = min(self.seconds, ((ended - first) - (first - began)) / (count - 1))


def bytes_read(kind: str, count: int) -> float:
    """For a token in the middle of a reply: every matrix once, and keys and values of what stands before."""
    kept = 2 * CONFIG.n_layer * CONFIG.n_kv_head * CONFIG.head_dim * 4
    return CONFIG.matrix_parameters() * BYTES[kind] + kept * (len(PROMPT) + count / 2)


def pack(report: Report, model: Transformer) -> dict[str, Ours]:
    found = {}
    for kind in BYTES:
        loaded = LoadedModel(model, Words(), "cpu", kind, "benchmark", 0, fixed=True)
        gc.collect()
        before, began = psutil.Process().memory_info().rss, time.perf_counter()
        if loaded.packed() is None:
            raise SystemExit(f"there is no memory for {kind} weights beside the plain model")
        report.add(f"{kind}: packing", time.perf_counter() - began, "s")
        report.add(f"{kind}: memory of the packed copy", (psutil.Process().memory_info().rss - before) / 1e6, "MB")
        found[kind] = Ours(loaded)
    found["plain float32"] = Ours(LoadedModel(model, Words(), "cpu", "float32", "benchmark", 0))
    return found


def one_reply(report: Report, folder: Path, ours: dict[str, Ours], rounds: int, count: int) -> float:
    """All in turn, so that a busy moment of the machine falls on each. Returns the bandwidth in GB/s."""
    bandwidth = Bandwidth()
    theirs = {kind: Theirs(folder, getattr(torch, kind)) for kind in ("float32", "bfloat16")}
    for _ in range(rounds):
        for writer in (*theirs.values(), *ours.values()):
            writer.write(count)
        bandwidth.measure()
    report.add("reading memory, measured", bandwidth.gigabytes, "GB/s")
    for kind, their in theirs.items():
        report.add(f"{kind}: transformers.generate", count / their.whole, "tokens/s")
    for kind in BYTES:
        our, goal = ours[kind], ">= 0.6" if kind != "int8" else ""
        report.add(f"{kind}: ours, batch 1, packed path", count / our.whole, "tokens/s")
        if kind in theirs:
            report.add(f"{kind}: ours over transformers.generate", theirs[kind].whole / our.whole, "times", ">= 2")
        share = bytes_read(kind, count) / our.seconds / 1e9 / bandwidth.gigabytes
        report.add(f"{kind}: share of the bandwidth, packed path", share, "share", goal)
    report.add("float32: ours, batch 1, plain path", count / ours["plain float32"].whole, "tokens/s")
    report.add("int8 over bfloat16, packed path", ours["bfloat16"].whole / ours["int8"].whole, "times", ">= 1.4")
    same = sum(a == b for a, b in zip(ours["float32"].tokens, theirs["float32"].tokens, strict=True))
    report.add("float32: same greedy tokens as transformers", same / count, "share", ">= 1")
    return bandwidth.gigabytes


def llama_cpp(report: Report, folder: Path, model: Transformer, ours: dict[str, Ours], count: int) -> None:
    """Nothing where its binding is not installed. Keys and values in its default, float16."""
    for form, kind in (("f32", "float32"), ("bf16", "bfloat16"), ("q8_0", "int8")):
        path = folder / f"{form}.gguf"
        for _ in write_gguf(path, CONFIG, weights(model), ByteTokenizer(), form, name="benchmark"):
            pass
        command = [str(part) for part in (path, count, torch.get_num_threads(), *PROMPT)]
        out = subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.generation_llama", *command], stdout=subprocess.PIPE, check=True
        )
        path.unlink()
        told = json.loads(out.stdout.splitlines()[-1])
        if not told["installed"]:
            print("llama.cpp: its binding is not installed", file=sys.stderr)
            return
        report.add(f"{kind}: llama.cpp, {form}", 1 / told["seconds"], "tokens/s after the first")
        report.add(f"{kind}: ours, packed path, the same", 1 / ours[kind].seconds, "tokens/s after the first")
        if form == "f32":
            same = sum(a == b for a, b in zip(told["tokens"], ours[kind].tokens, strict=True))
            report.add("float32: same greedy tokens as llama.cpp", same / count, "share", ">= 1")


def many_replies(report: Report, ours: dict[str, Ours], count: int) -> None:
    """64 prompts of 16 to 48 tokens, the better of two times; keeping freed memory, as a process that trains does."""
    keep_freed_memory()
    lengths = np.random.default_rng(1).integers(16, 49, ROWS)
    prompts = [[(31 * row + 7919 * n) % 31_000 for n in range(length)] for row, length in enumerate(lengths)]
    for kind in BYTES:
        rate = 0.0
        for _ in range(2):
            began = time.perf_counter()
            *_, replies = generate_batch(ours[kind].loaded, prompts, GREEDY, count)
            rate = max(rate, sum(len(reply.ids) for reply in replies) / (time.perf_counter() - began))
        report.add(f"{kind}: ours, {ROWS} rows, packed path", rate, "tokens/s")
        report.add(f"{kind}: {ROWS} rows over one", rate * ours[kind].whole / count, "times", ">= 8")


def rounding(report: Report, folder: Path, changes: dict[str, int]) -> None:
    """Of a model that has learnt something: the first recipe, cut short."""
    workspace = open_workspace(folder / "workspace")
    begun = RecipeRun.create(workspace, load_recipe("first-words", changes))
    events = [event for event in begun.work(Control(begun.control_folder)) if isinstance(event, ArtifactReady)]
    shards = TokenShards(workspace.root / next(event.folder for event in events if event.kind == "shards"))
    for kind in ("bfloat16", "int8"):
        loaded = load_model(workspace, begun.folder, device="cpu", weights=kind)
        *_, loss = measure_rounding(loaded, held_out(shards, loaded.model.config.context_length))
        assert isinstance(loss, RoundingLoss)
        if kind == "bfloat16":
            report.add("float32: held-out text", loss.exact, "bits per byte")
        report.add(f"{kind}: held-out text", loss.rounded, "bits per byte")
        report.add(f"{kind}: lost by rounding", loss.rounded - loss.exact, "bits per byte")


def main() -> None:
    options = arguments(__doc__ or "")
    report, rounds, count = Report("generation"), 2 if options.quick else 6, 32 if options.quick else 64
    set_threads(0)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        model = build()
        write_model(folder / "llama", CONFIG, weights(model))
        ours = pack(report, model)
        one_reply(report, folder / "llama", ours, rounds, count)
        many_replies(report, ours, count)
        llama_cpp(report, folder, model, ours, count)
        rounding(report, folder, QUICK_TRAINING if options.quick else TRAINING)
    report.end()


if __name__ == "__main__":
    main()
