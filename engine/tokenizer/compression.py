"""How much text a token holds, for every size that the vocabulary had while it was learned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable
from itertools import accumulate

from engine.events import CompressionMeasured, Event, Tick
from engine.tokenizer.kinds.bpe import BpeTokenizer
from engine.tokenizer.merges import word_replayer
from engine.tokenizer.tokenizer import Tokenizer

_SAMPLE_CHARACTERS = 100_000
_POINTS = 48
# A word that long is none, and replaying it takes time with the square of its length.
_LONGEST_WORD = 100
_WORDS_A_TICK = 200


def curve(tokenizer: Tokenizer, texts: Iterable[str]) -> Generator[Event, None, list[CompressionMeasured]]:
    """On the first 100,000 characters of the texts: a measurement at each of up to 48 sizes, closer together where the
    vocabulary is small; for kinds that merge nothing one, at the full size. Yields a Tick every few milliseconds.

    With its first n merges alone a tokenizer would have n tokens fewer than it has with none: merges apply in the order
    in which they were learned, so how often each applies tells the size for every n.
    """
    sample = _sample(texts)
    if not isinstance(tokenizer, BpeTokenizer):
        tokens = len(tokenizer.encode(sample))
        size = len(sample.encode())
        return [_measured(0, tokenizer.vocab_size, size, tokens)] if tokens else []
    words = Counter(word for word in tokenizer.words(sample) if len(word) <= _LONGEST_WORD)
    steps = word_replayer(tokenizer)
    applied = [0] * len(tokenizer.merges)
    for number, (word, count) in enumerate(words.items()):
        for step in steps(word):
            applied[step.rank] += count
        if number % _WORDS_A_TICK == 0:
            yield Tick()
    size = sum(len(word) * count for word, count in words.items())
    saved = [0, *accumulate(applied)]
    return [_measured(at, 257 + at, size, size - saved[at]) for at in _places(len(applied)) if size]


def _sample(texts: Iterable[str]) -> str:
    found, left = [], _SAMPLE_CHARACTERS
    for text in texts:
        found.append(text[:left])
        left -= len(found[-1])
        if left <= 0:
            break
    return "".join(found)


def _places(merges: int) -> list[int]:
    """Numbers of merges, from none to all, each about as much larger than the one before."""
    if merges == 0:
        return [0]
    found = {round((merges + 256) ** (at / _POINTS) * 256 ** (1 - at / _POINTS)) - 256 for at in range(_POINTS + 1)}
    return sorted(found | {0, merges})


def _measured(step: int, vocab_size: int, size: int, tokens: int) -> CompressionMeasured:
    return CompressionMeasured(step=step, vocab_size=vocab_size, bytes_per_token=size / tokens)
