"""The Tokenizer page with a million tokens: how soon they show, how they scroll, recolour and answer while one types.

The text: Shakespeare, if ../shared/data has it, and the telling of a world, cut by a byte pair encoding of up to 16,000
merges that is learned on its beginning. The page stands in a window of 1440 x 900. Baseline of the same run: a
QPlainTextEdit whose 20,000 tokens are coloured by extra selections. "machine" names the window system: offscreen, or
xcb where a DISPLAY is set.

python -m tests.benchmarks.token_view [--quick]
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

os.environ.setdefault("QT_QPA_PLATFORM", "xcb" if os.environ.get("DISPLAY") else "offscreen")

import numpy as np
import psutil
from PySide6.QtGui import QColor, QTextCursor
from PySide6.QtWidgets import QApplication, QPlainTextEdit, QTextEdit

from app.application import make_application
from app.jobs.desk import make_desk
from app.jobs.settings import Settings
from app.pages.tokenizer.cut import Cut, cut, cut_in_pieces
from app.pages.tokenizer.page import TokenizerPage
from app.theme import stylesheet
from app.theme.palette import DARK
from app.widgets.token_view import Colouring, TokenView
from engine.corpus.worlds.telling import tell_world
from engine.corpus.worlds.world import build_world
from engine.store.artifact import making_artifact
from engine.store.workspace import open_workspace
from engine.tokenizer.kinds.bpe import PATTERN, BpeTokenizer
from engine.tokenizer.tokenizer import Tokenizer, save_tokenizer
from tests.benchmarks.report import Report, arguments

TOKENS, QUICK_TOKENS = 1_000_000, 200_000
SHORT = 20_000
FRAMES = 200
KEYS = 40
DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "tinyshakespeare.txt"
_LEARNED_BYTES, _MERGES = 3_000_000, 16_000


def main() -> None:
    args = arguments(__doc__ or "")
    tokens = QUICK_TOKENS if args.quick else TOKENS
    with tempfile.TemporaryDirectory() as folder:
        # In a process of its own: what learning leaves behind must not stand in the memory that is measured.
        command = [sys.executable, "-m", "tests.benchmarks.token_view", "make", folder, str(tokens)]
        subprocess.run(command, check=True)
        measure(Path(folder), tokens)


def make(folder: Path, tokens: int) -> None:
    """Learns the tokenizer and writes it, and a text of so many tokens."""
    from tokenizers import Regex, models, pre_tokenizers, trainers
    from tokenizers import Tokenizer as Library

    from engine.tokenizer.byte_alphabet import parsed

    documents = list(_documents(6 * tokens))
    learned_from, size = [], 0
    for document in documents:
        learned_from.append(document)
        size += len(document)
        if size > _LEARNED_BYTES:
            break
    library = Library(models.BPE())
    library.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(PATTERN), "isolated"), pre_tokenizers.ByteLevel(False, use_regex=False)]
    )
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    library.train_from_iterator(
        learned_from, trainers.BpeTrainer(vocab_size=256 + _MERGES, initial_alphabet=alphabet, show_progress=False)
    )
    library.save(str(folder / "library.json"))
    merges = json.loads((folder / "library.json").read_text(encoding="utf-8"))["model"]["merges"]
    tokenizer = BpeTokenizer([(parsed(left), parsed(right)) for left, right in merges])
    workspace = open_workspace(folder / "workspace")
    made = workspace.artifact_folder("tokenizer", "benchmark", "train_tokenizer", {}, {})
    with making_artifact(made, kind="tokenizer", stage="train_tokenizer", config={}, parents={}) as draft:
        save_tokenizer(tokenizer, draft.folder)
        draft.figures = {"kind": tokenizer.kind, "vocab_size": tokenizer.vocab_size}
    (folder / "text.txt").write_text(_first(tokenizer, "".join(documents), tokens), encoding="utf-8")


def _documents(size: int) -> Iterator[str]:
    """At least so many characters."""
    text = DATA.read_text(encoding="utf-8") if DATA.is_file() else ""
    yield text
    told = len(text)
    for document in tell_world(build_world(1, 400), 1, size // 40):
        told += len(document.text) + 1
        yield document.text + "\n"
        if told >= size:
            return


def _first(tokenizer: Tokenizer, text: str, tokens: int) -> str:
    ids = tokenizer.encode(text)[:tokens]
    assert len(ids) == tokens, f"the text has only {len(ids):,} tokens"
    return tokenizer.decode(ids)


def measure(folder: Path, tokens: int) -> None:
    app = make_application()
    stylesheet.apply(app, DARK)
    report = Report("token_view")
    report.machine["platform"] = app.platformName()
    desk = make_desk(Settings(folder / "settings.ini"), open_workspace(folder / "workspace"))
    page = TokenizerPage(desk)
    tokenizer = page.choice.tokenizer
    assert tokenizer.kind == "bpe"
    page.resize(1440, 900)
    page.show()
    _settle(0.3)
    own = _show(report, page, folder, tokens)
    _scroll(report, page.text.own.view)
    _recolour(report, page.text.own.view, tokens)
    gc.collect()
    report.add("memory for the text, its ids and lines", _megabytes() - own, "MB", "<= 200")
    _type(report, page, tokenizer)
    _baseline(report, page, tokenizer)
    report.end()
    page.close()


def _show(report: Report, page: TokenizerPage, folder: Path, tokens: int) -> float:
    """Encodes and shows the text; the megabytes of the process before."""
    view, before = page.text.own.view, _megabytes()
    text = (folder / "text.txt").read_text(encoding="utf-8")
    began = time.perf_counter()
    found = next(item for item in cut_in_pieces(page.choice.tokenizer, text) if isinstance(item, Cut))
    report.add("encoding", time.perf_counter() - began, "s")
    report.add("tokens", len(found.ids), "")
    began = time.perf_counter()
    page._long = found
    page._show_long()
    QApplication.sendPostedEvents()
    QApplication.processEvents()
    view.viewport().repaint()
    report.add("first paint after encoding", (time.perf_counter() - began) * 1e3, "ms", "<= 200")
    late = []
    while not view.is_complete:
        turn = time.perf_counter()
        QApplication.processEvents()
        late.append((time.perf_counter() - turn) * 1e3)
    report.add("all lines laid out", (time.perf_counter() - began) * 1e3, "ms")
    report.add("longest turn of the event loop meanwhile", max(late, default=0.0), "ms")
    return before


def _scroll(report: Report, view: TokenView) -> None:
    """Three pixels to a page and a half each frame, over text that was never in view before."""
    bar, frames = view.verticalScrollBar(), []
    for frame in range(FRAMES):
        step = (40, view.viewport().height() // 3, bar.maximum() // FRAMES)[frame % 3]
        began = time.perf_counter()
        bar.setValue(bar.value() + step)
        view.viewport().repaint()
        frames.append((time.perf_counter() - began) * 1e3)
    frames.sort()
    report.add("a frame while scrolling, median", median(frames), "ms", "<= 16")
    report.add("a frame while scrolling, 95th of 100", frames[int(0.95 * len(frames))], "ms", "<= 16")
    report.add("a frame while scrolling, longest", frames[-1], "ms")


def _recolour(report: Report, view: TokenView, tokens: int) -> None:
    shares = np.random.default_rng(1).random(tokens, dtype=np.float32)
    colourings = (Colouring.PROBABILITY, Colouring.POSITION, Colouring.ENTROPY)

    def recolour(turn: int) -> None:
        view.set_values(shares[::-1] if turn % 2 else shares)
        view.set_colouring(colourings[turn % 3])
        view.viewport().repaint()

    times = [_milliseconds(lambda turn=turn: recolour(turn)) for turn in range(12)]
    report.add("recolouring, median", median(times), "ms", "<= 30")
    report.add("recolouring, longest", max(times), "ms", "<= 30")
    view.set_colouring(Colouring.POSITION)


def _type(report: Report, page: TokenizerPage, tokenizer: Tokenizer) -> None:
    """Keys in the middle of a text of 20,000 tokens, from the key to the painted chips."""
    own = page.text.own
    assert own.cut is not None
    text = tokenizer.decode(own.cut.ids[:SHORT])
    page.text.editor.take(text)
    page.text.show_own(tokenizer, cut(tokenizer, text))
    _settle(0.5)
    cursor = page.text.editor.textCursor()
    cursor.setPosition(len(text) // 2)
    page.text.editor.setTextCursor(cursor)
    own.view.set_current(SHORT // 2)
    times = []
    for key in ("a house by the sea, " * 3)[:KEYS]:
        began = time.perf_counter()
        page.text.editor.insertPlainText(key)
        while own.cut.text != page.text.editor.text():
            QApplication.processEvents()
        own.view.viewport().repaint()
        times.append((time.perf_counter() - began) * 1e3)
    assert own.cut.ids.tolist() == tokenizer.encode(page.text.editor.text())
    times.sort()
    report.add("a key in 20,000 tokens, median", median(times), "ms", "<= 30")
    report.add("a key in 20,000 tokens, 95th of 100", times[int(0.95 * len(times))], "ms", "<= 30")
    whole = _milliseconds(lambda: tokenizer.encode(page.text.editor.text()))
    report.add("encoding those 20,000 as a whole", whole, "ms")


def _baseline(report: Report, page: TokenizerPage, tokenizer: Tokenizer) -> None:
    """What Qt itself offers for the same 20,000 tokens."""
    editor = QPlainTextEdit()
    editor.resize(page.text.own.view.size())
    editor.show()
    own = page.text.own.cut
    assert own is not None
    ids = own.ids[:SHORT]
    ends = np.cumsum([len(tokenizer.token_bytes(token_id)) for token_id in ids]).tolist()

    def colour(shift: int) -> None:
        selections = []
        for index, (start, end) in enumerate(zip([0, *ends], ends, strict=False)):
            selection = QTextEdit.ExtraSelection()
            cursor = QTextCursor(editor.document())
            cursor.setPosition(start)
            cursor.setPosition(end, QTextCursor.MoveMode.KeepAnchor)
            selection.cursor = cursor
            selection.format.setBackground(QColor(DARK.chips[(index + shift) % len(DARK.chips)]))
            selections.append(selection)
        editor.setExtraSelections(selections)
        editor.viewport().repaint()

    def show() -> None:
        editor.setPlainText(own.text)
        QApplication.processEvents()
        colour(0)

    def scroll() -> None:
        editor.verticalScrollBar().setValue(editor.verticalScrollBar().value() + 8)
        editor.viewport().repaint()

    report.add("QPlainTextEdit with 20,000: first paint", _milliseconds(show), "ms")
    report.add("QPlainTextEdit with 20,000: recolouring", _milliseconds(lambda: colour(1)), "ms")
    report.add("QPlainTextEdit with 20,000: a frame, median", median(_milliseconds(scroll) for _ in range(9)), "ms")


def _milliseconds(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return (time.perf_counter() - began) * 1e3


def _settle(seconds: float) -> None:
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        QApplication.processEvents()


def _megabytes() -> float:
    return psutil.Process().memory_info().rss / 1e6


if __name__ == "__main__":
    if sys.argv[1:2] == ["make"]:
        make(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        main()
