"""Character-level Shakespeare with nanoGPT's CPU budget, beside a plain GPT-2 loop of the same budget written here.

4 layers, width 128, context 64, 2,000 steps of 12 sequences; nanoGPT's split (the last tenth is held out).
nanoGPT's README reports 1.88 nats per character on held-out text.

python -m tests.benchmarks.shakespeare [--quick]
"""

from __future__ import annotations

import json
import math
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from engine.control import Control
from engine.events import Failed, StepMetrics, Validation
from engine.launch.local import RecipeRun
from engine.launch.recipe import load_recipe
from engine.store.workspace import open_workspace
from tests.benchmarks.report import Report, arguments

TEXT = Path(__file__).parents[3] / "shared" / "data" / "tinyshakespeare.txt"
STEPS, ROWS, LENGTH, WIDTH, LAYERS, HEADS = 2000, 12, 64, 128, 4, 4


class PlainBlock(nn.Module):
    """GPT-2's block as nanoGPT writes it: LayerNorm, GELU, biases off."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.LayerNorm(WIDTH, bias=False), nn.LayerNorm(WIDTH, bias=False)
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH, bias=False), nn.Linear(WIDTH, WIDTH, bias=False)
        self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH, bias=False), nn.Linear(4 * WIDTH, WIDTH, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, length, _ = x.shape
        q, k, v = (
            t.view(batch, length, HEADS, -1).transpose(1, 2) for t in self.qkv(self.first(x)).split(WIDTH, dim=2)
        )
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(batch, length, WIDTH))
        return x + self.down(functional.gelu(self.up(self.second(x))))


class PlainGPT(nn.Module):
    def __init__(self, vocab_size: int) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(vocab_size, WIDTH), nn.Embedding(LENGTH, WIDTH)
        self.blocks = nn.Sequential(*(PlainBlock() for _ in range(LAYERS)))
        self.norm, self.head = nn.LayerNorm(WIDTH, bias=False), nn.Linear(WIDTH, vocab_size, bias=False)
        self.head.weight = self.tokens.weight
        for name, weight in self.named_parameters():
            if weight.ndim == 2:
                scale = 0.02 / math.sqrt(2 * LAYERS) if name.endswith(("out.weight", "down.weight")) else 0.02
                nn.init.normal_(weight, std=scale)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        x = self.tokens(ids) + self.places(torch.arange(ids.shape[1]))
        return self.head(self.norm(self.blocks(x)))


def plain_loss(text: str, steps: int) -> tuple[float, float]:
    """Held-out loss of nanoGPT's CPU recipe (AdamW 1e-3, betas .9 .99, cosine to 1e-4, warmup 100), and its seconds."""
    torch.manual_seed(1337)
    letters = sorted(set(text))
    ids = torch.tensor([letters.index(letter) for letter in text])
    cut = int(0.9 * len(ids))
    model = PlainGPT(len(letters))
    matrices = [p for p in model.parameters() if p.ndim >= 2]
    rest = [p for p in model.parameters() if p.ndim < 2]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}], lr=1e-3, betas=(0.9, 0.99)
    )
    began = time.perf_counter()
    for step in range(steps):
        rate = 1e-3 * (step + 1) / 100 if step < 100 else 0.0
        share = (step - 100) / max(steps - 100, 1)
        rate = rate or 1e-4 + 0.5 * 9e-4 * (1 + math.cos(math.pi * share))
        for group in optimizer.param_groups:
            group["lr"] = rate
        starts = torch.randint(cut - LENGTH - 1, (ROWS,))
        rows = torch.stack([ids[start : start + LENGTH + 1] for start in starts])
        loss = functional.cross_entropy(model(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    seconds = time.perf_counter() - began
    return held_out(model, ids[cut:].numpy()), seconds


@torch.no_grad()
def held_out(model: nn.Module, ids: np.ndarray) -> float:
    """Over every window of the held-out tenth."""
    windows = (len(ids) - 1) // LENGTH
    rows = np.stack([ids[i * LENGTH : i * LENGTH + LENGTH + 1] for i in range(windows)]).astype(np.int64)
    total = 0.0
    for part in torch.from_numpy(rows).split(256):
        logits = model(part[:, :-1])
        total += float(functional.cross_entropy(logits.flatten(0, 1), part[:, 1:].flatten(), reduction="sum"))
    return total / (windows * LENGTH)


def ours(folder: Path, steps: int) -> tuple[float, float]:
    """The preset `shakespeare` as a user runs it, validated on the whole held-out tenth."""
    changes = {
        "corpus.paths": [str(TEXT)],
        "pretrain.steps": steps,
        "pretrain.evaluate_every": steps,
        "pretrain.evaluate_rows": 1_000_000,
    }
    run = RecipeRun.create(open_workspace(folder), load_recipe("shakespeare", changes))
    loss, speeds = math.nan, []
    for event in run.work(Control()):
        if isinstance(event, Failed):
            raise SystemExit(f"{event.what} {event.why} {event.remedy}")
        if isinstance(event, Validation):
            loss = event.loss
        if isinstance(event, StepMetrics):
            speeds.append(event.tokens_per_second)
    return loss, steps * ROWS * LENGTH / float(np.mean(speeds))


def main() -> None:
    options = arguments(__doc__ or "")
    if not TEXT.exists():
        raise SystemExit(f"{TEXT.name} is not here: put it into shared/data beside the project.")
    report = Report("shakespeare")
    steps = 300 if options.quick else STEPS
    with tempfile.TemporaryDirectory() as folder:
        loss, seconds = ours(Path(folder), steps)
    print(json.dumps({"ours": loss, "seconds": seconds}), file=sys.stderr)
    plain, plain_seconds = plain_loss(TEXT.read_text(encoding="utf-8"), steps)
    report.add("validation loss", loss, "nats per character", "" if options.quick else "<= 1.8")
    report.add("baseline: plain GPT-2 loop, same budget", plain, "nats per character")
    report.add("training", seconds, "s")
    report.add("baseline: its training", plain_seconds, "s")
    report.end()


if __name__ == "__main__":
    main()
