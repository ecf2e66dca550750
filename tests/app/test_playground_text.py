from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np

from app.jobs.run_summary import RunSummary
from app.pages.playground.candidates_panel import cut, kept_share, percent, settings_words, title
from app.pages.playground.head_kinds import head_kinds, induction_scores, previous_scores
from app.pages.playground.inspections import _look_words, _ordinal
from app.pages.playground.sources import at, choose, list_sources
from app.pages.playground.text import Drawn, TextToken, after_edit, joined, make_room, reply_index
from engine.events import RunState
from engine.generation.distribution import Distribution, describe
from engine.generation.sampling import SamplingConfig

DRAWN = Drawn(0, 7, 0.8, 0.5, 0.4, 1, 2.0)


def tokens(*texts: str, written_from: int = 99) -> list[TextToken]:
    return [
        TextToken(index, text.encode(), text, DRAWN if index >= written_from else None)
        for index, text in enumerate(texts)
    ]


def distribution(probabilities: list[float]) -> Distribution:
    logits = np.log(np.array(probabilities, dtype=np.float32))
    return describe(logits, (), SamplingConfig(temperature=1.0), 12, lambda token_id: f" t{token_id}")


def test_an_edit_keeps_the_tokens_before_it():
    text = tokens("Mira", " Toll", " was", " born", written_from=2)
    kept, rest = after_edit(text, "Mira Toll was here")
    assert joined(kept) == "Mira Toll was"
    assert rest == " here"
    assert kept[2] is text[2]


def test_an_edit_inside_a_word_takes_the_whole_word_back():
    kept, rest = after_edit(tokens("She", " glass", "blow", "er"), "She glassblows")
    assert joined(kept) == "She"
    assert rest == " glassblows"


def test_an_edit_behind_the_text_keeps_all_but_a_word_that_goes_on():
    kept, rest = after_edit(tokens("a", " b"), "a b c")
    assert (joined(kept), rest) == ("a b", " c")
    kept, rest = after_edit(tokens("a", " b"), "a bc")
    assert (joined(kept), rest) == ("a", " bc")


def test_split_characters_survive_an_edit():
    text = [TextToken(1, b"na", "na"), TextToken(2, b"\xc3", "\ufffd"), TextToken(3, b"\xaf", "\ufffd")]
    kept, rest = after_edit(text, "naï x")
    assert (joined(kept), rest) == ("naï", " x")
    kept, rest = after_edit(text, "na x")
    assert (joined(kept), rest) == ("na", " x")


def test_a_reply_is_what_stands_after_the_last_typed_token():
    text = tokens("a", "b", "c", written_from=1)
    assert reply_index(text) == 2
    assert reply_index([*text, TextToken(9, b"x", "x")]) == 0


def test_old_predictions_make_room():
    text = tokens("a", "b", "c")
    wide = distribution([0.5, 0.5])
    huge = Distribution(np.zeros(2_000_000, dtype=np.float32), (), wide.filtered, wide.candidates)
    for token in text:
        token.prediction = huge
    make_room(text)
    assert [token.prediction is None for token in text] == [True, True, False]


def test_the_cut_says_what_was_kept_before_it_was_shared_out_again():
    raw = distribution([0.5, 0.3, 0.15, 0.05])
    sampling = SamplingConfig(temperature=1.0, top_p=0.9)
    found = cut(raw.under(sampling), sampling)
    assert found is not None
    assert found.left == "top-p 0.90"
    assert found.right == "3 kept, together 95.0%; 1 tokens excluded"
    assert abs(kept_share(raw.under(sampling), sampling) - 0.95) < 1e-6
    assert cut(raw, SamplingConfig(temperature=1.0)) is None
    greedy = SamplingConfig(temperature=0.0)
    assert "only the best" in cut(raw.under(greedy), greedy).right


