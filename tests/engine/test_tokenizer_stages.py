"""From a corpus to a tokenizer to shards, as a recipe runs it."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from engine.batches.packed import PackedBatches
from engine.batches.token_shards import TokenShards, check_tokenizer
from engine.control import Control
from engine.corpus.document import Document
from engine.corpus.split import is_validation, split_tail
from engine.corpus.stored import CorpusWriter
from engine.errors import CutawayError
from engine.events import ArtifactReady, CompressionMeasured, Event, MergeLearned, Notice, Progress
from engine.pipeline.stage import Context
from engine.stages import tokenize, train_tokenizer
from engine.store.artifact import making_artifact, open_artifact
from engine.store.run_folder import RunFolder
from engine.store.workspace import Workspace
from engine.tokenizer.kinds.bpe import BpeTokenizer
from engine.tokenizer.tokenizer import load_tokenizer
from engine.tokenizer.training_text import TrainingText

SHAKESPEARE = Path(__file__).resolve().parents[3] / "shared" / "data" / "tinyshakespeare.txt"
NAMES = ["Mira", "Tolla", "Anvik", "Berrin", "Selka", "Oswin", "Pelle", "Runa"]
DOCUMENTS = [
    f"{NAMES[n % 8]} has {n} boats. In winter {NAMES[n * 3 % 8]} paints boat number {n * n % 97} blue. 🛶\n"
    for n in range(600)
]

MakeContext = Callable[[list[str]], Context]


@pytest.fixture
def make_context(workspace: Workspace) -> MakeContext:
    def make(texts: list[str]) -> Context:
        folder = workspace.root / "corpora" / "made"
        with (
            making_artifact(folder, kind="corpus", stage="test", config={}, parents={}) as draft,
            CorpusWriter(draft.folder) as writer,
        ):
            for text in texts:
                writer.write(Document(text, "test"))
            draft.figures = {"documents": writer.documents, "bytes": writer.bytes}
        parents = {"corpus": open_artifact(folder, "corpus")}
        return Context(workspace, RunFolder(workspace.root / "runs" / "r"), Control(), "boats", parents)

    return make


def _train(context: Context, **settings: object) -> list[Event]:
    events = list(train_tokenizer.run(train_tokenizer.Config.model_validate(settings), context))
    return _remember(context, events)


def _tokenize(context: Context, **settings: object) -> list[Event]:
    return _remember(context, list(tokenize.run(tokenize.Config.model_validate(settings), context)))


def _remember(context: Context, events: list[Event]) -> list[Event]:
    ready = events[-1]
    assert isinstance(ready, ArtifactReady)
    context.parents[ready.kind] = open_artifact(context.workspace.root / ready.folder, ready.kind)
    return events


def _shards(context: Context) -> TokenShards:
    return TokenShards(context.parent("shards").folder)


def test_training_tells_words_and_figures(make_context: MakeContext) -> None:
    context = make_context(DOCUMENTS)
    events = _train(context, vocab_size=320)
    merges = [event for event in events if isinstance(event, MergeLearned)]
    assert any(event.joined == " boats" for event in merges) and len(merges) <= 60
    assert [event.step for event in merges] == sorted(event.step for event in merges)
    tokenizer = load_tokenizer(context.parent("tokenizer").folder)
    for event in merges:
        assert event.left + event.right == event.joined == tokenizer.token_text(event.token_id)
        assert event.joined.startswith(" ")
    figures = context.parent("tokenizer").manifest.figures
    assert figures["vocab_size"] == 320 and figures["kind"] == "bpe" and 1.5 < float(figures["bytes_per_token"]) < 8


def test_the_same_work_is_reused_and_looks_the_same(make_context: MakeContext) -> None:
    context = make_context(DOCUMENTS)
    first, second = _train(context, vocab_size=300), _train(context, vocab_size=300)
    merges = [[event for event in events if isinstance(event, MergeLearned)] for events in (first, second)]
    assert merges[0] == merges[1]
    assert [event.reused for event in (first[-1], second[-1]) if isinstance(event, ArtifactReady)] == [False, True]
    once, again = _tokenize(context), _tokenize(context)
    assert isinstance(once[-1], ArtifactReady) and isinstance(again[-1], ArtifactReady)
    assert (once[-1].reused, again[-1].reused) == (False, True) and once[-1].figures == again[-1].figures


def test_a_damaged_output_is_made_anew(make_context: MakeContext) -> None:
    context = make_context(DOCUMENTS)
    _train(context, kind="byte")
    (context.parent("tokenizer").folder / "tokenizer.json").write_text("{}", encoding="utf-8")
    again = _train(context, kind="byte")[-1]
    assert isinstance(again, ArtifactReady) and not again.reused


def test_the_tokenizer_never_sees_held_out_documents(make_context: MakeContext) -> None:
    secret = next(text for text in (f"zqxj{n} " * 50 for n in range(1000)) if is_validation(text, 0.05))
    context = make_context([*DOCUMENTS, secret])
    _train(context, vocab_size=2000)
    tokens = load_tokenizer(context.parent("tokenizer").folder)
    assert not any("zq" in tokens.token_text(token) for token in range(256, tokens.vocab_size))
    assert secret not in list(TrainingText(str(context.parent("corpus").folder), 0.05))
    _train(context, vocab_size=2000, validation_share=0.0)
    tokens = load_tokenizer(context.parent("tokenizer").folder)
    assert any("zqxj" in tokens.token_text(token) for token in range(tokens.vocab_size))
    assert any(isinstance(event, Notice) and "has seen" in event.text for event in _tokenize(context))


def test_settings_of_before_keep_their_folder_and_their_hash(make_context: MakeContext) -> None:
    """As they were written before there were patterns, caps and a balance."""
    context = make_context(DOCUMENTS)
    _train(context, vocab_size=300)
    written = context.parent("tokenizer").manifest
    assert set(written.config) == {"kind", "vocab_size", "validation_share", "megabytes"}
    assert (
        context.parent("tokenizer").folder.name
        == context.workspace.artifact_folder(
            "tokenizer", "boats", "train_tokenizer", written.config, context.parent_hashes("corpus")
        ).name
    )
    _train(context, vocab_size=300, pattern="gpt2", document_cap=50)
    assert context.parent("tokenizer").manifest.config["pattern"] == "gpt2"


@pytest.mark.parametrize("kind", ["bpe", "unigram", "byte", "character"])
def test_compression_is_measured_as_the_vocabulary_grows(make_context: MakeContext, kind: str) -> None:
    context = make_context(DOCUMENTS)
    measured = [one for one in _train(context, kind=kind, vocab_size=330) if isinstance(one, CompressionMeasured)]
    tokenizer = load_tokenizer(context.parent("tokenizer").folder)
    sample = "".join(text for text in DOCUMENTS if not is_validation(text, 0.05))[:100_000]
    assert measured[-1].vocab_size == tokenizer.vocab_size
    whole = len(sample.encode()) / len(tokenizer.encode(sample))
    assert measured[-1].bytes_per_token == pytest.approx(whole, rel=1e-3)
    sizes, ratios = [one.vocab_size for one in measured], [one.bytes_per_token for one in measured]
    assert sizes == sorted(set(sizes)) and ratios == sorted(ratios)
    if isinstance(tokenizer, BpeTokenizer):
        assert measured[0].bytes_per_token == 1.0 and len(measured) > 10
        for one in measured[:: len(measured) // 4]:
            shorter = BpeTokenizer(tokenizer.merges[: one.step])
            assert one.bytes_per_token == pytest.approx(
                len(sample.encode()) / sum(len(shorter.encode(text)) for text in [sample]), rel=1e-3
            )


@pytest.mark.parametrize("kind", ["unigram", "character"])
def test_no_kind_sees_held_out_documents(make_context: MakeContext, kind: str) -> None:
    secret = next(text for text in (f"жщ{n} " * 50 for n in range(1000)) if is_validation(text, 0.05))
    context = make_context([*DOCUMENTS, secret])
    _train(context, kind=kind, vocab_size=500)
    tokenizer = load_tokenizer(context.parent("tokenizer").folder)
    assert not any("ж" in tokenizer.token_text(token) for token in range(tokenizer.vocab_size))


def test_a_cap_leaves_the_rest_of_a_document_out(make_context: MakeContext) -> None:
    texts = [f"beginning number {n} " * 3 + "zqxj" * 20 for n in range(50)]
    context = make_context(texts)
    _train(context, vocab_size=400, document_cap=40)
    tokenizer = load_tokenizer(context.parent("tokenizer").folder)
    assert not any("zq" in tokenizer.token_text(token) for token in range(256, tokenizer.vocab_size))


def test_a_pair_below_the_minimum_frequency_is_not_joined(make_context: MakeContext) -> None:
    context = make_context(DOCUMENTS)
    _train(context, vocab_size=2000, min_frequency=50)
    few = context.parent("tokenizer").manifest.figures["vocab_size"]
    _train(context, vocab_size=2000)
    assert few < context.parent("tokenizer").manifest.figures["vocab_size"]


def test_balance_gives_a_small_script_its_share(make_context: MakeContext) -> None:
    texts = [*DOCUMENTS, *(f"Мария {n} рисует корабль под номером {n}. " for n in range(30))]
    context = make_context(texts)

    def cyrillic(balance: float) -> int:
        _train(context, vocab_size=300, balance=balance)
        tokenizer = load_tokenizer(context.parent("tokenizer").folder)
        return sum(
            "\u0400" <= max(tokenizer.token_text(token), default="") <= "\u04ff"
            for token in range(tokenizer.vocab_size)
        )

    assert cyrillic(1.0) > cyrillic(0.0)
    plain = TrainingText(str(context.parent("corpus").folder))
    even = list(TrainingText(plain.corpus, balance=1.0))
    sizes = [sum(len(text) for text in even if ("М" in text) == own) for own in (True, False)]
    assert 0.8 < sizes[0] / sizes[1] < 1.25
    assert list(plain) == texts


def test_a_pattern_that_goes_astray_is_refused_before_anything_is_learned(make_context: MakeContext) -> None:
    with pytest.raises(CutawayError, match="expression that cuts"):
        _train(make_context(DOCUMENTS), pattern=r"(a+)+$")


def test_a_corpus_of_one_repeated_character(make_context: MakeContext) -> None:
    context = make_context(["a" * 3000, "a" * 2000, "a" * 500])
    for kind in ("bpe", "unigram", "character"):
        _train(context, kind=kind, vocab_size=320, validation_share=0.0)
        tokenizer = load_tokenizer(context.parent("tokenizer").folder)
        assert tokenizer.decode(tokenizer.encode("aaab")) == "aaab"


def test_a_vocabulary_larger_than_the_text_can_give_is_told(make_context: MakeContext) -> None:
    events = _train(make_context(DOCUMENTS[:40]), vocab_size=50_000)
    (notice,) = [event for event in events if isinstance(event, Notice)]
    assert "not 50,000" in notice.text and notice.level == "warning"


def test_a_vocabulary_below_the_bytes_is_refused_in_words() -> None:
    with pytest.raises(ValidationError, match="greater than or equal to 257"):
        train_tokenizer.Config(vocab_size=256)


def test_characters_are_those_of_the_text(make_context: MakeContext) -> None:
    context = make_context(["banana\n", "cabana 👩\n"])
    _train(context, kind="character", validation_share=0.0)
    tokenizer = load_tokenizer(context.parent("tokenizer").folder)
    assert [tokenizer.token_text(token) for token in range(tokenizer.end_id)] == sorted("\n abcn👩")


def test_shards_hold_what_encode_gives_split_by_document(make_context: MakeContext) -> None:
    context = make_context(DOCUMENTS)
    _train(context, vocab_size=400)
    events = _tokenize(context, validation_share=0.2)
    tokenizer = load_tokenizer(context.parent("tokenizer").folder)
    shards = _shards(context)
    check_tokenizer(shards, tokenizer)
    for view, held_out in ((shards.train, False), (shards.validation, True)):
        chosen = [text for text in DOCUMENTS if is_validation(text, 0.2) is held_out]
        expected = [token for text in chosen for token in [*tokenizer.encode(text), tokenizer.end_id]]
        assert view[: len(view)].tolist() == expected
        assert view[: len(view)].dtype == np.uint16
    facts = shards.facts
    assert facts.train_bytes + facts.validation_bytes == sum(len(text.encode()) for text in DOCUMENTS)
    assert facts.train_documents + facts.validation_documents == len(DOCUMENTS)
    assert 0.1 < facts.validation_documents / len(DOCUMENTS) < 0.3
    assert any(isinstance(event, Progress) for event in events)
    assert PackedBatches(shards.train, 64, 4, seed=1).batch(3)[0].shape == (4, 64)


def test_bits_per_byte_of_a_byte_model_is_its_loss_in_bits(make_context: MakeContext) -> None:
    context = make_context(DOCUMENTS)
    _train(context, kind="byte")
    _tokenize(context, separate_documents=False)
    facts = _shards(context).facts
    assert facts.validation_tokens == facts.validation_bytes and facts.end_of_document == "none"
    assert math.log(256) / math.log(2) * facts.validation_tokens_per_byte == 8.0


@pytest.mark.skipif(not SHAKESPEARE.exists(), reason="needs the sample texts")
def test_the_tail_split_is_that_of_nanogpt(make_context: MakeContext) -> None:
    text = SHAKESPEARE.read_text(encoding="utf-8")
    context = make_context([text[start : start + 2000] for start in range(0, len(text), 2000)])
    _train(context, kind="character", validation_share=0.0)
    _tokenize(context, split="tail", validation_share=0.1, separate_documents=False)
    shards = _shards(context)
    assert (shards.facts.train_tokens, shards.facts.validation_tokens) == (1_003_854, 111_540)
    tokenizer = load_tokenizer(context.parent("tokenizer").folder)
    assert tokenizer.end_id == 65
    assert tokenizer.decode(shards.validation[:200].tolist()) == text[1_003_854:][:200]


def test_a_document_that_the_tail_cuts_ends_only_once() -> None:
    texts = ["abc", "", "defghi", "j"]
    parts = list(split_tail(lambda: texts, 10, 0.5))
    assert [(part.side, part.text, part.ends) for part in parts] == [
        ("train", "abc", True),
        ("train", "", True),
        ("train", "de", False),
        ("validation", "fghi", True),
        ("validation", "j", True),
    ]


def test_a_corpus_too_small_to_be_split_is_refused_and_leaves_nothing(make_context: MakeContext) -> None:
    context = make_context(["only one document"])
    _train(context, kind="byte")
    with pytest.raises(CutawayError, match="too small to be split") as caught:
        _tokenize(context)
    assert "tail" in caught.value.remedy
    assert list((context.workspace.root / "shards").iterdir()) == []
    _tokenize(context, split="tail", validation_share=0.2)
    assert _shards(context).facts.validation_tokens == 4 + 1


def test_an_empty_corpus_has_nothing_to_teach(make_context: MakeContext) -> None:
    for kind in ("bpe", "character"):
        with pytest.raises(CutawayError, match="no text to learn"):
            _train(make_context([""]), kind=kind)


def test_a_single_held_out_document_is_learned_from_and_that_is_told(make_context: MakeContext) -> None:
    text = next(text for text in (f"document {n}" for n in range(1000)) if is_validation(text, 0.05))
    events = _train(make_context([text]), kind="character")
    assert any(isinstance(event, Notice) and "held out" in event.text for event in events)


@pytest.mark.parametrize("stage", [train_tokenizer, tokenize])
def test_stopping_leaves_nothing_behind(make_context: MakeContext, stage: object) -> None:
    context = make_context(DOCUMENTS * 20)
    if stage is tokenize:
        _train(context, kind="byte")
    work = stage.run(stage.Config(), context)  # type: ignore[attr-defined]
    next(work)
    context.control.stop()
    rest = list(work)
    assert len(rest) <= 1 and not any(isinstance(event, ArtifactReady) for event in rest)
    kind = stage.OUTPUT  # type: ignore[attr-defined]
    folder = context.workspace.root / {"tokenizer": "tokenizers"}.get(kind, kind)
    assert [path for path in folder.iterdir() if kind == "shards" or "byte" not in path.name] == []


def test_importing_the_stages_needs_neither_torch_nor_numpy() -> None:
    heavy = "{'torch', 'numpy', 'tokenizers'}"
    script = (
        f"import sys, engine.stages.tokenize, engine.stages.train_tokenizer; print(sorted({heavy} & set(sys.modules)))"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.strip() == "[]"
