"""A conversation with a model, through its chat template. Importing this file does not import torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from engine.corpus.conversation import Message
from engine.errors import CutawayError
from engine.tokenizer.chat_template import ChatTemplate, template_of

if TYPE_CHECKING:
    from engine.generation.decoder import GeneratedToken
    from engine.generation.loaded import LoadedModel
    from engine.generation.sampling import SamplingConfig


def chat(
    loaded: LoadedModel,
    messages: Sequence[Message],
    sampling: SamplingConfig,
    max_tokens: int,
    details: bool = False,
) -> Iterator[GeneratedToken]:
    """The answer to the last message, until its turn ends or max_tokens are written, as `generate` writes.

    What no longer fits leaves by the rule of `leaving`, which the first token's `note` tells. An answer ends with
    "length" as well where the model's view is full. Raises CutawayError for a model without a chat template, and for
    what its template does not take.
    """
    from engine.generation.decoder import generate

    template = template_of(loaded.tokenizer, loaded.chat_template)
    context = loaded.model.config.context_length
    left_out = leaving(template, messages, context, max_tokens)
    view = template.prompt([message for index, message in enumerate(messages) if index not in left_out])
    room = min(max_tokens, context - len(view)) if max_tokens > 0 else max_tokens
    for token in generate(loaded, view, sampling, room, details=details, ends=template.end_ids):
        note = f"{_left(len(left_out))} {token.note}".strip() if left_out and token.index == 0 else token.note
        yield replace(token, note=note)


def leaving(template: ChatTemplate, messages: Sequence[Message], context: int, count: int) -> frozenset[int]:
    """Which messages leave, so that `count` tokens of an answer have room, or a quarter of the view if that is less.

    The oldest question leaves first, together with all that was said until the next one; the system prompt and the
    last question stay. Raises CutawayError when these alone are too long.
    """
    room = min(max(count, 1), max(context // 4, 1))
    questions = [index for index, message in enumerate(messages) if message.role == "user"]
    first = next((index for index, message in enumerate(messages) if message.role != "system"), 0)
    for start in (first, *questions[1:]):
        left_out = frozenset(range(first, start))
        length = len(template.prompt([one for index, one in enumerate(messages) if index not in left_out]))
        if length + room <= context:
            return left_out
    raise CutawayError(
        f"The message is too long for this model: with what the template adds it has {length:,} tokens.",
        f"The model sees {context:,} at once, and {room:,} of them are kept for its answer.",
        "Say it in fewer words, or shorten the system prompt.",
    )


def _left(count: int) -> str:
    return f"The conversation is longer than the model's view: its oldest {count} messages were left out."
