"""A conversation with a real, tiny model that learnt to say "yes." to everything."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from PySide6.QtCore import Qt

from app.pages import playground
from app.pages.playground.arrangement import CHAT, LOOK, WRITE
from app.pages.playground.turns import Turn, cut, is_answered, placed, to_last_question, with_system
from engine.control import Control
from engine.corpus.conversation import Message
from engine.errors import CutawayError
from engine.launch.local import RecipeRun
from engine.launch.recipe import recipe_from_json
from engine.model.config import ModelConfig
from engine.model.transformer import Transformer
from engine.model.weights import weights
from engine.store.checkpoint import save_checkpoint
from engine.store.workspace import Workspace, open_workspace
from engine.tokenizer.chat_template import CHATML, ChatTemplate
from engine.tokenizer.chat_tokens import with_chat_tokens
from engine.tokenizer.kinds.byte import ByteTokenizer
from engine.tokenizer.tokenizer import save_tokenizer

CONTEXT = 48


def recipe(corpus: Path):
    pretrain = {"depth": 1, "d_model": 16, "n_head": 1, "context_length": CONTEXT, "steps": 1, "batch_tokens": 96}
    stages = {
        "corpus": {"paths": [str(corpus)]},
        "train_tokenizer": {"kind": "byte"},
        "tokenize": {"split": "tail"},
        "pretrain": {**pretrain, "precision": "float32"},
    }
    return recipe_from_json({"name": "assistant", "description": "", "stages": stages})


def give_it_a_template(workspace: Workspace, run: Path) -> None:
    """In the place of what was trained: a model that knows the tokens of a conversation, and one answer."""
    tokenizer = with_chat_tokens(ByteTokenizer())
    folder = workspace.root / "tokenizers" / "chat"
    folder.mkdir(parents=True)
    save_tokenizer(tokenizer, folder)
    config = ModelConfig(
        vocab_size=tokenizer.vocab_size, context_length=CONTEXT, n_layer=1, n_head=1, n_kv_head=1, d_model=16, d_ff=32
    )
    state = {
        "model": config.model_dump(),
        "tokenizer": str(folder.relative_to(workspace.root)),
        "tokenizer_hash": tokenizer.hash,
        "precision": "float32",
        "chat_template": CHATML,
    }
    checkpoints = run / "4-pretrain" / "checkpoints"
    shutil.rmtree(checkpoints)
    save_checkpoint(checkpoints, 5, {"model": weights(taught(config, ChatTemplate(CHATML, tokenizer)))}, state)


def taught(config: ModelConfig, template: ChatTemplate) -> Transformer:
    torch.manual_seed(1)
    model = Transformer(config)
    rows = [
        template.encode([Message("user", f"{a}{b}"), Message("assistant", "yes.")]).ids for a in "fhst" for b in "io"
    ]
    ids = torch.tensor(rows)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(60):
        logits = model(ids[:, :-1])[:, -5:]
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, -5:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.5
    return model


@pytest.fixture(scope="module")
def talkative(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("talkative")
    corpus = root / "corpus.txt"
    corpus.write_text("Where does Mira live? In Anvik.\n\n" * 40)
    workspace = open_workspace(root / "workspace")
    run = RecipeRun.create(workspace, recipe(corpus))
    for _ in run.work(Control(), device="cpu", threads=1):
        pass
    give_it_a_template(workspace, run.folder)
    return root


@pytest.fixture
def page(desk, workspace, talkative, qtbot):
    shutil.copytree(talkative / "workspace", workspace.root, dirs_exist_ok=True)
    shown = playground.build(desk)
    qtbot.addWidget(shown)
    shown.resize(1000, 700)
    shown.show()
    shown.shown()
    qtbot.waitUntil(lambda: shown.mode.current() == CHAT, timeout=20_000)
    shown.controls.temperature.set_number(0.0)
    shown.session.set_sampling(shown.controls.sampling())
    yield shown
    shown.hidden()


def say(page, qtbot, text: str) -> None:
    page.chat.composer.field.setPlainText(text)
    qtbot.keyClick(page.chat.composer.field, Qt.Key.Key_Return)
    at_rest(page, qtbot)


def at_rest(page, qtbot) -> None:
    session = page.session
    qtbot.waitUntil(lambda: not session.writing and session._ticket is None, timeout=10_000)


def sent(page) -> str:
    return "".join(token.text for token in page.session.tokens)


def roles(page) -> list[str]:
    return [turn.role for turn in page.session.turns]


def test_a_model_with_a_template_is_talked_to_and_its_answer_keeps_every_distribution(page, qtbot):
    say(page, qtbot, "hi")
    assert roles(page) == ["user", "assistant"]
    assert sent(page) == "<|end|><|user|>hi<|end_turn|><|assistant|>yes.<|end_turn|>"
    answer = page.session.tokens[6:]
    assert all(token.is_written and token.prediction is not None for token in answer)
    assert page.session.has_ended and page.session.selected == 10  # its end is in view, since nothing comes behind it
    assert page.chat.conversation.rows[0].words.text() == "hi"
    row = page.chat.conversation.rows[1]
    assert [chip.special for chip in row.view.tokens] == [False] * 4 + [True]
    qtbot.mouseClick(row.view.viewport(), Qt.MouseButton.LeftButton, pos=row.view.token_rect(1).center())
    assert page.session.selected == 7
    assert page.session.in_view is page.session.in_view and page.session.in_view.rank(answer[1].token_id) == 1


def test_an_answer_that_was_cut_off_goes_on(page, qtbot):
    page.session.max_tokens = 2
    say(page, qtbot, "hi")
    assert sent(page).endswith("<|assistant|>ye")
    assert page.session.can_continue and page.button.text() == "Continue"
    page.session.max_tokens = 9
    page.write()
    at_rest(page, qtbot)
    assert sent(page).endswith("<|assistant|>yes.<|end_turn|>")
    assert len(page.session.turns) == 2 and not page.session.can_continue
    assert not page.button.isEnabled()


def test_an_answer_that_was_cut_off_says_so_when_the_conversation_goes_on(page, qtbot):
    page.session.max_tokens = 2
    say(page, qtbot, "hi")
    assert page.chat.conversation.rows[1].cut_off.isHidden()  # it may still go on
    page.session.max_tokens = 9
    say(page, qtbot, "hi")
    rows = page.chat.conversation.rows
    assert not rows[1].cut_off.isHidden() and rows[3].cut_off.isHidden()


def test_another_token_goes_on_from_there_and_the_end_of_a_turn_ends_the_answer(page, qtbot):
    say(page, qtbot, "hi")
    end_turn = page.session.tokens[-1].token_id
    page.session.select(8)
    page.session.force(end_turn)
    at_rest(page, qtbot)
    assert sent(page).startswith("<|end|><|user|>hi<|end_turn|><|assistant|>ye<|end_turn|>")
    page.session.undo()
    assert sent(page).endswith("yes.<|end_turn|>")
    before = sent(page)
    page.session.select(2)  # of the question: what others said cannot be drawn otherwise
    qtbot.waitUntil(lambda: page.session.in_view is not None)
    page.session.force(end_turn)
    assert sent(page) == before


def test_what_was_said_before_can_be_said_otherwise_and_undone(page, qtbot):
    say(page, qtbot, "hi")
    first = page.session.tokens[6:11]
    say(page, qtbot, "so")
    assert roles(page) == ["user", "assistant"] * 2
    assert page.session.tokens[6:11] == first  # they stand where they stood, so they keep what is known of them
    composer = page.chat.composer
    qtbot.keyClick(composer.field, Qt.Key.Key_Up)
    assert composer.text == "so"
    qtbot.keyClick(composer.field, Qt.Key.Key_Up)
    assert composer.text == "hi"
    qtbot.keyClick(composer.field, Qt.Key.Key_Escape)
    assert composer.text == "" and not composer.is_editing
    page.chat.edit(0)
    say(page, qtbot, "ho")
    assert roles(page) == ["user", "assistant"]
    assert page.session.said(0) == "ho"
    page.chat.take_back()
    at_rest(page, qtbot)
    assert [page.session.said(index) for index in range(4)] == ["hi", "yes.", "so", "yes."]


def test_answers_again_with_the_next_seed(page, qtbot):
    page.controls.temperature.set_number(2.0)
    page.session.set_sampling(page.controls.sampling())
    page.session.max_tokens = 20
    say(page, qtbot, "hi")
    first = sent(page)
    assert page.chat.conversation.rows[-1].button.isVisible()
    page.answer_again()
    at_rest(page, qtbot)
    assert page.controls.seed.value() == 8
    assert sent(page) != first
    assert roles(page) == ["user", "assistant"]


def test_a_system_prompt_stands_before_all_else(page, qtbot):
    page.chat.system.click()
    say(page, qtbot, "be brief")
    assert roles(page) == ["system"]
    say(page, qtbot, "hi")
    assert sent(page).startswith("<|end|><|system|>be brief<|end_turn|><|user|>hi")
    page.chat.begin_anew()
    assert roles(page) == ["system"]
    page.chat.composer.edit_system("")
    page.chat.composer.submit()
    assert roles(page) == []


def test_the_oldest_question_leaves_when_the_view_is_full(page, qtbot):
    page.session.max_tokens = 6
    for text in ("first", "second", "third", "fourth"):
        say(page, qtbot, text)
    gone = [turn.text for turn in page.session.turns if not turn.sent and turn.role == "user"]
    assert gone and gone[0] == "first" and "fourth" not in gone
    assert "first" not in sent(page)
    assert len(page.session.tokens) <= CONTEXT
    border = page.chat.conversation.border
    assert border.isVisible() and "oldest" in border.accessibleName()
    heard: list[CutawayError] = []
    page.session.trouble.connect(lambda error: heard.append(error) if error else None)
    page.session.say("x" * 60)
    qtbot.waitUntil(lambda: bool(heard), timeout=10_000)
    assert "too long" in heard[0].what


def test_text_and_conversation_are_kept_apart(page, qtbot):
    say(page, qtbot, "hi")
    talked = sent(page)
    page.show_mode(WRITE)
    assert page.session.text == "" and page.text.isVisible()
    page.session.edit("Mira")
    page.show_mode(CHAT)
    assert sent(page) == talked
    page.show_mode(LOOK)
    assert page.text.isVisible() and not page.text.new.isVisible()
    page.text.area.edit(0)
    assert not page.text.area.is_editing
    page.show_mode(WRITE)
    assert page.session.text == "Mira"


def test_every_token_that_is_sent_can_be_seen(page, qtbot):
    say(page, qtbot, "hi")
    page.chat.show_sent.click()
    assert page.chat.sent.isVisible()
    chips = page.chat.sent.tokens
    assert [chip.text for chip in chips[:2]] == ["<|end|>", "<|user|>"]
    assert chips[0].special and not chips[0].plain and chips[2].plain


def test_turns_know_their_tokens():
    said = (Turn("system", "s"), Turn("user", "a"), Turn("assistant", "b"), Turn("user", "c"))
    owners = [-1, 0, 0, 3, 3, 3, -1]
    special = [True, True, False, True, False, True, True]
    turns = placed(said, owners, special, {1, 2})
    assert [(turn.first, turn.end, turn.sent) for turn in turns] == [
        (2, 3, True), (-1, -1, False), (-1, -1, False), (4, 6, True), (7, -1, True),
    ]  # fmt: skip
    assert turns[-1].is_open
    assert is_answered(turns, 7) and is_answered(turns, 9) and not is_answered(turns, 5)
    assert cut(turns, 8) == turns
    assert [turn.role for turn in to_last_question(turns)] == ["system", "user", "assistant", "user"]
    assert with_system(said, "") == said[1:]
