"""Which special token ends a text, for files that do not say it."""

from __future__ import annotations

from collections.abc import Iterable

# Of GPT-2 and GPT-4, Llama 3, Qwen, Gemma, Llama 2 and Mistral, BERT and T5: the end of a text before that of a turn.
_NAMES = (
    "<|endoftext|>",
    "<|end_of_text|>",
    "<|end|>",
    "</s>",
    "<eos>",
    "<|eot_id|>",
    "<|im_end|>",
    "<end_of_turn>",
    "<|eos|>",
    "[EOS]",
    "[SEP]",
)


def likely_end(names: Iterable[str]) -> str | None:
    """The first of the names that are used for it; None where none is there."""
    there = set(names)
    return next((name for name in _NAMES if name in there), None)
