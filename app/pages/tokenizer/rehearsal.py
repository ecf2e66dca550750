"""For pictures only: a sentence was typed, and the pointer rests on one of its tokens; or another view is open."""

from __future__ import annotations

from PySide6.QtCore import QEventLoop, QTimer

from app.pages._page import PageWidget
from app.pages.tokenizer.lessons import LESSONS
from app.pages.tokenizer.page import TokenizerPage
from app.pages.tokenizer.view_stack import BROWSE, COMPARE, SEE, TEMPLATES, TRAIN
from engine.store.artifact import making_artifact
from engine.store.workspace import Workspace
from engine.tokenizer.kinds.bpe import BpeTokenizer
from engine.tokenizer.tokenizer import Tokenizer, save_tokenizer

_TYPED = "Mira lives in a small house by the harbour, and every morning she eats strawberry bread."
_VIEWS = {"compare": COMPARE, "browse": BROWSE, "train": TRAIN, "templates": TEMPLATES}


def rehearse(page: PageWidget, state: str) -> None:
    """Called by `app.preview` once the page has settled: picks the longest token of the sentence."""
    if not isinstance(page, TokenizerPage) or state == "empty":
        return
    whole = page.choice.tokenizer
    if isinstance(whole, BpeTokenizer):  # with its first merges alone it is another tokenizer
        _store(page.shelf.workspace, "early-512", BpeTokenizer(whole.merges[:255]))
        page.choose_named("first-words")
    if _VIEWS.get(state, SEE) != SEE:
        page.show_view(_VIEWS[state])
        _spin(400)
        return
    if state == "lesson":
        page.teach(LESSONS[0])
        _spin(400)
        return
    page.text.editor.take(_TYPED)
    page.read()
    block = page.text.own
    longest = max(range(len(block.view.tokens)), key=lambda index: len(block.chip(index).data))
    block.view.set_current(longest)
    page.pick(block, longest)
    page.replay.slider.set_number(len(page.replay.steps) - 2)
    _spin(300)  # once the text has found its place
    page.point_at(block, longest)


def _store(workspace: Workspace, name: str, tokenizer: Tokenizer) -> None:
    folder = workspace.artifact_folder("tokenizer", name, "train_tokenizer", {"name": name}, {})
    with making_artifact(folder, kind="tokenizer", stage="train_tokenizer", config={}, parents={}) as draft:
        save_tokenizer(tokenizer, draft.folder)
        draft.figures = {"kind": tokenizer.kind, "vocab_size": tokenizer.vocab_size}


def _spin(milliseconds: int) -> None:
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()
