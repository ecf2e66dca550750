"""How text is cut into words before anything is learned or joined: regular expressions, by name or one's own.

The expressions are read by Oniguruma, the library inside `tokenizers`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from engine.errors import CutawayError

# cl100k_base, the pattern of GPT-4 (openai/tiktoken, tiktoken_ext/openai_public.py), as Oniguruma reads it.
GPT4 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)
# Radford et al. 2019 (openai/gpt-2, src/encoder.py).
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
# Meta took GPT-4's expression over as it is (meta-llama/llama3, llama/tokenizer.py).
PATTERNS = {"gpt4": GPT4, "gpt2": GPT2, "llama3": GPT4}

# Where a pattern always ends a word, whatever follows: there a long text may be cut in two.
# GPT-4's: before a space that follows no space, and after the last newline of a run. GPT-2's: before white space.
_BORDERS = {GPT4: re.compile(r"(?<=\S)(?= )|(?<=\n)(?=\S)"), GPT2: re.compile(r"(?<=\S)(?=[ \n])")}
_PIECE_CHARACTERS = 2**16
_SEARCH_CHARACTERS = 2**12


def expression(pattern: str) -> str:
    """The regular expression of a name; anything else is one already."""
    return PATTERNS.get(pattern, pattern)


def cut(text: str, pattern: str) -> Iterator[str]:
    """The text in pieces of at most 65,536 characters, cut between words where that is possible; whole for a pattern
    of one's own, of which nobody knows where its words end."""
    border = _BORDERS.get(pattern)
    start = 0
    while border and len(text) - start > _PIECE_CHARACTERS:
        end = start + _PIECE_CHARACTERS
        borders = [match.start() for match in border.finditer(text, end - _SEARCH_CHARACTERS, end)]
        end = borders[-1] if borders else end
        yield text[start:end]
        start = end
    yield text[start:]


def split_json(pattern: str) -> dict[str, Any]:
    """The step of a tokenizer.json that cuts by it; what it does not match are words too."""
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}


def split_pattern(pre_tokenizer: Any) -> str | None:
    """The expression in the first such step of a tokenizer.json; None where there is none."""
    steps = pre_tokenizer.get("pretokenizers", [pre_tokenizer]) if isinstance(pre_tokenizer, dict) else []
    first = steps[0] if isinstance(steps, list) and steps else None
    pattern = first.get("pattern") if isinstance(first, dict) else None
    found = pattern.get("Regex") if isinstance(pattern, dict) else None
    return found if isinstance(found, str) else None


@contextmanager
def splitting() -> Iterator[None]:
    """Around calls of the library: an expression that goes astray on a text ends there as a panic, which is no
    Exception. Raises CutawayError in its place."""
    try:
        yield
    except BaseException as error:
        if not is_panic(error):
            raise
        raise CutawayError(
            "The text cannot be tokenized.",
            "The expression that cuts text into words goes astray on it: there are too many ways to match.",
            "Use another tokenizer, or train one with another expression.",
            str(error),
        ) from error


def is_panic(error: BaseException) -> bool:
    """Whether the Rust code of a library gave up."""
    return type(error).__name__ == "PanicException"
