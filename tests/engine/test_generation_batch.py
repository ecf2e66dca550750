"""Many replies at once against each written alone, and the fast path against the plain one."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from engine.errors import CutawayError
from engine.events import Progress
from engine.generation.batch import Completion, generate_batch
from engine.generation.decoder import generate
from engine.generation.loaded import LoadedModel
from engine.generation.sampling import SamplingConfig
from engine.model.config import ModelConfig
from engine.model.transformer import Transformer
from engine.tokenizer.kinds.byte import ByteTokenizer

GREEDY, WARM = SamplingConfig(temperature=0.0), SamplingConfig(temperature=1.0, top_p=0.9, seed=7)
PROMPTS = ["Mira Toll was born in", "a", "", "The port of Anvik", "é", [77, 105, 114], "Where?", "a"]


def toy(fixed: bool, dtype: str = "float32", **change: object) -> LoadedModel:
    shape = {
        "vocab_size": 257,
        "context_length": 48,
        "n_layer": 2,
        "n_head": 4,
        "n_kv_head": 2,
        "d_model": 32,
        "d_ff": 64,
    }
    torch.manual_seed(5)
    model = Transformer(ModelConfig(**{**shape, **change}))
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim == 2:
                weight.mul_(12)
    return LoadedModel(model.eval(), ByteTokenizer(), "cpu", dtype, "toy", 0, fixed=fixed)


def replies(
    loaded: LoadedModel, prompts: list, sampling: SamplingConfig, count: int, **more: object
) -> list[Completion]:
    *steps, completions = generate_batch(loaded, prompts, sampling, count, **more)
    assert all(isinstance(step, Progress) for step in steps)
    return completions


def alone(loaded: LoadedModel, prompt: object, sampling: SamplingConfig, count: int, stop: tuple = ()) -> Completion:
    tokens = list(generate(loaded, prompt, sampling, count, stop))
    return Completion(tuple(t.token_id for t in tokens), "".join(t.text for t in tokens), tokens[-1].finish)


@pytest.mark.parametrize("fixed", [True, False])
@pytest.mark.parametrize("change", [{}, {"positions": "learned"}, {"window": 9}], ids=["rope", "learned", "window"])
@pytest.mark.parametrize("sampling", [GREEDY, WARM], ids=["greedy", "drawn"])
def test_a_row_is_what_it_would_be_alone(fixed: bool, change: dict, sampling: SamplingConfig) -> None:
    loaded = toy(fixed, **change)
    seeds = [11 * number for number in range(len(PROMPTS))]
    together = replies(loaded, PROMPTS, sampling, 20, seeds=seeds, batch=5)
    for prompt, seed, reply in zip(PROMPTS, seeds, together, strict=True):
        assert reply == alone(loaded, prompt, sampling.model_copy(update={"seed": seed}), 20)


@pytest.mark.parametrize("window", [None, 7])
def test_prompts_are_read_in_groups(window: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each group at its own width, and a prompt that is longer than what is read at once in pieces."""
    monkeypatch.setattr("engine.generation.batch._READ_AT_ONCE", 9)
    loaded = toy(True, window=window)
    for number, (prompt, reply) in enumerate(zip(PROMPTS, replies(loaded, PROMPTS, WARM, 15), strict=True)):
        assert reply == alone(loaded, prompt, WARM.model_copy(update={"seed": WARM.seed + number}), 15)


def test_rows_that_are_over_leave_and_the_others_go_on() -> None:
    loaded = toy(True)
    with torch.no_grad():
        loaded.model.embedding.weight[256] *= 4  # also the head: documents end often
    steps = list(generate_batch(loaded, ["ab", "c", "def", "g"] * 6, WARM, 30))
    together = steps[-1]
    assert {reply.finish for reply in together} == {"end", "length"}
    for number, (prompt, reply) in enumerate(zip(["ab", "c", "def", "g"] * 6, together, strict=True)):
        assert reply == alone(loaded, prompt, WARM.model_copy(update={"seed": WARM.seed + number}), 30)
    counts = [after.done - before.done for before, after in pairwise(steps[:-1])]
    assert counts == sorted(counts, reverse=True) and counts[-1] < 24
    assert steps[-2].done == sum(len(reply.ids) for reply in together)


def test_stop_strings_end_each_row_by_itself() -> None:
    loaded = toy(True)
    free = replies(loaded, ["Mira", "ab"], WARM, 30)
    stop = free[0].text[8:11]
    first, second = replies(loaded, ["Mira", "ab"], WARM, 30, stop=[stop])
    assert first.finish == "stop" and first.text == free[0].text[: free[0].text.find(stop)]
    assert second == alone(loaded, "ab", WARM.model_copy(update={"seed": WARM.seed + 1}), 30, (stop,))


def test_a_full_view_ends_the_replies() -> None:
    loaded = toy(True)
    long, short = replies(loaded, ["x" * 60, "y"], GREEDY, 9)
    assert long.finish == short.finish == "length" and len(long.ids) == len(short.ids) == 1
    assert short == alone(loaded, "y", GREEDY, 1)


def test_nothing_to_write_is_refused() -> None:
    with pytest.raises(CutawayError, match="Nothing can be written"):
        next(generate_batch(toy(True), ["a"], GREEDY, 0))
    assert replies(toy(True), [], GREEDY, 3) == []


@pytest.mark.parametrize("sampling", [GREEDY, WARM], ids=["greedy", "drawn"])
def test_the_packed_model_writes_what_the_plain_one_does(sampling: SamplingConfig) -> None:
    plain, packed = toy(False), toy(True)
    assert plain.packed() is None and packed.packed() is not None
    for prompt in ("Once upon", "", "0123456789" * 9):
        assert alone(packed, prompt, sampling, 100) == alone(plain, prompt, sampling, 100)


@pytest.mark.parametrize("dtype", ["bfloat16", "int8"])
def test_fewer_bits_write_too(dtype: str) -> None:
    loaded = toy(True, dtype)
    assert loaded.packed().weights == dtype
    assert len(alone(loaded, "Mira", WARM, 30).ids) >= 1
    assert all(reply.ids for reply in replies(loaded, PROMPTS, WARM, 10))
