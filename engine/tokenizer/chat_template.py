"""A conversation as tokens: by our own template, or by the Jinja template that a model came with.

One way for both: the template writes a text, special tokens are found in it, and the text between them is encoded.
Which of it is learned follows from what the template writes for the turns before an answer, the beginning of the
answer included: what comes after that, up to the token that ends the answer, is what the model has to write itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from engine.corpus.conversation import ROLES, Message
from engine.errors import CutawayError
from engine.tokenizer.guarded_text import Guard
from engine.tokenizer.special_text import Stretch, stretches
from engine.tokenizer.template_sandbox import render
from engine.tokenizer.tokenizer import Tokenizer, clean
from engine.tokenizer.turn_places import Places, turn_places

# Cutaway's own, after ChatML: https://github.com/openai/openai-python/blob/release-v0.28.0/chatml.md
CHATML = """\
{{- bos_token }}
{%- for message in messages %}
    {%- if message['role'] not in ['system', 'user', 'assistant', 'tool'] %}
        {{- raise_exception('There is no role ' ~ message['role']) }}
    {%- endif %}
    {{- '<|' ~ message['role'] ~ '|>' }}
    {%- if message['role'] == 'assistant' %}
        {%- generation %}
            {{- message['content'] }}
            {%- for call in message['tool_calls'] or [] %}
                {{- '<|tool_call|>' }}
                {{- (call['function'] if 'function' in call else call) | tojson }}
            {%- endfor %}
            {{- '<|end_turn|>' }}
        {%- endgeneration %}
    {%- else %}
        {{- message['content'] }}
        {{- '<|end_turn|>' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|assistant|>' }}
{%- endif %}
"""
_PROBE = (Message("user", "hello"), Message("assistant", "world"))


@dataclass(frozen=True)
class Rendered:
    """A conversation for training. ids: beginning with whatever stands before every text, once. mask: True for what is
    learned: what an assistant says, its tool calls, and the token that ends its turn.

    turns: index of the message that a token belongs to, its role's marker and its end included; -1 for what belongs to
    none, as the border before the first. note: a sentence when answers are left out of the mask, or "".
    """

    ids: tuple[int, ...]
    mask: tuple[bool, ...]
    turns: tuple[int, ...]
    note: str = ""


class ChatTemplate:
    """source: Jinja. tokenizer: with the special tokens that the template writes."""

    def __init__(self, source: str, tokenizer: Tokenizer) -> None:
        self.source = source
        self.tokenizer = tokenizer

    @property
    def names(self) -> dict[str, str]:
        """Special tokens as the template asks for them. Ours begins with what separates documents where the tokenizer
        names nothing that begins one."""
        border = {"bos_token": self.tokenizer.token_text(self.tokenizer.end_id)} if self.source == CHATML else {}
        return {**border, **self.tokenizer.names}

    def render(self, messages: Sequence[Message], add_generation_prompt: bool = False) -> str:
        """The text of a conversation, and with what begins an answer if asked for.

        Raises CutawayError for a conversation that the template does not take, and for one without messages.
        """
        guard = self._guard(messages)
        return guard.bare(self._write(guard, guard.messages, add_generation_prompt))

    def prompt(self, messages: Sequence[Message]) -> list[int]:
        """Ids of a conversation and of what begins the answer. Raises as `render` does."""
        guard = self._guard(messages)
        text = self._write(guard, guard.messages, add_generation_prompt=True)
        return self._started([token_id for token_id, *_ in self._tokens(self._cut(text, guard), ())])

    def encode(self, conversation: Sequence[Message]) -> Rendered:
        """Ids and mask for training.

        Raises CutawayError as `render` does, for a template that leaves out what was said, and for one from which it
        cannot be told where an answer begins or what ends it.
        """
        guard = self._guard(conversation)
        text = self._write(guard, guard.messages)
        self._refuse_lost(guard, text)
        parts = self._cut(text, guard)
        places = self._places(guard, text, parts)
        ids, mask, turns = [], [], []
        for token_id, start, end in self._tokens(parts, places.borders):
            ids.append(token_id)
            mask.append(places.learned(start, end))
            turns.append(places.turn(start))
        frame = len(self._started(ids)) - len(ids)
        return Rendered(
            tuple(self._started(ids)), (False,) * frame + tuple(mask), (-1,) * frame + tuple(turns), places.note
        )

    @cached_property
    def end_ids(self) -> frozenset[int]:
        """What ends an answer: what the tokenizer says, and what the template writes behind one."""
        return self.tokenizer.end_ids | self._written_end

    @cached_property
    def _written_end(self) -> frozenset[int]:
        """The special token right behind a short answer; none where the template does not take one."""
        try:
            guard = self._guard(_PROBE)
            text = self._write(guard, guard.messages)
        except CutawayError:
            return frozenset()
        answer = guard.messages[1]["content"]
        said = text.rfind(answer) + len(answer)
        for part in self._cut(text, guard):
            if part.token_id is not None and part.start >= said:
                return frozenset((part.token_id,)) if not text[said : part.start].strip() else frozenset()
        return frozenset()

    def _guard(self, messages: Sequence[Message]) -> Guard:
        if not messages:
            raise CutawayError("There is no conversation to write.", "It has no messages.", "Say something first.")
        if strange := [message.role for message in messages if message.role not in ROLES]:
            raise CutawayError(
                f'There is no role "{strange[0]}" in a conversation.', f"Known are {', '.join(ROLES)}.", "Rename it."
            )
        return Guard(messages, tuple(self.tokenizer.special))

    def _write(self, guard: Guard, messages: Sequence[dict[str, Any]], add_generation_prompt: bool = False) -> str:
        variables = {"messages": list(messages), "add_generation_prompt": add_generation_prompt, "tools": None}
        return clean(guard.seen(render(self.source, {**self.names, **variables, "documents": None})))

    def _cut(self, text: str, guard: Guard) -> list[Stretch]:
        return list(stretches(text, self.tokenizer.special, guard.mark))

    def _tokens(self, parts: Sequence[Stretch], borders: Sequence[int]) -> Iterator[tuple[int, int, int]]:
        """Each token with its place in the text that the template wrote; where no border lies within a stretch, its
        tokens all have the stretch's place, which is quicker."""
        for part in parts:
            if part.token_id is not None:
                yield part.token_id, part.start, part.end
            elif part.text:
                yield from self._text_tokens(part, any(part.start < border < part.end for border in borders))

    def _text_tokens(self, part: Stretch, exactly: bool) -> Iterator[tuple[int, int, int]]:
        behind = part.start > 0
        if not exactly:
            encode = self.tokenizer.encode_behind if behind else self.tokenizer.encode
            yield from ((token_id, part.start, part.end) for token_id in encode(part.text))
            return
        for span in (self.tokenizer.spans_behind if behind else self.tokenizer.spans)(part.text):
            yield span.token_id, part.place(span.start), part.place(span.end)

    def _started(self, ids: list[int]) -> list[int]:
        """With what stands before every text, unless the template wrote it itself."""
        start = list(self.tokenizer.start_ids)
        return ids if ids[: len(start)] == start else [*start, *ids]

    def _refuse_lost(self, guard: Guard, text: str) -> None:
        for index, message in enumerate(guard.messages):
            said = str(message["content"]).strip()
            lost = bool(said) and said not in text and not self._is_written(guard, index)
            if lost or not all(any(form in text for form in _forms(name)) for name in _called(message)):
                raise CutawayError(
                    "The chat template leaves out what was said.",
                    f"Message {index + 1}, of the {message['role']}, does not stand in what it writes.",
                    "Take that message out, or choose a model whose template writes it.",
                )

    def _is_written(self, guard: Guard, index: int) -> bool:
        """Whether the template writes that message at all, if not letter by letter: told by another text there."""
        sign = guard.sign(index)
        return sign in self._write(guard, [*guard.messages[:index], {**guard.messages[index], "content": sign}])

    def _places(self, guard: Guard, text: str, parts: Sequence[Stretch]) -> Places:
        begins = {*self.tokenizer.start_ids, self.tokenizer.special_ids.get(self.names.get("bos_token", ""))}
        begin = parts[0].end if parts and parts[0].token_id in begins - {None} else 0
        return turn_places(guard, text, parts, partial(self._write, guard), self.end_ids, begin)


def _called(message: dict[str, Any]) -> Iterator[str]:
    """Names of the tools that a message calls, in OpenAI's form or without its frame."""
    calls = message.get("tool_calls")
    for call in calls if isinstance(calls, list) else []:
        function = call.get("function", call) if isinstance(call, dict) else None
        if isinstance(function, dict) and isinstance(function.get("name"), str):
            yield function["name"]


def _forms(name: str) -> tuple[str, ...]:
    """As it is, and as JSON has it."""
    return name, json.dumps(name, ensure_ascii=False)[1:-1], json.dumps(name)[1:-1]


def template_of(tokenizer: Tokenizer, chat_template: str | None) -> ChatTemplate:
    """Raises CutawayError for a model that came without one."""
    if not chat_template:
        raise CutawayError(
            "This model does not hold conversations.",
            "It has no chat template: it was trained to continue text.",
            "Fine-tune it on conversations first, or let it continue a text: cutaway generate.",
        )
    return ChatTemplate(chat_template, tokenizer)
