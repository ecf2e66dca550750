"""Many replies at once, as rollouts need them: one pass through the weights writes a token of each."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from copy import copy
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from engine.errors import CutawayError
from engine.events import Progress
from engine.generation.drawing import choose
from engine.generation.loaded import LoadedModel
from engine.generation.reading import last_logits, undisturbed
from engine.generation.sampling import SamplingConfig
from engine.generation.writer import Writer
from engine.model.kv_cache import KVCache
from engine.model.packed_columns import ColumnCache

_READ_AT_ONCE = 512  # tokens of prompts: enough to keep a processor busy


@dataclass(frozen=True)
class Completion:
    """ids: what was written, the end of the document included. text: without it, and without a stop string.
    finish: "end", "stop" or "length", which is also said when the model's view was full."""

    ids: tuple[int, ...]
    text: str
    finish: str


@dataclass
class _Row:
    """ids: prompt and reply. writer: knows when the reply is over."""

    number: int
    ids: list[int]
    prompt: int
    seed: int
    writer: Writer
    text: str = ""
    finish: str = ""

    def completion(self) -> Completion:
        return Completion(tuple(self.ids[self.prompt :]), self.text, self.finish)


def generate_batch(
    loaded: LoadedModel,
    prompts: Sequence[str | Sequence[int]],
    sampling: SamplingConfig,
    max_tokens: int,
    seeds: Sequence[int] | None = None,
    stop: Sequence[str] = (),
    batch: int = 64,
    ends: Collection[int] = (),
) -> Iterator[Progress | list[Completion]]:
    """Continues every prompt (text or ids) and yields Progress after each step and, last, one Completion a prompt.

    seeds: of each reply; sampling.seed + 0, 1, 2 ... unless given. A reply is what `generate` writes with its seed, up
    to rounding: a sum over many rows may differ from that over one in its last digit. Other than there, a reply ends
    where the view of the longest prompt beside it is full.
    batch: rows at once; each keeps keys and values for all of its tokens. Rows that are over leave at once.
    ends: ids that end a reply beside those of the tokenizer, as a chat template's.
    Raises CutawayError as `generate` does.
    """
    if max_tokens < 1:
        raise CutawayError("Nothing can be written.", f"max_tokens is {max_tokens}.", "Ask for at least one token.")
    chosen = list(seeds) if seeds is not None else [sampling.seed + number for number in range(len(prompts))]
    rows = [
        _row(loaded, number, prompt, seed, Writer(loaded.tokenizer, stop, ends))
        for number, (prompt, seed) in enumerate(zip(prompts, chosen, strict=True))
    ]
    alike = sorted(rows, key=lambda row: row.prompt)  # so that there is little padding
    total = len(rows) * max_tokens
    written = 0
    for start in range(0, len(alike), batch):
        for count in _write(loaded, alike[start : start + batch], sampling, max_tokens):
            written += count
            yield Progress(done=written, total=total, unit="tokens")
    yield [row.completion() for row in rows]


def _row(loaded: LoadedModel, number: int, prompt: str | Sequence[int], seed: int, writer: Writer) -> _Row:
    tokenizer = loaded.tokenizer
    ids = tokenizer.prompt(prompt) if isinstance(prompt, str) else list(prompt)
    # As in `Reading`: what stands before a text that has not begun, and only the end of a long one is read.
    ids = (ids or tokenizer.prompt("") or [tokenizer.end_id])[-loaded.model.config.context_length :]
    return _Row(number, ids, len(ids), seed, writer)


def _write(loaded: LoadedModel, rows: list[_Row], sampling: SamplingConfig, max_tokens: int) -> Iterator[int]:
    """Yields how many tokens each step wrote. rows: sorted by length, shortest first."""
    longest = rows[-1].prompt
    steps = min(max_tokens, loaded.model.config.context_length - longest + 1)
    cache = _cache(loaded, rows, longest + steps - 1)
    logits = _read(loaded, rows, cache)
    active = list(rows)
    for step in range(steps):
        if step:
            new = torch.tensor([row.ids[-1:] for row in active], device=cache.keys.device)
            with undisturbed(loaded.model):
                logits = last_logits(loaded.model, loaded.packed(), new, cache)
        ids, seeds = [row.ids for row in active], [row.seed for row in active]
        chosen = choose(logits, sampling, ids, seeds, [step] * len(active))
        for row, token_id in zip(active, chosen, strict=True):
            row.ids.append(token_id)
            piece = row.writer.write(token_id, last=step + 1 == steps)
            row.text += piece.text
            row.finish = piece.finish
        yield len(active)
        _leave(active, cache)
        if not active:
            return


def _read(loaded: LoadedModel, rows: Sequence[_Row], cache: KVCache) -> NDArray[np.float32]:
    """The logits behind every prompt, [B, V]. Prompts of about one length are read together, so that little of what is
    computed is padding; all of them end in the same slot of the cache."""
    found, longest, end = [], rows[-1].prompt, len(rows)
    while end:
        width = rows[end - 1].prompt
        first = max(0, end - max(1, _READ_AT_ONCE // width))
        part = copy(cache)
        part.keys, part.values = cache.keys[:, first:end], cache.values[:, first:end]
        part.padding = None if cache.padding is None else cache.padding[first:end]
        part.length = longest - width
        ids = torch.tensor([[0] * (width - row.prompt) + row.ids for row in rows[first:end]], device=cache.keys.device)
        with undisturbed(loaded.model):
            for piece in torch.split(ids, _READ_AT_ONCE, dim=1):
                logits = last_logits(loaded.model, loaded.packed(), piece, part)
        found.append(logits)
        end = first
    cache.length = longest
    return np.concatenate(found[::-1])


def _cache(loaded: LoadedModel, rows: Sequence[_Row], capacity: int) -> KVCache:
    embedding, config = loaded.model.embedding.weight, loaded.model.config
    if loaded.packed() is not None:
        cache: KVCache = ColumnCache(config, len(rows), capacity)
    else:
        cache = KVCache(config, len(rows), embedding.dtype, embedding.device, capacity)
    if rows[0].prompt != rows[-1].prompt:
        cache.padding = torch.tensor([rows[-1].prompt - row.prompt for row in rows], device=embedding.device)
    return cache


def _leave(active: list[_Row], cache: KVCache) -> None:
    """Takes rows that are over out of both. The last one moves into the gap, which copies one row instead of all."""
    for place in reversed(range(len(active))):
        if not active[place].finish:
            continue
        last = len(active) - 1
        if place != last:
            for kept in (cache.keys, cache.values):
                kept[:, place] = kept[:, last]
            if cache.padding is not None:
                cache.padding[place] = cache.padding[last]
            active[place] = active[last]
        active.pop()
    count = len(active)
    cache.keys, cache.values = cache.keys[:, :count], cache.values[:, :count]
    cache.padding = None if cache.padding is None else cache.padding[:count]
