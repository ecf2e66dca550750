"""Writing with the cache: what is written, how it is cut into pieces, and that the model is left as it was."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import CutawayError
from engine.generation.decoder import GeneratedToken, generate, next_token
from engine.generation.loaded import LoadedModel
from engine.generation.reading import Reading
from engine.generation.sampling import SamplingConfig
from engine.generation.stopping import StopStrings
from engine.model.config import ModelConfig
from engine.model.transformer import Transformer
from engine.tokenizer.kinds.byte import ByteTokenizer

CONTEXT = 24


def toy(**change: object) -> LoadedModel:
    """Weights large enough that its opinions differ: it writes bytes, among them broken UTF-8."""
    config = ModelConfig(
        **{
            "vocab_size": 257,
            "context_length": CONTEXT,
            "n_layer": 2,
            "n_head": 4,
            "n_kv_head": 2,
            "d_model": 32,
            "d_ff": 64,
            **change,
        }
    )
    torch.manual_seed(5)
    model = Transformer(config)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim == 2:
                weight.mul_(12)
    return LoadedModel(model.eval(), ByteTokenizer(), "cpu", "float32", "toy", 0)


LOADED = toy()
WARM = SamplingConfig(temperature=1.0, seed=3)
GREEDY = SamplingConfig(temperature=0.0)


def text_of(tokens: list[GeneratedToken]) -> str:
    return "".join(token.text for token in tokens)


@pytest.mark.parametrize("positions", ["rope", "learned"])
def test_cached_decoding_equals_the_full_forward_pass(positions: str) -> None:
    loaded = toy(positions=positions)
    reading = Reading(loaded, loaded.tokenizer.encode("abc"))
    for token_id in range(40, 40 + CONTEXT - 3):
        with torch.inference_mode():
            full = loaded.model(torch.tensor([reading.ids]))[0, -1].numpy()
        np.testing.assert_allclose(reading.logits(), full, rtol=1e-4, atol=1e-4)
        reading.append(token_id)


def test_greedy_takes_the_likeliest_of_a_full_forward_pass() -> None:
    ids = LOADED.tokenizer.encode("Once")
    for token in generate(LOADED, "Once", GREEDY, 15):
        with torch.inference_mode():
            assert token.token_id == int(LOADED.model(torch.tensor([ids]))[0, -1].argmax())
        ids.append(token.token_id)
        assert token.probability == 1.0 and token.rank == 1


def test_a_seed_gives_the_same_text_however_it_is_streamed() -> None:
    whole = list(generate(LOADED, "Mira", WARM, 60))
    first, second = generate(LOADED, "Mira", WARM, 60), generate(LOADED, "Mira", WARM, 60)
    interleaved = [pair[0] for pair in zip(first, second, strict=True)]
    assert [t.token_id for t in interleaved] == [t.token_id for t in whole]
    assert text_of(list(generate(LOADED, "Mira", WARM, 20))).rstrip("�") in text_of(whole)
    other = list(generate(LOADED, "Mira", WARM.model_copy(update={"seed": 4}), 60))
    assert [t.token_id for t in other] != [t.token_id for t in whole]


def test_a_reply_in_steps_is_the_reply_in_one_stream():
    whole = list(generate(LOADED, "Mira", WARM, 12))
    ids = LOADED.tokenizer.encode("Mira")
    for index, expected in enumerate(whole):
        (token,) = generate(LOADED, ids, WARM, 1, start=index)
        assert (token.index, token.token_id) == (index, expected.token_id)
        assert token.prediction.candidate(token.token_id, "").after == token.probability
        ids.append(token.token_id)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_texts_joined_are_the_bytes_joined(seed: int) -> None:
    tokens = list(generate(LOADED, "é", SamplingConfig(temperature=2.0, seed=seed), 30))
    assert text_of(tokens) == b"".join(token.data for token in tokens).decode(errors="replace")
    assert tokens[-1].finish in ("length", "end")
    assert all(token.finish == "" for token in tokens[:-1])


def test_what_is_told_of_a_token_agrees_with_its_distribution() -> None:
    for token in generate(LOADED, "x", SamplingConfig(temperature=0.7, top_k=5, seed=1), 20, candidates=8):
        shown = {candidate.token_id: candidate for candidate in token.candidates}
        chosen = shown[token.token_id]
        assert (chosen.after, chosen.before) == (token.probability, token.probability_before)
        assert len(token.candidates) in (8, 9)
        assert sum(candidate.after for candidate in token.candidates) == pytest.approx(1.0)
        assert 0 <= token.entropy_after <= np.log2(5) + 1e-9
        assert token.candidates[token.rank - 1].token_id == token.token_id
        assert token.seconds > 0


def test_a_stop_string_ends_the_text_before_it_across_token_borders() -> None:
    free = text_of(list(generate(LOADED, "Mira", WARM, 40)))
    stop = free[10:13]  # of bytes as tokens, so over at least three of them
    place = free.find(stop)
    stopped = list(generate(LOADED, "Mira", WARM, 40, stop=["never in there", stop]))
    assert text_of(stopped) == free[:place]
    assert stopped[-1].finish == "stop"


@settings(max_examples=200, deadline=None)
@given(
    st.text("ab.", max_size=30),
    st.lists(st.text("ab.", min_size=1, max_size=4), max_size=3),
    st.lists(st.integers(1, 4), min_size=1),
)
def test_stop_strings_are_found_whatever_the_pieces(text: str, stops: list[str], sizes: list[int]) -> None:
    watch, out, position, step = StopStrings(stops), "", 0, 0
    while position < len(text):
        size = sizes[step % len(sizes)]
        out += watch.feed(text[position : position + size])
        position, step = position + size, step + 1
    out += watch.flush()
    ends = [text.find(stop) for stop in stops if stop in text]
    assert watch.found == bool(ends)
    if not ends:
        assert out == text
    else:  # the earliest to be complete ends the text; nothing of any stop string is shown
        assert text.startswith(out)
        assert not any(stop in out for stop in stops)


def test_a_prompt_longer_than_the_context_keeps_its_end_and_says_so() -> None:
    text = "0123456789" * 5
    tokens = list(generate(LOADED, text, GREEDY, 3))
    short = list(generate(LOADED, text[-CONTEXT:], GREEDY, 3))
    assert [t.token_id for t in tokens] == [t.token_id for t in short]
    assert "only the last 24 were read" in tokens[0].note


def test_the_view_slides_when_it_is_full_and_says_so() -> None:
    tokens = list(generate(LOADED, "ab", WARM, 3 * CONTEXT))
    assert len(tokens) == 3 * CONTEXT or tokens[-1].finish == "end"
    notes = [token.index for token in tokens if token.note]
    # 24 fit; the 25th leaves 12 in view, and so on every 13th after it
    assert notes == [23, 36, 49, 62]
    ids = LOADED.tokenizer.encode("ab") + [t.token_id for t in tokens[:23]]
    seen = next_token(LOADED, ids[-12:], WARM)
    assert seen.filtered.before[tokens[23].token_id] == pytest.approx(tokens[23].probability_before, rel=1e-4)


def test_an_empty_prompt_begins_a_document() -> None:
    end = LOADED.tokenizer.end_id
    empty, begun = list(generate(LOADED, "", GREEDY, 5)), list(generate(LOADED, [end], GREEDY, 5))
    assert [t.token_id for t in empty] == [t.token_id for t in begun]


def test_the_end_of_the_document_ends_the_reply_without_text() -> None:
    loaded = toy()
    with torch.no_grad():
        loaded.model.final_norm.weight.zero_()  # every token equally likely
    sampling = SamplingConfig(temperature=1.0, seed=2)
    replies = [list(generate(loaded, "a", sampling.model_copy(update={"seed": s}), 200)) for s in range(6)]
    ended = [reply[-1] for reply in replies if reply[-1].finish == "end"]
    assert ended and all(token.token_id == 256 and token.data == b"" for token in ended)


def test_nothing_to_write_is_refused() -> None:
    with pytest.raises(CutawayError, match="Nothing can be written"):
        next(generate(LOADED, "a", WARM, 0))


def test_a_model_in_training_is_left_as_it_was() -> None:
    loaded = toy(dropout=0.5)
    model = loaded.model.train()
    model(torch.tensor([[1, 2, 3]])).sum().backward()
    gradients = [p.grad.clone() for p in model.parameters()]
    state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()
    stream = generate(loaded, "abc", WARM, 4)
    for _ in stream:
        assert model.training and not torch.is_inference_mode_enabled() and torch.is_grad_enabled()
    assert torch.equal(torch.get_rng_state(), state)
    assert np.array_equal(np.random.get_state()[1], numpy_state)
    assert all(torch.equal(p.grad, g) for p, g in zip(model.parameters(), gradients, strict=True))
    model(torch.tensor([[1, 2, 3]])).sum().backward()  # still trains


@pytest.mark.parametrize("fused", [True, False])
def test_a_model_that_learns_between_two_tokens_is_read_anew(fused: bool) -> None:
    loaded = toy()
    optimizer = torch.optim.AdamW(loaded.model.parameters(), lr=0.05, fused=fused)
    reading = Reading(loaded, [1, 2, 3])
    reading.logits()
    loaded.model(torch.tensor([[5, 6, 7]])).square().mean().backward()
    optimizer.step()
    reading.append(9)
    with torch.inference_mode():
        full = loaded.model(torch.tensor([[1, 2, 3, 9]]))[0, -1].numpy()
    np.testing.assert_allclose(reading.logits(), full, rtol=1e-4, atol=1e-4)


def test_a_model_of_nan_is_named() -> None:
    loaded = toy()
    with torch.no_grad():
        loaded.model.final_norm.weight.fill_(float("nan"))
    with pytest.raises(CutawayError, match="no usable prediction"):
        next_token(loaded, "a", WARM)
