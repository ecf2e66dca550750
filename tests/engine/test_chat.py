"""Talking with a model: where answers end, what leaves a view that is full, and the command."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from engine.cli import main
from engine.corpus.conversation import Message
from engine.errors import CutawayError
from engine.generation.chat import chat, leaving
from engine.generation.loaded import LoadedModel
from engine.generation.sampling import SamplingConfig
from engine.model.config import ModelConfig
from engine.model.transformer import Transformer
from engine.store.workspace import Workspace
from engine.tokenizer.chat_template import CHATML, ChatTemplate
from engine.tokenizer.chat_tokens import with_chat_tokens
from engine.tokenizer.kinds.byte import ByteTokenizer
from tests.toy_chat import keep_model

TOKENIZER = with_chat_tokens(ByteTokenizer())
TEMPLATE = ChatTemplate(CHATML, TOKENIZER)
END_TURN = TOKENIZER.special_ids["<|end_turn|>"]
GREEDY = SamplingConfig(temperature=0.0)
CONFIG = ModelConfig(
    vocab_size=TOKENIZER.vocab_size,
    context_length=64,
    n_layer=1,
    n_head=2,
    n_kv_head=2,
    d_model=32,
    d_ff=64,
    tie_embeddings=False,
)
HELLO = [Message("user", "hello")]


def parrot(text: str, ends: bool = True) -> Transformer:
    """A model that says the text and ends its turn, whatever it is asked: each token leads to the next one. Or it says
    the text again and again."""
    torch.manual_seed(0)
    model = Transformer(CONFIG if ends else CONFIG.model_copy(update={"context_length": 8192}))
    ids = [TOKENIZER.special_ids["<|assistant|>"], *TOKENIZER.encode(text)]
    ids.append(END_TURN if ends else ids[1])
    assert len(set(ids)) == len(ids) - (not ends) <= CONFIG.d_model
    with torch.no_grad():
        for weight in model.blocks.parameters():
            weight.zero_()
        model.embedding.weight.zero_()
        model.head.weight.zero_()
        for place, (now, following) in enumerate(pairwise(ids)):
            model.embedding.weight[now, place] = 1.0
            model.head.weight[following, place] = 9.0
    return model.eval()


def loaded(text: str = "Hi, you.", template: str | None = CHATML) -> LoadedModel:
    return LoadedModel(parrot(text), TOKENIZER, "cpu", "float32", "parrot", 0, chat_template=template)


def test_an_answer_ends_with_its_turn() -> None:
    tokens = list(chat(loaded(), HELLO, GREEDY, 30))
    assert "".join(token.text for token in tokens) == "Hi, you."
    assert tokens[-1].token_id == END_TURN and tokens[-1].finish == "end" and tokens[-1].text == ""
    assert all(not token.note for token in tokens)


def test_an_answer_ends_where_it_may_not_go_on() -> None:
    assert [token.text for token in chat(loaded(), HELLO, GREEDY, 3)] == ["H", "i", ","]
    full = [Message("user", "x" * 42)]  # leaves 16 places
    tokens = list(chat(loaded(), full, GREEDY, 99))
    assert tokens[-1].finish == "end"


def test_a_token_that_only_the_template_writes_behind_an_answer_ends_it() -> None:
    """As a base model's tokenizer, of which nobody said that its turns end otherwise than its texts."""
    tokens = [token for token in CHATML.replace("<|end_turn|>", "<|tool|>").split("\n") if token]
    talker = loaded("Hi", "\n".join(tokens))
    with torch.no_grad():
        talker.model.head.weight[TOKENIZER.special_ids["<|tool|>"]] = talker.model.head.weight[END_TURN] * 2
    assert [token.finish for token in chat(talker, HELLO, GREEDY, 9)] == ["", "", "end"]


def test_the_oldest_questions_leave_first_and_it_is_told() -> None:
    talk = [Message("system", "Sy")]
    for question in "abcd":
        talk += [Message("user", question * 8), Message("assistant", "ok")]
    talk = talk[:-1]
    assert leaving(TEMPLATE, talk, 1000, 9) == frozenset()
    left_out = leaving(TEMPLATE, talk, 50, 9)
    assert left_out == {1, 2, 3, 4}, "the system prompt stays, and answers leave with their questions"
    first, *rest = chat(loaded(), talk, GREEDY, 9)
    assert "oldest 2 messages were left out" in first.note and not any(token.note for token in rest)
    with pytest.raises(CutawayError, match="too long for this model"):
        list(chat(loaded(), [Message("user", "x" * 70)], GREEDY, 9))


def test_a_model_that_only_continues_text_says_so() -> None:
    with pytest.raises(CutawayError, match="does not hold conversations"):
        next(chat(loaded(template=None), HELLO, GREEDY, 9))


@pytest.fixture
def model(workspace: Workspace) -> Path:
    return keep(workspace, "parrot", CHATML)


def keep(workspace: Workspace, name: str, template: str | None) -> Path:
    return keep_model(workspace, name, parrot("Hi, you."), TOKENIZER, template)


def test_one_question_is_answered_for_scripts(
    workspace: Workspace, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ["chat", "parrot", "--workspace", str(workspace.root), "--temperature", "0", "--once", "hello"]
    assert main(call) == 0
    assert capsys.readouterr().out == "Hi, you.\n"
    assert main([*call, "--system", "Be kind.", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["text"], found["finish"], found["tokens"], found["question"]) == ("Hi, you.", "end", 9, "hello")


def test_a_conversation_goes_on_until_it_is_left(
    workspace: Workspace, model: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = ["hello", "", "and you?", "x" * 99, "/new", "hello", "/quit", "never"]
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(said)))
    assert main(["chat", str(model), "--temperature", "0", "--max-tokens", "12"]) == 0
    out, told = capsys.readouterr()
    assert out == "Hi, you.\n" * 3
    assert "A new conversation." in told and "too long for this model" in told and "/quit ends" in told


def test_a_conversation_ends_with_what_is_typed(
    workspace: Workspace, model: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("hello\n"))
    assert main(["chat", str(model), "--temperature", "0", "--max-tokens", "2"]) == 0
    out, told = capsys.readouterr()
    assert out == "Hi\n\n" and "cut off after 2 tokens" in told


def test_what_cannot_be_talked_with_is_said_before_anything_is_asked(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = keep(workspace, "writer", None)
    assert main(["chat", str(folder), "--once", "hello"]) == 1
    assert "does not hold conversations" in capsys.readouterr().err
    assert main(["chat", str(folder), "--json"]) == 1
    assert "--once" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal for another process")
def test_an_interruption_stops_the_answer_and_the_conversation_goes_on(workspace: Workspace) -> None:
    folder = keep_model(workspace, "endless", parrot("Hi, you.", ends=False), TOKENIZER, CHATML)
    call = [sys.executable, "-m", "engine", "chat", str(folder), "--temperature", "0", "--max-tokens", "8000"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(call, text=True, **pipes) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write("hello\n")
        process.stdin.flush()
        said = process.stdout.read(40)
        process.send_signal(signal.SIGINT)
        rest, told = process.communicate("/new\n/quit\n", timeout=60)
    assert said == "Hi, you." * 5 and len(rest) < 7000
    assert process.returncode == 0 and "A new conversation." in told
