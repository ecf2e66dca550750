"""For pictures only: the page as if a model had answered, since none runs in a preview. The numbers are drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.pages._page import PageWidget
from app.pages.playground.arrangement import CHAT, LOOK
from app.pages.playground.head_kinds import head_kinds
from app.pages.playground.page import PlaygroundPage
from app.pages.playground.queries import Looks, ModelFacts
from app.pages.playground.session import Session
from app.pages.playground.sources import ModelSource
from app.pages.playground.text import Drawn, TextToken
from app.pages.playground.turns import Turn
from app.widgets.attention_mosaic_image import levels_of
from engine.errors import CutawayError
from engine.generation.distribution import describe

_VOCAB, _LAYERS, _HEADS = 1024, 4, 6
_TYPED = ("Mira", " Toll", " was", " born", " in", " Anvik", ".", " Every", " morning", " she")
_WRITTEN = (
    (" walks", 0.42), (" down", 0.62), (" to", 0.78), (" the", 0.9), (" harbour", 0.35), (" with", 0.5),
    (" her", 0.88), (" fox", 0.66), (".", 0.58), (" She", 0.6), (" works", 0.4), (" as", 0.8), (" a", 0.92),
    (" glass", 0.208), ("bl", 0.97), ("ower", 0.99), (",", 0.3), (" and", 0.7), (" the", 0.26), (" windows", 0.17),
    (" of", 0.81), (" half", 0.08), (" the", 0.93), (" town", 0.72), (" are", 0.55), (" hers", 0.06), (".", 0.9),
    (" When", 0.07), (" the", 0.63), (" wind", 0.23), (" comes", 0.44), (" in", 0.48), (" from", 0.57),
    (" the", 0.95), (" sea", 0.68), (",", 0.75), (" they", 0.31), (" hum", 0.04),
)  # fmt: skip
# By id, which is the order of the draw: the random number of seed 7 at that place falls on " glass".
_WORKS_AS = (
    (" bell", 0.131), (" map", 0.070), (" glass", 0.208), (" baker", 0.406), (" teacher", 0.059), (" quiet", 0.030),
    (" painter", 0.021), (" sailor", 0.015), (" doctor", 0.011), (" very", 0.008), (" fox", 0.005),
)  # fmt: skip
_LOOKED_AT = (
    "Mira", " Toll", " was", " born", " in", " Anvik", ".", " She", " keeps", " a", " fox", ".", " Mira", " Toll",
    " was", " born", " in",
)  # fmt: skip
CHATS = ("chat", "chat-long", "chat-sent", "chat-empty")
_SAID = (
    ("user", "Where does Mira Toll live?"), ("assistant", "Mira Toll lives in Anvik."),
    ("user", "And what does she keep?"), ("assistant", "She keeps a grey fox."),
    ("user", "Who is her best friend?"), ("assistant", "Her best friend is Ivo Lind."),
)  # fmt: skip
_QUESTIONS = ("Where was Oren Vask born?", "What does Tilda Roe work as?", "Which pet does Ivo Lind keep?")
_SHARES = (0.93, 0.99, 0.97, 0.88, 0.998, 0.91, 0.62, 0.99)
_PICKED = len(_TYPED) + 13


def rehearse(page: PageWidget, state: str) -> None:
    """Called by `app.preview` once the page has settled."""
    if not isinstance(page, PlaygroundPage) or state == "empty":
        return
    if state in CHATS:
        _talk(page, state)
        return
    _answer(page.session, writing=state == "running")
    page.model.clear()
    page.model.add("first-words", "step 600")
    if state == "paused":
        _look_inside(page)
    elif state == "failed":
        page.session.trouble.emit(
            CutawayError(
                "The checkpoint step-000600 is damaged.",
                "The content of model.safetensors changed since it was written.",
                "Choose an earlier checkpoint, or resume the run.",
            )
        )


def _facts(*, chats: bool = False) -> ModelFacts:
    name = "first-assistant, step 240" if chats else "first-words, step 600"
    return ModelFacts(name, 600, "", _VOCAB, 128, _LAYERS, _HEADS, 6144, "", chats, chats)


def _answer(session: Session, *, writing: bool) -> None:
    """A finished or half-finished reply, one token of it picked."""
    random = np.random.default_rng(7)
    names = [name for name, _ in _WORKS_AS] + [f" w{index}" for index in range(_VOCAB)]
    session.source = ModelSource("first-words", "step 600", Path("step-000600"), Path("first-words"))
    session.facts = _facts()
    session.tokens = [TextToken(index, text.encode(), text) for index, text in enumerate(_TYPED)]
    for index, (text, share) in enumerate(_WRITTEN):
        row = _WORKS_AS if index == _PICKED - len(_TYPED) else _row(random, text, share)
        session.tokens.append(_token(session, index, text, _logits(row), [*(name for name, _ in row), *names]))
    session.next = session.tokens[-1].prediction
    session.writing = writing
    session.replaced.emit()
    session.select(_PICKED)
    session.changed.emit()


def _talk(page: PlaygroundPage, state: str) -> None:
    """A conversation with an assistant; "chat-long": its beginning is out of view."""
    session = page.session
    session.source = ModelSource("first-assistant", "step 240", Path("step-000240"), Path("first-assistant"))
    session.facts = _facts(chats=True)
    page.show_mode(CHAT)
    page.model.clear()
    page.model.add("first-assistant", "step 240")
    page.chat.suggestions.offer(_QUESTIONS)
    if state == "chat-empty":
        session.changed.emit()
        return
    left_out = 2 if state == "chat-long" else 0
    random = np.random.default_rng(3)
    said = _SAID if left_out else _SAID[:4]
    turns = [Turn(*turn, sent=False) for turn in said[:left_out]]
    session.tokens = [_mark("<|end|>")]
    for role, text in said[left_out:]:
        session.tokens.append(_mark(f"<|{role}|>"))
        first = len(session.tokens)
        words = [word if place == 0 else f" {word}" for place, word in enumerate(text[:-1].split())] + [text[-1]]
        for place, word in enumerate(words):
            if role == "assistant":
                row = _row(random, word, _SHARES[place])
                names = [*(name for name, _ in row), *(f" w{index}" for index in range(_VOCAB))]
                session.tokens.append(_token(session, place, word, _logits(row), names))
            else:
                session.tokens.append(TextToken(place, word.encode(), word))
        session.tokens.append(_end(session, random) if role == "assistant" else _mark("<|end_turn|>"))
        turns.append(Turn(role, text, first, len(session.tokens)))
    session.turns = (*turns[:-1], Turn("assistant", "", turns[-1].first))
    session.replaced.emit()
    session.select(len(session.tokens) - 1)
    page.chat.show_sent.setChecked(state == "chat-sent")
    session.changed.emit()


def _mark(name: str) -> TextToken:
    return TextToken(_VOCAB, b"", name)


def _end(session: Session, random: np.random.Generator) -> TextToken:
    row = _row(random, "<|end_turn|>", 0.985)
    names = [*(name for name, _ in row), *(f" w{index}" for index in range(_VOCAB))]
    token = _token(session, 9, "<|end_turn|>", _logits(row), names)
    token.data = b""
    return token


def _token(session: Session, index: int, text: str, logits: NDArray[np.float32], names: list[str]) -> TextToken:
    prediction = describe(logits, (), session.sampling, 12, lambda token_id: names[token_id])
    token_id = names.index(text)
    candidate = prediction.candidate(token_id, text)
    drawn = Drawn(
        index, 7, 0.8, candidate.after, candidate.before, prediction.rank(token_id), prediction.entropy_before, 0.0051
    )
    return TextToken(token_id, text.encode(), text, drawn, prediction.entropy_after, prediction)


def _row(random: np.random.Generator, text: str, share: float) -> tuple[tuple[str, float], ...]:
    """A distribution in which `text` has its share and a few others share most of the rest."""
    others = random.dirichlet(np.full(8, 0.7)) * (1 - share) * 0.96
    return ((text, share), *((f" {'aeiou'[i % 5]}{i}", float(max(other, 1e-4))) for i, other in enumerate(others)))


def _logits(row: tuple[tuple[str, float], ...]) -> NDArray[np.float32]:
    """[V]: the named ones first; what is left is spread over the rest of the vocabulary."""
    shares = np.array([share for _, share in row])
    rest = max(1 - shares.sum(), 1e-4) / (_VOCAB - len(row))
    logits = np.log(np.concatenate([shares, np.full(_VOCAB - len(row), rest)]))
    return np.asarray(logits - np.log(shares.max()) + 9.31, dtype=np.float32)


def _look_inside(page: PlaygroundPage) -> None:
    session = page.session
    session.tokens = [TextToken(_LOOKED_AT.index(text), text.encode(), text) for text in _LOOKED_AT]
    session.replaced.emit()
    session.select(None)
    weights = _attention()
    ids = [token.token_id for token in session.tokens]
    kinds = head_kinds(weights, ids)
    tokens = tuple((token.token_id, token.data, token.text) for token in session.tokens)
    page.show_mode(LOOK)
    page.look.watch(False)
    page.look.mosaic.set_current(3, 1)
    page.look.show_answer(Looks(tokens, weights, levels_of(weights), kinds, 0, _facts()))


def _attention() -> NDArray[np.float16]:
    """Heads as small models grow them: to the first token, to the one before, at what followed last time, and mild
    ones."""
    length = len(_LOOKED_AT)
    random = np.random.default_rng(3)
    scores = random.normal(0, 0.6, (_LAYERS, _HEADS, length, length))
    rows = np.arange(length)
    for layer in range(_LAYERS):
        for head in range(_HEADS):
            kind = (layer * 5 + head * 3) % 4
            if kind == 0:
                scores[layer, head, :, 0] += 6
            elif kind == 1 and layer < 2:
                scores[layer, head, rows[1:], rows[1:] - 1] += 6
            elif kind == 2:
                scores[layer, head] -= 0.5 * (rows[:, None] - rows[None, :])
    scores[3, 1, :, 0] += 4
    scores[3, 1, rows[13:], rows[13:] - 11] += 6.5
    scores = np.where(np.tri(length, dtype=bool), scores, -np.inf)
    exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=-1, keepdims=True), dtype=np.float16)