def test_titles_and_words():
    assert title(tokens("She", " works", " as", " a"), 4) == "Next token after “works as a”"
    assert title([], 0) == "First token"
    assert settings_words(SamplingConfig(top_p=0.9)) == "T and top-p"
    assert settings_words(SamplingConfig(top_k=5, top_p=0.9, repetition_penalty=1.2)) == (
        "T, top-k, top-p and repetition penalty"
    )
    assert [_ordinal(rank) for rank in (2, 11, 21, 22, 113)] == ["second", "11th", "21st", "22nd", "113th"]


def test_words_are_about_the_very_cell():
    words = _look_words("P", ".", "ira", 7, 0.057)
    assert words == (
        "While the model reads `.`, this head takes 5.7% from `ira`, 7 tokens back. "
        "As a rule it looks at the token before."
    )
    assert "keeps 97.0% of its attention" in _look_words("", "Mira", "Mira", 0, 0.97)


def test_shares_are_never_rounded_to_all_or_nothing():
    shares = (0.0, 0.0001, 0.003, 0.5, 0.997, 0.9999, 1.0)
    assert [percent(share) for share in shares] == ["0.0%", "<0.1%", "0.3%", "50.0%", "99.7%", ">99.9%", "100.0%"]


def test_heads_with_a_habit_are_found():
    ids = [1, 2, 3, 1, 2, 3, 1, 2]
    length = len(ids)
    weights = np.zeros((1, 3, length, length), dtype=np.float16)
    weights[0, :, 0, 0] = 1
    for row in range(1, length):
        weights[0, 0, row, row - 1] = 1
        weights[0, 1, row, row - 2 if row >= 3 else 0] = 1  # what followed three tokens ago
        weights[0, 2, row, 0] = 1
    assert previous_scores(weights)[0, 0] == 1
    assert induction_scores(weights, ids)[0, 1] == 1
    assert head_kinds(weights, ids) == {(0, 0): "P", (0, 1): "I"}
    assert induction_scores(weights, list(range(length))) is None


def summary(folder: Path, name: str = "first-words") -> RunSummary:
    return RunSummary(folder, name, datetime(2026, 11, 21, 9, 14).astimezone(), RunState.DONE, "Done", has_model=True)


def checkpoints(run: Path, *steps: int) -> None:
    for step in steps:
        folder = run / "4-pretrain" / "checkpoints" / f"step-{step:06d}"
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_text("{}")
    (run / "4-pretrain" / "checkpoints" / ".tmp-step").mkdir()


def test_the_best_checkpoint_of_a_tuning_comes_first(tmp_path):
    run = tmp_path / "assistant"
    checkpoints(run, 20)
    for step in (100, 200):
        folder = run / "6-sft" / "checkpoints" / f"step-{step:06d}"
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_text("{}")
    now = datetime(2026, 11, 21, 10, 0).astimezone()
    details = [source.detail for source in list_sources([summary(run, "assistant")], None, now)]
    assert details == ["step 200", "step 100", "step 20, before fine-tuning"]
    (run / "6-sft" / "best.json").write_text('{"checkpoint": "step-000100"}')
    details = [source.detail for source in list_sources([summary(run, "assistant")], None, now)]
    assert details == ["step 100, best", "step 200", "step 20, before fine-tuning"]


def test_sources_are_the_newest_run_first_and_its_newest_checkpoint_first(tmp_path):
    first, second = tmp_path / "b", tmp_path / "a"
    checkpoints(first, 300, 600)
    checkpoints(second, 500)
    now = datetime(2026, 11, 21, 12, 0).astimezone()
    sources = list_sources([summary(first), summary(second)], None, now)
    assert [source.place.name for source in sources] == ["step-000600", "step-000300", "step-000500"]
    assert sources[0].detail == "step 600, today 09:14"
    assert choose(sources, None) is sources[0]
    assert choose(sources, sources[1]) is sources[1]
    assert at(sources, second) is sources[2]
    assert at(sources, first / "4-pretrain") is sources[0]
    assert at(sources, sources[1].place) is sources[1]
    assert at(sources, tmp_path / "elsewhere") is None
    assert choose([], sources[0]) is None
