"""What is wrong with a conversation is said in words that name the turn."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.corpus.conversation import ROLES, Conversation, Message
from engine.corpus.conversations.checking import problem_of

CALL = {"tool_calls": [{"type": "function", "function": {"name": "add", "arguments": "{}"}}]}
TWO_CALLS = {"tool_calls": CALL["tool_calls"] * 2}


def _said(*turns: str) -> Conversation:
    """turns: "u" a user's, "a" an assistant's, "s", "t"; "c" the assistant's call of a tool, "cc" of two."""
    made = {
        "s": Message("system", "Be kind."),
        "u": Message("user", "Who?"),
        "a": Message("assistant", "Mira."),
        "t": Message("tool", "3"),
        "c": Message("assistant", "", CALL),
        "cc": Message("assistant", "", TWO_CALLS),
        "e": Message("user", " \n"),
        "x": Message("bot", "Hello"),
        "w": Message("user", "Who?", CALL),
        "b": Message("assistant", "Hm", {"tool_calls": [{"name": "add"}]}),
        "h": Message("assistant", "\ud800"),
    }
    return Conversation(tuple(made[turn] for turn in turns))


@pytest.mark.parametrize("turns", ["ua", "sua", "uaua", "uc", "ucta", ("u", "cc", "t", "t", "a", "u", "a"), "uctcta"])
def test_sound_conversations(turns: str | tuple[str, ...]) -> None:
    assert problem_of(_said(*turns)) is None


def test_a_tool_may_give_nothing_back() -> None:
    turns = list(_said("u", "c", "t", "a").messages)
    turns[2] = Message("tool", "")
    assert problem_of(Conversation(tuple(turns))) is None


@pytest.mark.parametrize(
    ("turns", "problem"),
    [
        ("", "It has no turns."),
        ("u", "No turn is the assistant's, so there is nothing to learn."),
        ("uau", "The last turn (turn 3) is the user's; it must be the assistant's."),
        ("uct", "The last turn (turn 3) is a tool's output; it must be the assistant's."),
        ("uua", "Turns 1 and 2 are out of order: user, then user."),
        ("uaa", "Turns 2 and 3 are out of order: assistant, then assistant."),
        ("uctua", "Turns 3 and 4 are out of order: tool, then user."),
        ("au", "Turn 1 is the assistant's, before any user's turn."),
        ("sa", "Turn 2 is the assistant's, before any user's turn."),
        ("uas", "Turn 3 is the system's; only the first turn may be."),
        ("ea", "Turn 1 (user) is empty."),
        ("uax", 'Turn 3 has the role "bot"; the roles are system, user, assistant and tool.'),
        ("uta", "Turn 2 is a tool's output, but no tool was called before it."),
        ("uata", "Turn 3 is a tool's output, but no tool was called before it."),
        ("ta", "Turn 1 is a tool's output, but no tool was called before it."),
        ("uctta", "Turn 4 is one tool's output more than tools were called."),
        ("uca", "Turn 2 calls a tool, but turn 3 is the assistant's; a tool's output must follow."),
        ("wa", "Turn 1 calls a tool, but is the user's; only the assistant calls tools."),
        ("ub", "Turn 2 has tool_calls that are not a list of calls, each with a function and its name."),
        ("uh", "The text holds half a character (a lone surrogate)."),
    ],
)
def test_a_problem_is_said_in_words(turns: str, problem: str) -> None:
    assert problem_of(_said(*turns)) == problem


@given(st.lists(st.builds(Message, st.sampled_from(ROLES), st.text(max_size=3)), max_size=7))
@settings(max_examples=200, deadline=None)
def test_what_passes_ends_with_an_answer_to_a_user(messages: list[Message]) -> None:
    conversation = Conversation(tuple(messages))
    if problem_of(conversation) is None:
        spoken = [message.role for message in messages if message.role != "system"]
        assert spoken == ["user", "assistant"] * (len(spoken) // 2) and spoken
        assert all(message.content.strip() for message in messages)
        assert Conversation.from_json(conversation.to_json()) == conversation
