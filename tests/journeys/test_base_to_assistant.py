"""From a base model to an assistant's answer, through the window: what a person does in one sitting, on a toy world."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt

from app.jobs.desk import Desk
from app.main_window import MainWindow
from app.pages.playground.arrangement import CHAT
from engine.events import RunState, TuningCheck
from engine.launch.recipe import load_recipe

TOY = {
    "world.people": 12,
    "world.documents": 120,
    "train_tokenizer.vocab_size": 300,
    "pretrain.depth": 1,
    "pretrain.d_model": 32,
    "pretrain.n_head": 2,
    "pretrain.context_length": 64,
    "pretrain.batch_tokens": 256,
    "pretrain.steps": 20,
    "pretrain.sample_tokens": 4,
}
TUNING = {"steps": 6, "batch_rows": 2, "evaluate_every": 3, "questions": 4, "shown_questions": 2, "rank": 4}
TUNING |= {"final_questions": 4, "answer_tokens": 8, "learning_rate": 0.01}


@pytest.fixture
def window(desk: Desk, qtbot: Any) -> MainWindow:
    desk.settings.device, desk.settings.threads = "cpu", 1
    window = MainWindow(desk)
    qtbot.addWidget(window)
    window.resize(1280, 800)
    window.show_page("home")
    window.show()
    return window


def pretrained(desk: Desk, qtbot: Any) -> Path:
    run = desk.jobs.start(load_recipe("first-words", TOY))
    qtbot.waitUntil(lambda: desk.jobs.current is None, timeout=90_000)
    assert run.stage_folders()[-1].status().state is RunState.DONE
    return run.folder


def tuned(window: MainWindow, desk: Desk, qtbot: Any, base: Path) -> Path:
    """With an adapter, through the page; the settings are typed in."""
    page: Any = window.show_page("finetune")
    qtbot.waitUntil(lambda: page.base is not None and page.base.folder == base, timeout=20_000)
    form = page.steps.setup.form
    qtbot.mouseClick(form.method._group.button(1), Qt.MouseButton.LeftButton)
    for name, value in TUNING.items():
        qtbot.keyClicks(form.rows[name].editor, str(value))
    qtbot.waitUntil(lambda: page.steps.setup.outlook is not None, timeout=20_000)
    qtbot.waitUntil(lambda: page.header.start_button.isEnabled(), timeout=20_000)
    qtbot.mouseClick(page.header.start_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: desk.jobs.current is not None, timeout=10_000)
    run = desk.jobs.current.run
    qtbot.waitUntil(lambda: desk.jobs.current is None, timeout=90_000)
    assert run.stage_folders()[-1].status().state is RunState.DONE
    checks = [event for event in run.stage_folders()[-1].all_events() if isinstance(event, TuningCheck)]
    assert [check.step for check in checks] == [0, 3, 6]
    return run.folder


@pytest.mark.timeout(240)
def test_from_a_base_model_to_an_answer_and_back(window: MainWindow, desk: Desk, qtbot: Any) -> None:
    folder = tuned(window, desk, qtbot, pretrained(desk, qtbot))

    # It is found where one looks for it.
    for name in ("home", "runs", "train"):
        window.show_page(name)
        qtbot.wait(60)
    qtbot.waitUntil(lambda: bool(desk.runs.summaries) and desk.runs.summaries[0].is_tuning, timeout=10_000)
    summary = desk.runs.summaries[0]
    assert summary.folder == folder and summary.planned.method_words == "LoRA, rank 4"
    assert summary.exact is not None and summary.best_step in (0, 3, 6)

    # It is talked to, and answers token by token.
    desk.bus.navigate.emit("playground", folder)
    page: Any = window.page
    qtbot.waitUntil(lambda: page.mode.current() == CHAT, timeout=30_000)
    assert page.session.facts.adapter and page.controls.adapter.isVisible()
    page.session.max_tokens = 6
    field = page.chat.composer.field
    field.setPlainText("Where was Mira Toll born?")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    session = page.session
    qtbot.waitUntil(lambda: len(session.turns) == 2 and not session.writing, timeout=20_000)
    assert "".join(token.text for token in session.tokens).startswith("<|end|><|user|>Where was")
    start = session.turns[1].first
    answer = session.tokens[start:]
    assert answer and all(token.is_written and token.prediction is not None for token in answer)

    # Without the adapter the base is asked the same, and says otherwise.
    with_adapter = answer[0].prediction.logits
    qtbot.mouseClick(page.controls.adapter._group.button(1), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(session.tokens) > start and not session.writing, timeout=20_000)
    qtbot.waitUntil(lambda: session.tokens[start].prediction is not answer[0].prediction, timeout=20_000)
    without = session.tokens[start].prediction.logits
    assert abs(with_adapter - without).max() > 1e-3
    session.undo()
    assert session.tokens[start] is answer[0]

    # The base goes, which is told, and comes back.
    told: list[str] = []
    desk.bus.undo.connect(lambda words, _: told.append(words))
    runs: Any = window.show_page("runs")
    base = next(run for run in desk.runs.summaries if run.folder != folder)
    runs.trash.delete([base])
    assert "The adapter of" in told[-1] and summary.name in told[-1]
    runs.trash.take_back()
    assert base.folder.is_dir()
