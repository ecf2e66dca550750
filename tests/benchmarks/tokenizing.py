"""Learning and applying a tokenizer beside the `tokenizers` library alone, on the same text in the same run.

The text: Shakespeare, the speeches and the sums of ../shared/data, each once, and the world's telling, seed after seed,
up to 50 MB. Every measurement is a process of its own; ours and the library's take turns, and the best of each counts.
The library has its texts in memory beforehand; ours reads a corpus, and for encoding also splits it and writes shards.

python -m tests.benchmarks.tokenizing [--quick]
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

from tests.benchmarks.report import Report, arguments

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
MEGABYTES, QUICK_MEGABYTES = 50, 8
VOCABULARY = 256 + 16_000 + 1
_DOCUMENT_CHARACTERS = 2_000
_TELLING = 20_000
_BATCH_DOCUMENTS = 1_000
_ROUNDS = 2


def texts(most_bytes: int) -> Iterator[str]:
    """Documents of the size given, all together."""
    left = most_bytes
    for text in _documents():
        left -= len(text.encode())
        if left < 0:
            return
        yield text


def _documents() -> Iterator[str]:
    from engine.corpus.worlds.telling import tell_world
    from engine.corpus.worlds.world import build_world

    for name in ("tinyshakespeare.txt", "state_of_the_union.txt"):
        text = (DATA / name).read_text(encoding="utf-8")
        for start in range(0, len(text), _DOCUMENT_CHARACTERS):
            yield text[start : start + _DOCUMENT_CHARACTERS]
    for line in (DATA / "gsm8k_train.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        yield f"{row['question']}\n{row['answer']}\n"
    for seed in count(1):
        for document in tell_world(build_world(seed, 400), seed, _TELLING):
            yield document.text


def make(folder: str, megabytes: int) -> dict[str, Any]:
    from engine.corpus.document import Document
    from engine.corpus.stored import CorpusWriter
    from engine.store.artifact import making_artifact

    with making_artifact(Path(folder), kind="corpus", stage="benchmark", config={}, parents={}) as draft:
        with CorpusWriter(draft.folder) as writer:
            for text in texts(megabytes * 1_000_000):
                writer.write(Document(text, "benchmark"))
        draft.figures = {"documents": writer.documents, "bytes": writer.bytes}
    return {"bytes": writer.bytes, "documents": writer.documents}


def _read(folder: str) -> list[str]:
    from engine.corpus.stored import iter_texts
    from engine.store.artifact import open_artifact

    return list(iter_texts(open_artifact(Path(folder), "corpus")))


def _end(work: Any) -> Any:
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


def train_library(folder: str, _: str) -> dict[str, Any]:
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

    from engine.tokenizer.patterns import GPT4

    documents = _read(folder)
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(GPT4), "isolated"), pre_tokenizers.ByteLevel(False, use_regex=False)]
    )
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - 1, min_frequency=2, initial_alphabet=alphabet, show_progress=False
    )
    began = time.perf_counter()
    made.train_from_iterator(documents, trainer)
    return {"seconds": time.perf_counter() - began, "size": made.get_vocab_size()}


def train_ours(folder: str, made: str) -> dict[str, Any]:
    from engine.tokenizer.kinds.bpe import learn
    from engine.tokenizer.tokenizer import save_tokenizer
    from engine.tokenizer.training_text import TrainingText

    began = time.perf_counter()
    tokenizer = _end(learn(TrainingText(folder), VOCABULARY))
    seconds = time.perf_counter() - began
    Path(made).mkdir(exist_ok=True)
    save_tokenizer(tokenizer, Path(made))
    child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return {"seconds": seconds, "size": tokenizer.vocab_size - 1, "child_megabytes": child / 1000}


def cancel(folder: str, _: str) -> dict[str, Any]:
    """The longest of several: while it reads, while it counts, while it merges."""
    from engine.events import Progress
    from engine.tokenizer.kinds.bpe import learn
    from engine.tokenizer.training_text import TrainingText

    longest, reached = 0.0, []
    for phase in ("documents", "words", "merges"):
        work = learn(TrainingText(folder), VOCABULARY)
        for event in work:
            if isinstance(event, Progress) and event.unit == phase and (event.done > 100 or phase == "words"):
                break
        else:
            continue
        began = time.perf_counter()
        work.close()
        longest = max(longest, time.perf_counter() - began)
        reached.append(phase)
    return {"seconds": longest, "phases": reached}


def encode_library(folder: str, made: str) -> dict[str, Any]:
    from tokenizers import Tokenizer

    documents = _read(folder)
    library: Any = Tokenizer.from_file(str(Path(made) / "tokenizer.json"))
    began, tokens = time.perf_counter(), 0
    for start in range(0, len(documents), _BATCH_DOCUMENTS):
        found = library.encode_batch_fast(documents[start : start + _BATCH_DOCUMENTS], add_special_tokens=False)
        tokens += sum(len(one) for one in found)
    return {"seconds": time.perf_counter() - began, "tokens": tokens}


def encode_ours(folder: str, made: str) -> dict[str, Any]:
    from contextlib import ExitStack

    from engine.batches.encoding import encode_parts
    from engine.batches.shard_writer import ShardWriter
    from engine.corpus.split import split_by_document
    from engine.corpus.stored import iter_texts
    from engine.store.artifact import open_artifact
    from engine.tokenizer.tokenizer import load_tokenizer

    tokenizer = load_tokenizer(Path(made))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    corpus = open_artifact(Path(folder), "corpus")
    with tempfile.TemporaryDirectory() as out, ExitStack() as stack:
        sides = ("train", "validation")
        writers: Any = {side: stack.enter_context(ShardWriter(Path(out), side, "uint16")) for side in sides}
        began = time.perf_counter()
        for _ in encode_parts(split_by_document(iter_texts(corpus), 0.05), tokenizer, writers, separate=False):
            pass
        seconds = time.perf_counter() - began
    tokens = sum(writer.tokens for writer in writers.values())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"seconds": seconds, "tokens": tokens, "megabytes": peak / 1000, "more": (peak - before) / 1000}


_PARTS = {part.__name__: part for part in (train_library, train_ours, cancel, encode_library, encode_ours)}


def _run(what: str, folder: str, made: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.benchmarks.tokenizing", what, folder, made]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(what, found, file=sys.stderr)
    return found


def main() -> None:
    options = arguments(str(__doc__))
    report = Report("tokenizing")
    with tempfile.TemporaryDirectory() as place:
        folder, made = f"{place}/corpus", f"{place}/tokenizer"
        corpus = make(folder, QUICK_MEGABYTES if options.quick else MEGABYTES)
        megabytes = corpus["bytes"] / 1e6
        report.add("text", megabytes, "MB")
        report.add("documents", corpus["documents"], "")
        pairs = {"train": ("train_ours", "train_library"), "encode": ("encode_ours", "encode_library")}
        best: dict[str, dict[str, Any]] = {}
        for names in pairs.values():
            for _ in range(1 if options.quick else _ROUNDS):
                for name in names:
                    found = _run(name, folder, made)
                    best[name] = min(best.get(name, found), found, key=lambda one: float(one["seconds"]))
        stopped = _run("cancel", folder, made)
    ours, library = best["train_ours"], best["train_library"]
    assert ours["size"] == library["size"], "the two learned different vocabularies"
    report.add("learning 16k merges", ours["seconds"], "s")
    report.add("learning, the library alone", library["seconds"], "s")
    report.add("learning, ours to the library's", ours["seconds"] / library["seconds"], "times", "<= 1.2")
    report.add("learning, peak of its process", ours["child_megabytes"], "MB")
    report.add(f"cancelling, longest ({', '.join(stopped['phases'])})", stopped["seconds"], "s", "<= 0.5")
    ours, library = best["encode_ours"], best["encode_library"]
    assert ours["tokens"] == library["tokens"], "the two encoded differently"
    report.add("encoding into shards", megabytes / ours["seconds"], "MB/s")
    report.add("encoding, the library's batches", megabytes / library["seconds"], "MB/s")
    report.add("encoding, ours to the library's", library["seconds"] / ours["seconds"], "times", ">= 0.9")
    report.add("encoding, peak memory", ours["megabytes"], "MB", "<= 500")
    report.add("encoding, more than before it began", ours["more"], "MB")
    report.end()


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in _PARTS:
        told = _PARTS[sys.argv[1]](*sys.argv[2:4])
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        print(json.dumps(told | {"processor_seconds": sum(one.ru_utime + one.ru_stime for one in used)}))
    else:
        main()
