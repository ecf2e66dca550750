"""What rounded weights cost: measured against a slow sum, one token at a time, and told by the command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.cli import main
from engine.events import Progress
from engine.generation.loaded import LoadedModel
from engine.generation.reading import Reading
from engine.generation.rounding import RoundingLoss, measure_rounding
from engine.model.config import ModelConfig
from engine.model.transformer import Transformer
from engine.tokenizer.kinds.byte import ByteTokenizer

RECIPE = """
name = "tiny"
[corpus]
paths = ["{text}"]
[train_tokenizer]
kind = "byte"
[tokenize]
split = "tail"
[pretrain]
depth = 1
d_model = 32
n_head = 2
context_length = 16
batch_tokens = 128
steps = 4
sample_tokens = 3
"""


def toy(dtype: str, fixed: bool = True) -> LoadedModel:
    torch.manual_seed(5)
    config = ModelConfig(vocab_size=257, context_length=32, n_layer=2, n_head=4, n_kv_head=2, d_model=32, d_ff=64)
    model = Transformer(config)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim == 2:
                weight.mul_(8)
    return LoadedModel(model.eval(), ByteTokenizer(), "cpu", dtype, "toy", 0, fixed=fixed)


def token_by_token(loaded: LoadedModel, row: np.ndarray) -> float:
    """Bits, in float64, as it writes."""
    reading, bits = Reading(loaded, [int(row[0])]), 0.0
    for token_id in row[1:].tolist():
        scores = reading.logits().astype(np.float64)
        bits += (np.log(np.exp(scores - scores.max()).sum()) + scores.max() - scores[token_id]) / np.log(2)
        reading.append(token_id)
    return bits


@pytest.mark.parametrize(("dtype", "far"), [("bfloat16", 0.01), ("int8", 0.02)])
def test_the_loss_is_that_of_writing_it_token_by_token(dtype: str, far: float) -> None:
    loaded = toy(dtype)
    rows = np.random.default_rng(1).integers(0, 256, (3, 33))
    rows[1, 7] = 256  # the end of a document is predicted too, and is no byte of text
    batches = [(row[None, :-1], row[None, 1:]) for row in rows]
    *told, loss = measure_rounding(loaded, batches)
    assert [step.done for step in told if isinstance(step, Progress)] == [1, 2, 3]
    exact = sum(token_by_token(toy("float32"), row) for row in rows) / 95
    rounded = sum(token_by_token(loaded, row) for row in rows) / 95
    assert (loss.weights, loss.tokens) == (dtype, 96)
    assert loss.exact == pytest.approx(exact, rel=1e-4)
    assert loss.rounded == pytest.approx(rounded, rel=far)
    assert loss.rounded != loss.exact


def test_there_is_nothing_to_measure_without_text_or_rounding() -> None:
    batch = (np.zeros((1, 4), dtype=np.int64), np.zeros((1, 4), dtype=np.int64))
    assert list(measure_rounding(toy("int8"), [])) == []
    assert list(measure_rounding(toy("float32", fixed=False), [batch])) == []


def test_the_command_says_what_rounding_costs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text.txt").write_text(
        "It was a bright cold day in April, and the clocks were striking thirteen.\n" * 60
    )
    (tmp_path / "tiny.toml").write_text(RECIPE.format(text=(tmp_path / "text.txt").as_posix()))
    home = ["--workspace", str(tmp_path / "home")]
    assert main(["run", str(tmp_path / "tiny.toml"), "--threads", "1", *home]) == 0
    capsys.readouterr()
    asked = ["generate", "latest", "--prompt", "It was", "--max-tokens", "5", "--device", "cpu", *home]
    assert main([*asked, "--weights", "int8"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("It was")
    assert "With int8 weights the model needs" in err and "bits per byte of held-out text" in err
    assert main([*asked, "--weights", "bfloat16", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["weights"] == told["rounding"]["weights"] == "bfloat16"
    assert told["rounding"]["rounded"] == pytest.approx(told["rounding"]["exact"], rel=0.02)
    assert main(asked) == 0
    assert "bits per byte" not in capsys.readouterr().err


def test_the_loss_in_words() -> None:
    told = str(RoundingLoss("int8", 0.91234, 0.91301, 2048))
    assert told == (
        "With int8 weights the model needs 0.9130 bits per byte of held-out text, in float32 0.9123 (2,048 tokens)."
    )
