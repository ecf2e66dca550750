"""Does a model answer questions, word for word, and does it stop by itself?

An answer is everything that the model writes greedily behind the template's prompt, up to the first token that ends an
answer. It is right when it is whole and, without white space around it, equals one of the texts that count as right,
letter by letter: case, accents and punctuation matter, nothing is searched for inside it. An answer that was cut off
is not whole, and neither is one with a special token in its middle, which stands for no text and would not be seen.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch

from engine.corpus.conversation import Conversation, Message
from engine.errors import CutawayError
from engine.events import Progress
from engine.generation.batch import Completion, generate_batch
from engine.generation.loaded import LoadedModel
from engine.generation.reading import undisturbed
from engine.generation.sampling import SamplingConfig

_GREEDY = SamplingConfig(temperature=0.0)


class Prompting(Protocol):
    """What asking needs of a chat template: the ids up to where an answer begins, and those that end one."""

    @property
    def end_ids(self) -> frozenset[int]: ...

    def prompt(self, messages: Sequence[Message], /) -> list[int]: ...


class Rendering(Protocol):
    """ids of a whole conversation; mask: True where the assistant speaks; turns: index of each token's message."""

    @property
    def ids(self) -> Sequence[int]: ...

    @property
    def mask(self) -> Sequence[bool]: ...

    @property
    def turns(self) -> Sequence[int]: ...


class Encoding(Protocol):
    """What measuring an answer that is given needs of a chat template."""

    def encode(self, conversation: Sequence[Message], /) -> Rendering: ...


@dataclass(frozen=True)
class Answer:
    """text: without what ended it and without white space around it. right: see above. stopped: by a token that ends
    an answer, not because max_tokens were written or the model's view was full."""

    text: str
    right: bool
    stopped: bool


def accepted(conversation: Conversation) -> tuple[str, ...]:
    """The texts that count as right: those on file, or the conversation's own last answer."""
    return tuple(text.strip() for text in conversation.accept or (conversation.messages[-1].content,))


def ask(
    loaded: LoadedModel,
    template: Prompting,
    conversations: Sequence[Conversation],
    max_tokens: int,
    batch: int = 64,
) -> Iterator[Progress | list[Answer]]:
    """Asks for the last answer of every conversation, and yields Progress after each step and, last, one Answer each.

    batch: conversations at once. A conversation that fills the model's view is read from its end.
    Raises CutawayError when the model's predictions are no numbers.
    """
    prompts = [template.prompt(conversation.question) for conversation in conversations]
    for item in generate_batch(loaded, prompts, _GREEDY, max_tokens, batch=batch, ends=template.end_ids):
        if isinstance(item, Progress):
            yield item
        else:
            yield [
                _judged(loaded, completion, accepted(conversation))
                for completion, conversation in zip(item, conversations, strict=True)
            ]


def _judged(loaded: LoadedModel, completion: Completion, accept: Collection[str]) -> Answer:
    stopped = completion.finish == "end"
    said = completion.ids[:-1] if stopped else completion.ids
    whole = stopped and all(loaded.tokenizer.token_bytes(token_id) for token_id in said)
    text = loaded.tokenizer.decode(said).strip()
    return Answer(text, whole and text in accept, stopped)


def first_token(
    loaded: LoadedModel, template: Encoding, conversations: Sequence[Conversation], batch: int = 64
) -> Iterator[Progress | float]:
    """Yields Progress after each batch and, last, the mean probability, 0 to 1, of the last answer's first token, given
    all before it; NaN without conversations. Nothing is drawn: the model gives the probability itself.

    Raises CutawayError for a conversation that the template renders without an answer, or that does not fit the view.
    """
    context = loaded.model.config.context_length
    rows = sorted((_up_to_answer(template, item, context) for item in conversations), key=len)
    total = 0.0
    for start in range(0, len(rows), batch):
        part = rows[start : start + batch]
        total += float(_last_probabilities(loaded, part).sum(dtype=torch.float64))
        yield Progress(done=start + len(part), total=len(rows), unit="conversations")
    yield total / len(rows) if rows else float("nan")


def _up_to_answer(template: Encoding, conversation: Conversation, context_length: int) -> list[int]:
    """All up to and with the first token of the last answer."""
    rendered, last = template.encode(conversation.messages), len(conversation.messages) - 1
    spoken = (place for place, turn in enumerate(rendered.turns) if turn == last and rendered.mask[place])
    place = next(spoken, 0)
    if not 0 < place <= context_length:
        why = "does not fit the model's view" if place else "has no answer that the template marks as the assistant's"
        source = conversation.source or "One of them"
        raise CutawayError(
            "The answers cannot be measured.", f"{source} {why}.", "Choose other conversations, or another template."
        )
    return list(rendered.ids[: place + 1])


def _last_probabilities(loaded: LoadedModel, rows: Sequence[Sequence[int]]) -> torch.Tensor:
    """Of the last id of every row, given those before it, [B]. rows: sorted by length, at least two ids each."""
    device, width = loaded.model.embedding.weight.device, len(rows[-1]) - 1
    ids = torch.tensor([[0] * (width + 1 - len(row)) + list(row) for row in rows], device=device)
    lengths = torch.tensor([len(row) - 1 for row in rows], device=device)
    with undisturbed(loaded.model):
        hidden = loaded.model.hidden(ids[:, :-1], lengths=lengths)[:, -1]
        odds = loaded.model.logits(hidden).softmax(dim=-1)
        return odds.gather(1, ids[:, -1:])[:, 0]
