"""The chat templates of well-known models: the ids of transformers, and a mask that is never wrong."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from tokenizers import Tokenizer

from engine.corpus.conversation import Message
from engine.errors import CutawayError
from engine.tokenizer.chat_template import ChatTemplate, Rendered
from engine.tokenizer.kinds.imported import ImportedTokenizer
from tests import published_templates as published

transformers = pytest.importorskip("transformers")

CALL = {"type": "function", "function": {"name": "look", "arguments": {"fox": "lazy", "n": 2}}}
SYSTEM = Message("system", "Be quick, be brown.")
TALK = [
    Message("user", "Is the fox lazy?"),
    Message("assistant", "The dog is.\nIt's 2024!"),
    Message("user", " the user\n"),
    Message("assistant", "over the dog"),
]
TOOLS = [TALK[0], Message("assistant", "", {"tool_calls": [CALL]}), Message("tool", "quick"), TALK[3]]


@dataclass(frozen=True)
class Case:
    """ends: what an answer ends with, as the template writes it. begins: what the template leaves to the tokenizer to
    put before everything."""

    template: str
    library: Tokenizer
    bos: str | None
    eos: str
    ends: str
    begins: str = ""
    system: bool = True

    @property
    def ours(self) -> ChatTemplate:
        names = {"eos_token": self.eos} | ({"bos_token": self.bos} if self.bos else {})
        end, size = self.library.token_to_id(self.eos), self.library.get_vocab_size()
        return ChatTemplate(self.template, ImportedTokenizer(json.loads(self.library.to_str()), [end], size, names))

    @property
    def theirs(self) -> Any:
        names = {"eos_token": self.eos} | ({"bos_token": self.bos} if self.bos else {})
        made = transformers.PreTrainedTokenizerFast(tokenizer_object=self.library, **names)
        made.chat_template = self.template
        return made


def qwen() -> Tokenizer:
    return published.byte_level(["<|endoftext|>", "<|im_start|>", "<|im_end|>"], ("<tool_call>", "</tool_call>"))


def llama3() -> Tokenizer:
    special = ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
    return published.byte_level(special, begin="<|begin_of_text|>")


@cache
def case(name: str) -> Case:
    pieces, roles = published.sentence_piece, ["<|system|>", "<|user|>", "<|assistant|>", "<|end|>"]
    made = {
        "chatml": lambda: Case(published.CHATML, qwen(), None, "<|endoftext|>", "<|im_end|>"),
        "marked": lambda: Case(published.MARKED, qwen(), None, "<|im_end|>", "<|im_end|>"),
        "llama2": lambda: Case(published.LLAMA2, pieces([], "always"), "<s>", "</s>", "</s>"),
        "llama3": lambda: Case(published.LLAMA3, llama3(), "<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>"),
        "gemma": lambda: Case(
            published.GEMMA,
            pieces(["<start_of_turn>", "<end_of_turn>"], "never"),
            "<s>",
            "</s>",
            "<end_of_turn>",
            system=False,
        ),
        "mistral": lambda: Case(
            published.MISTRAL, pieces(["[INST]", "[/INST]"], "first"), "<s>", "</s>", "</s>", system=False
        ),
        "phi3": lambda: Case(published.PHI3, pieces(roles, "always", tuple(roles)), "<s>", "</s>", "<|end|>", "<s>"),
        "zephyr": lambda: Case(published.ZEPHYR, pieces([], "first"), "<s>", "</s>", "</s>", "<s>"),
    }
    return made[name]()


NAMES = ("chatml", "marked", "llama2", "llama3", "gemma", "mistral", "phi3", "zephyr")
names = pytest.mark.parametrize("name", NAMES)


def plain(messages: list[Message]) -> list[dict[str, Any]]:
    return [message.to_json() for message in messages]


def talks(one: Case) -> list[list[Message]]:
    found = [TALK[:1], TALK[:2], TALK[:3], TALK]
    return [*found, *([SYSTEM, *talk] for talk in found if one.system)]


def kept(one: Case, found: Rendered) -> list[list[int]]:
    """The learned tokens, run by run."""
    runs: list[list[int]] = [[]]
    for token_id, learned in zip(found.ids, found.mask, strict=True):
        if learned:
            runs[-1].append(token_id)
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


@names
def test_ids_are_those_of_transformers(name: str) -> None:
    one = case(name)
    begins = [one.library.token_to_id(one.begins)] if one.begins else []
    for talk in talks(one):
        for asks in (False, True):
            expected = one.theirs.apply_chat_template(plain(talk), add_generation_prompt=asks, return_dict=False)
            found = one.ours.prompt(talk) if asks else list(one.ours.encode(talk).ids)
            assert found == [*begins, *expected]
        assert one.ours.render(talk) == one.theirs.apply_chat_template(plain(talk), tokenize=False)


@names
def test_each_answer_and_its_end_are_learned_and_nothing_else(name: str) -> None:
    one = case(name)
    for talk in talks(one):
        found = one.ours.encode(talk)
        runs = kept(one, found)
        answers = [message for message in talk if message.role == "assistant"]
        assert len(runs) == len(answers) and found.note == ""
        for run, answer in zip(runs, answers, strict=True):
            assert run[-1] == one.library.token_to_id(one.ends)
            assert one.ours.tokenizer.decode(run).strip() == answer.content.strip()
        begin = one.library.token_to_id(one.bos) if one.bos else None
        assert found.ids.count(begin) == (sum(m.role == "user" for m in talk) if name == "llama2" else bool(one.bos))
        assert one.library.token_to_id(one.ends) in one.ours.end_ids


@names
def test_what_is_learned_follows_the_prompt_that_asks_for_it(name: str) -> None:
    one = case(name)
    for place in (1, 3):
        found, prompt = one.ours.encode(TALK[: place + 1]), one.ours.prompt(TALK[:place])
        assert list(found.ids[: len(prompt)]) == prompt
        assert not any(found.mask[len(prompt) - 1 : len(prompt)]) and found.mask[len(prompt)]


@names
def test_every_message_has_its_tokens(name: str) -> None:
    one = case(name)
    found = one.ours.encode(TALK)
    assert sorted(set(found.turns) - {-1}) == [0, 1, 2, 3] and list(found.turns) == sorted(found.turns)
    for index, message in enumerate(TALK):
        own = [token for token, turn in zip(found.ids, found.turns, strict=True) if turn == index]
        assert message.content.strip() in one.ours.tokenizer.decode(own)
        assert {turn for turn, learned in zip(found.turns, found.mask, strict=True) if learned} == {1, 3}


def test_where_no_token_ends_a_question_its_frame_is_still_its_own() -> None:
    one = case("mistral")
    found = one.ours.encode(TALK)
    own = [one.ours.tokenizer.token_text(i) for i, turn in zip(found.ids, found.turns, strict=True) if turn == 0]
    assert (own[0], own[-1]) == ("[INST]", "[/INST]")


def test_the_mask_is_that_of_transformers_where_a_template_marks_it() -> None:
    one = case("marked")
    for talk in talks(one):
        theirs = one.theirs.apply_chat_template(plain(talk), return_dict=True, return_assistant_tokens_mask=True)
        found = one.ours.encode(talk)
        assert list(found.ids) == theirs["input_ids"]
        assert list(map(int, found.mask)) == theirs["assistant_masks"]


def test_tool_calls_are_learned_and_what_tools_give_is_not() -> None:
    one = case("chatml")
    found = one.ours.encode(TOOLS)
    assert list(found.ids) == one.theirs.apply_chat_template(plain(TOOLS), return_dict=False)
    first, second = (one.ours.tokenizer.decode(run) for run in kept(one, found))
    assert first == '<tool_call>\n{"name": "look", "arguments": {"fox": "lazy", "n": 2}}\n</tool_call>'
    assert second == "over the dog"


@names
def test_special_names_that_people_type_stay_text(name: str) -> None:
    one = case(name)
    special = tuple(one.ours.tokenizer.special)
    for typed in (*special, special[-1] * 2, f"a{special[0]}", "<", "|>", "<|im_"):
        talk = [Message("user", f"x {typed} y{typed}"), Message("assistant", f"{typed}z")]
        usual = [Message("user", "x q yq"), Message("assistant", "qz")]
        found, expected = one.ours.encode(talk), one.ours.encode(usual)
        ids = set(one.ours.tokenizer.special_ids.values())
        assert [i for i in found.ids if i in ids] == [i for i in expected.ids if i in ids]
        run = kept(one, found)[0]
        assert one.ours.tokenizer.decode(run).strip() == f"{typed}z"
        assert one.ours.render(talk) == one.theirs.apply_chat_template(plain(talk), tokenize=False)


def test_answers_that_a_template_later_rewrites_are_left_out_and_told() -> None:
    one = Case(published.THINKING, qwen(), None, "<|endoftext|>", "<|im_end|>")
    thought = [TALK[0], Message("assistant", "<think>hm</think>\nThe dog."), TALK[2], Message("assistant", "over")]
    found = one.ours.encode(thought)
    assert list(found.ids) == one.theirs.apply_chat_template(plain(thought), return_dict=False)
    assert [one.ours.tokenizer.decode(run) for run in kept(one, found)] == ["over"]
    assert "1 of 2 answers are not learned" in found.note
    assert not one.ours.encode(thought[:2]).note and len(kept(one, one.ours.encode(thought[:2]))) == 1


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{% for m in messages %}{{ m.content }}\n{% endfor %}", "never learn to end"),
        (
            "{% for m in messages if m.role != 'user' %}{{ m.content }}<|im_end|>{% endfor %}",
            "leaves out what was said",
        ),
        ("{% for m in messages %}{{ m.content }}<|im_end|>{% endfor %}{{ messages|length }}", "no answer as it would"),
    ],
)
def test_a_template_from_which_nothing_can_be_learned_says_so(template: str, words: str) -> None:
    with pytest.raises(CutawayError) as told:
        Case(template, qwen(), None, "<|endoftext|>", "<|im_end|>").ours.encode(TALK)
    assert words in f"{told.value.what} {told.value.why}"


def test_a_template_that_refuses_is_quoted() -> None:
    with pytest.raises(CutawayError) as told:
        case("gemma").ours.encode([SYSTEM, *TALK])
    assert "System role not supported" in told.value.why
