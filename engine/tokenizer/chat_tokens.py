"""The special tokens with which a conversation is written."""

from __future__ import annotations

from engine.errors import CutawayError
from engine.tokenizer.tokenizer import END_TURN, Tokenizer

TOOL_CALL = "<|tool_call|>"
CHAT_TOKENS = ("<|system|>", "<|user|>", "<|assistant|>", "<|tool|>", TOOL_CALL, END_TURN)


def with_chat_tokens(tokenizer: Tokenizer) -> Tokenizer:
    """The same tokenizer with those of CHAT_TOKENS that it does not have yet, behind its vocabulary: every text keeps
    its ids, the hash becomes another one, and `<|end_turn|>` ends an answer.

    Raises CutawayError for one that reads such a name as text of its own.
    """
    missing = [name for name in CHAT_TOKENS if name not in tokenizer.special]
    if not missing:
        return tokenizer
    try:
        return tokenizer.with_special(missing)
    except ValueError as error:
        raise CutawayError(
            "The tokenizer cannot take the special tokens of a conversation.",
            f"{error}.",
            "Tune a model that has a chat template of its own, or one with another tokenizer.",
        ) from error
