"""Opening a model in the window: by name, by dropping it, and what is said when it cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PySide6.QtCore import QMimeData, Qt, QUrl
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.jobs.desk import Desk
from app.main_window import MainWindow
from app.widgets.open_dialog import OpenDialog, dropped_model, dropped_tokenizer
from engine.formats.huggingface import write_model
from engine.formats.tokenizer_json import write_tokenizer
from engine.launch.opening import Opened
from engine.model.config import ModelConfig
from engine.model.transformer import Transformer
from engine.model.weights import weights
from engine.tokenizer.kinds.byte import ByteTokenizer

SHAPE = {"vocab_size": 257, "context_length": 32, "n_layer": 1, "n_head": 2, "n_kv_head": 2, "d_model": 16, "d_ff": 32}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A Llama of two heads over bytes, as transformers writes one."""
    torch.manual_seed(0)
    config = ModelConfig(**SHAPE, family="llama", activation="swiglu", qk_norm=False, tie_embeddings=False)
    folder = tmp_path / "tiny-llama"
    write_model(folder, config, weights(Transformer(config)))
    write_tokenizer(folder, ByteTokenizer(), config.context_length)
    return folder


@pytest.fixture
def window(desk: Desk, qtbot: QtBot) -> MainWindow:
    window = MainWindow(desk)
    qtbot.addWidget(window)
    window.show()
    return window


def mime(path: Path) -> QMimeData:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    return data


def test_a_typed_folder_is_opened_and_the_playground_talks_to_it(
    window: MainWindow, desk: Desk, folder: Path, qtbot: QtBot
) -> None:
    window.open_model()
    (dialog,) = window.findChildren(OpenDialog)
    assert not dialog.open_button.isEnabled()
    QTest.keyClicks(dialog.source, str(folder))
    with qtbot.waitSignal(dialog.opened, timeout=20_000) as told:
        QTest.mouseClick(dialog.open_button, Qt.MouseButton.LeftButton)
    assert isinstance(told.args[0], Opened) and told.args[0].folder.parent == desk.workspace.models
    page = window.page
    assert window.page_name == "playground" and page is not None
    qtbot.waitUntil(lambda: page.session.facts is not None, timeout=20_000)
    assert page.session.source.detail == "imported" and page.session.source.name == "tiny-llama"
    page.session.edit("ab")
    page.session.write()
    qtbot.waitUntil(lambda: not page.session.writing and len(page.session.tokens) > 2, timeout=20_000)


def test_a_dropped_model_begins_at_once(window: MainWindow, folder: Path, qtbot: QtBot) -> None:
    assert dropped_model(mime(folder)) == folder
    assert dropped_model(mime(folder / "model.safetensors")) == folder / "model.safetensors"
    assert dropped_model(mime(folder / "tokenizer.json")) is None
    assert dropped_tokenizer(mime(folder / "tokenizer.json")) == folder / "tokenizer.json"
    assert dropped_tokenizer(mime(folder)) is None  # a model, with its tokenizer
    window.open_model(str(folder))
    qtbot.waitUntil(lambda: window.page_name == "playground", timeout=20_000)


def test_what_cannot_be_opened_is_told_and_can_be_tried_again(
    desk: Desk, folder: Path, qtbot: QtBot, tmp_path: Path
) -> None:
    (folder / "config.json").write_text('{"model_type": "t5"}')
    dialog = OpenDialog(desk, str(folder))
    qtbot.addWidget(dialog)
    dialog.show()
    qtbot.waitUntil(lambda: "model_type 't5'" in dialog.words.text(), timeout=20_000)
    assert dialog.isVisible() and dialog.open_button.isEnabled()
    dialog.source.setText(str(tmp_path / "nowhere"))
    dialog.begin()
    qtbot.waitUntil(lambda: "There is no model" in dialog.words.text(), timeout=20_000)


def test_cancel_leaves_nothing(desk: Desk, folder: Path, qtbot: QtBot) -> None:
    dialog = OpenDialog(desk, str(folder))
    qtbot.addWidget(dialog)
    dialog.show()
    dialog.reject()
    answered: list[object] = []
    desk.engine.ask(lambda side: iter([1]), answered.append)
    qtbot.waitUntil(lambda: bool(answered), timeout=20_000)
    assert not list(desk.workspace.models.glob("*"))
