"""The process that learns merges, or the pieces of a Unigram model: `python -m engine.tokenizer.bpe_child`.

stdin: one line of JSON, {"kind", "text": fields of TrainingText, "vocab_size", "pattern", "min_frequency"}; it then
stays open, and its end ends this process, so that no orphan survives its parent. stderr: lines of JSON; {"stage",
"current", "total"} while it works, of which most come from the `tokenizers` library itself, then {"learned": [[left,
right], ...]}, for Unigram [[piece, score], ...], or {"error": [what, why, remedy]}.
"""

from __future__ import annotations

import json
import os
import re
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

from engine.errors import CutawayError
from engine.tokenizer.byte_alphabet import characters
from engine.tokenizer.training_text import TrainingText
from engine.tokenizer.unigram_pieces import NEEDED, choose, steady

READING = "Read documents"
COUNTING = "Count characters"
PRUNING = "Prune pieces"
_TELL_SECONDS = 0.1
_PIECE_CHARACTERS = 2**16
# A run of letters or signs beyond this is no word. Its beginning is enough to learn from; all of it, in a text of
# megabytes without a space, would take hours and gigabytes.
_LONGEST_WORD = 200
_LONG_RUN = re.compile(rf"([^\W\d_]{{{_LONGEST_WORD}}})[^\W\d_]+|([^\w\s]{{{_LONGEST_WORD}}})[^\w\s]+")


def main() -> int:
    job = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        learn = _learn_pieces if job["kind"] == "unigram" else _learn_merges
        _tell({"learned": learn(job, TrainingText(**job["text"]))})
    except CutawayError as error:
        _tell({"error": [error.what, error.why, error.remedy]})
        return 1
    return 0


def _end_with_parent() -> None:
    """Past Python's own buffer, whose lock would be held when this process ends by itself."""
    while os.read(0, 2**12):
        pass
    os._exit(3)


def _learn_merges(job: dict[str, Any], texts: TrainingText) -> list[list[str]]:
    library: Any = Tokenizer(models.BPE())
    library.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(job["pattern"]), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=job["vocab_size"] - 1,  # `<|end|>` is the one that is not learned
        min_frequency=job["min_frequency"],
        initial_alphabet=list(characters()),
        show_progress=True,
        progress_format="json",
    )
    library.train_from_iterator(_reading(texts), trainer)
    merges: list[list[str]] = json.loads(library.to_str())["model"]["merges"]
    return merges


def _learn_pieces(job: dict[str, Any], texts: TrainingText) -> list[tuple[str, float]]:
    known = choose(_reading(texts, COUNTING), job["vocab_size"])
    library: Any = Tokenizer(models.Unigram())
    library.pre_tokenizer = pre_tokenizers.Split(Regex(job["pattern"]), "isolated")
    trainer = trainers.UnigramTrainer(
        vocab_size=job["vocab_size"] - 257, initial_alphabet=list(NEEDED), show_progress=False
    )
    library.train_from_iterator(_telling(known.parts(_reading(texts))), trainer)
    return steady(json.loads(library.to_str())["model"]["vocab"])


def _telling(texts: Iterator[str]) -> Iterator[str]:
    """The same texts, and at their end the word that learning begins: the library tells nothing itself."""
    yield from texts
    _tell({"stage": PRUNING, "current": 0, "total": 0})


def _reading(texts: TrainingText, stage: str = READING) -> Iterator[str]:
    """The texts in pieces, telling every 0.1 s how many were read."""
    told, total = 0.0, texts.documents
    for count, text in enumerate(texts, start=1):
        for start in range(0, len(text), _PIECE_CHARACTERS):
            yield _without_long_runs(text[start : start + _PIECE_CHARACTERS])
        if time.monotonic() - told >= _TELL_SECONDS:
            told = time.monotonic()
            _tell({"stage": stage, "current": count, "total": max(count, total) if total else 0})


def _without_long_runs(text: str) -> str:
    if not _may_have_long_run(text):
        return text
    return _LONG_RUN.sub(lambda match: match[1] or match[2], text)


def _may_have_long_run(text: str) -> bool:
    """False only where no 201 characters follow each other without a space: from space to space, as far as one can
    see, which is a hundred times quicker than looking at every word."""
    start = 0
    while start + _LONGEST_WORD < len(text):
        space = text.rfind(" ", start, start + _LONGEST_WORD + 1)
        if space < 0:
            return max(map(len, text.split()), default=0) > _LONGEST_WORD
        start = space + 1
    return False


def _tell(fact: dict[str, Any]) -> None:
    sys.stderr.write(json.dumps(fact) + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
