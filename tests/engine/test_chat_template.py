"""Our own way to write a conversation: ids, mask, turns; and what people said stays what they said."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.corpus.conversation import Message
from engine.errors import CutawayError
from engine.tokenizer.chat_template import CHATML, ChatTemplate, template_of
from engine.tokenizer.chat_tokens import CHAT_TOKENS, with_chat_tokens
from engine.tokenizer.kinds.bpe import BpeTokenizer
from engine.tokenizer.kinds.byte import ByteTokenizer
from engine.tokenizer.tokenizer import END

TOKENIZER = with_chat_tokens(BpeTokenizer([(b"t", b"h"), (b"th", b"e"), (b"\n", b"\n"), (b" ", b"the")]))
OURS = ChatTemplate(CHATML, TOKENIZER)
CALL = {"type": "function", "function": {"name": "add", "arguments": {"a": 1}}}
TALK = [
    Message("system", "Be kind."),
    Message("user", "the sum?"),
    Message("assistant", "", {"tool_calls": [CALL]}),
    Message("tool", "the 2", {"name": "add"}),
    Message("assistant", " It is the 2.\n"),
]


def shown(template: ChatTemplate, ids: tuple[int, ...] | list[int]) -> str:
    return "".join(map(template.tokenizer.token_text, ids))


def test_a_conversation_is_written_token_by_token() -> None:
    found = OURS.encode(TALK)
    call = '<|assistant|><|tool_call|>{"name": "add", "arguments": {"a": 1}}<|end_turn|>'
    rest = "<|tool|>the 2<|end_turn|><|assistant|> It is the 2.\n<|end_turn|>"
    text = f"<|end|><|system|>Be kind.<|end_turn|><|user|>the sum?<|end_turn|>{call}{rest}"
    assert shown(OURS, found.ids) == text == OURS.render(TALK)
    learned = [token for token, kept in zip(found.ids, found.mask, strict=True) if kept]
    assert shown(OURS, learned) == call.removeprefix("<|assistant|>") + " It is the 2.\n<|end_turn|>"
    for index, message in enumerate(TALK):
        own = [token for token, turn in zip(found.ids, found.turns, strict=True) if turn == index]
        assert shown(OURS, own).startswith(f"<|{message.role}|>") and shown(OURS, own).endswith("<|end_turn|>")
    assert found.turns[0] == -1 and found.ids[0] == TOKENIZER.end_id and found.note == ""


def test_a_prompt_is_what_stands_before_the_answer() -> None:
    found = OURS.encode(TALK)
    for index in (2, 4):
        prompt = OURS.prompt(TALK[:index])
        assert list(found.ids[: len(prompt)]) == prompt
        assert found.mask[len(prompt) - 1 : len(prompt) + 1] == (False, True)
    assert OURS.end_ids == {TOKENIZER.end_id, TOKENIZER.special_ids["<|end_turn|>"]}


PARTS = st.lists(st.sampled_from((*CHAT_TOKENS, END, "<|", "|>", "<", "turn|>")) | st.text(max_size=6), max_size=5)
SAID = PARTS.map("".join)


@settings(deadline=None, max_examples=80)
@given(texts=st.lists(SAID, min_size=1, max_size=5), system=SAID)
def test_whatever_is_said_is_text_and_the_frame_is_ours(texts: list[str], system: str) -> None:
    roles = ["system", *("user" if index % 2 == 0 else "assistant" for index in range(len(texts)))]
    talk = [Message(role, text) for role, text in zip(roles, [system, *texts], strict=True)]
    for template in (OURS, ChatTemplate(CHATML, with_chat_tokens(ByteTokenizer()))):
        tokenizer, special = template.tokenizer, template.tokenizer.special_ids
        expected = [tokenizer.end_id]
        for message in talk:
            expected += [special[f"<|{message.role}|>"], *tokenizer.encode(message.content), special["<|end_turn|>"]]
        found = template.encode(talk)
        assert list(found.ids) == expected
        kept = [token for token, learned in zip(found.ids, found.mask, strict=True) if learned]
        answers = [message for message in talk if message.role == "assistant"]
        assert kept == [t for one in answers for t in (*tokenizer.encode(one.content), special["<|end_turn|>"])]
        assert template.prompt(talk) == [*expected, special["<|assistant|>"]]


@settings(deadline=None, max_examples=40)
@given(name=SAID, value=SAID)
def test_nothing_in_a_tool_call_becomes_special(name: str, value: str) -> None:
    call = {"type": "function", "function": {"name": name, "arguments": {value: {name: [value]}}}}
    found = OURS.encode([Message("user", "x"), Message("assistant", value, {"tool_calls": [call], name: value})])
    special = [i for i in found.ids if i in TOKENIZER.special_ids.values()]
    frame = "<|end|><|user|><|end_turn|><|assistant|><|tool_call|><|end_turn|>"
    assert shown(OURS, special) == frame and all(found.mask[-2:])


def test_without_messages_or_with_a_strange_role_it_says_so() -> None:
    with pytest.raises(CutawayError, match="no conversation"):
        OURS.encode([])
    with pytest.raises(CutawayError, match='no role "judge"'):
        OURS.prompt([Message("judge", "x")])


def test_a_model_without_a_template_says_what_to_do() -> None:
    with pytest.raises(CutawayError, match="does not hold conversations"):
        template_of(TOKENIZER, None)
    assert template_of(TOKENIZER, CHATML).source == CHATML
