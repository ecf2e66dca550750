"""Why a model fails at things that look easy: each answer is counted with the tokenizer at hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from app.widgets.inspection import Inspection, Table
from app.widgets.token_view_words import visible
from engine.tokenizer.tokenizer import Tokenizer

_WORD, _LETTER = "strawberry", "r"
_ASKED = f"How many {_LETTER} stand in {_WORD}?"
_SUM = "1234567 + 1234568 = 2469135"
_PROMPT, _NEXT = "The capital of France is", " Paris"
_GREETINGS = {
    "English": "Good morning, how are you today?",
    "German": "Guten Morgen, wie geht es dir heute?",
    "Russian": "Доброе утро, как у тебя дела сегодня?",
    "Hindi": "सुप्रभात, आज आप कैसे हैं?",
}


@dataclass(frozen=True)
class Lesson:
    """name: on its button. question: the title. text: goes into the editor. explain: the answer in three steps."""

    name: str
    question: str
    text: str
    explain: Callable[[Tokenizer], Inspection]


def _letters(tokenizer: Tokenizer) -> Inspection:
    pieces = _pieces(tokenizer, f" {_WORD}")
    split = any("\ufffd" in text for text, _ in pieces)
    shown = ", ".join(f"`{visible(text)}`" for text, _ in pieces)
    count = _WORD.count(_LETTER)
    if len(pieces) >= len(_WORD):
        words = (
            f"This tokenizer gives every letter of {_WORD} a token of its own, {shown}: a model that reads these can "
            f"count the {count} {_LETTER}. It pays with a text that is much longer."
        )
    else:
        words = (
            f"The model never sees the letters of {_WORD}. It sees {_counted(len(pieces), 'number')}, one for each of "
            f"{shown}. That {_LETTER} stands in them {count} times is written in none of these numbers: it can only "
            "know it from text that talks about spelling."
        )
    rows = tuple((f"{token_id:,}", visible(text), str(text.count(_LETTER))) for text, token_id in pieces)
    return Inspection(
        title="Why can it not count letters?",
        subtitle=_ASKED,
        words=words,
        formula=r"input = (id_1, id_2, \ldots, id_n)",
        formula_words="That is all the model receives. Equal letters in two tokens have nothing in common there.",
        table=Table(("id, all it gets", "token", f"{_LETTER} in it"), rows, words=True),
        note="A character of the word is split over several tokens." if split else "",
        subject="word",
        advice="Write the word with spaces, s t r a w b e r r y: then every letter is a token, and it can count.",
    )


def _numbers(tokenizer: Tokenizer) -> Inspection:
    numbers = [word for word in _SUM.split() if word.isdigit()]
    cuts = {number: [text for text, _ in _pieces(tokenizer, number)] for number in numbers}
    shown = ", ".join(f"`{text}`" for text in cuts[numbers[0]])
    alone = all(len(text) == 1 for cut in cuts.values() for text in cut)
    words = (
        f"{numbers[0]} is cut into {shown}: one digit a token. The digits are there, and still to add two numbers the "
        "model has to find for each of them the one with the same place in the other."
        if alone
        else f"{numbers[0]} is cut into {shown}. Cuts count from the left, and sums count from the right: digits of "
        "the same place fall into different tokens, and the sum of two numbers is no sum of their tokens."
    )
    rows = tuple((number, " ".join(cut), str(len(cut))) for number, cut in cuts.items())
    return Inspection(
        title="Why do numbers split?",
        subtitle=_SUM,
        words=words,
        formula=r"1234567 = 1 \cdot 10^6 + 2 \cdot 10^5 + \ldots",
        formula_words="What a digit is worth depends on its place from the right, which a cut from the left hides.",
        table=Table(("number", "tokens", "count"), rows, words=True),
        subject="sum",
        advice="Let a model that has to reckon write the steps, or use a tokenizer with one digit a token.",
    )


def _space(tokenizer: Tokenizer) -> Inspection:
    plain, spaced, whole = (_pieces(tokenizer, text) for text in (_PROMPT, f"{_PROMPT} ", _PROMPT + _NEXT))
    follows = whole[len(plain) :] if whole[: len(plain)] == plain else whole[-1:]
    want = visible(follows[0][0]) if follows else visible(_NEXT)
    joined = follows and follows[0][0].startswith(" ") and len(follows[0][0]) > 1
    words = (
        f"In text, the space belongs to the word behind it: after `{visible(plain[-1][0])}` comes `{want}`. With a "
        f"space at the end the prompt already ends in `{visible(spaced[-1][0])}`, and `{want}` cannot come any more. "
        "The model has to go on in a way that it hardly ever saw."
        if joined
        else f"Here the space is a token of its own, and `{visible(_NEXT.strip()[0])}` can follow it: with this "
        "tokenizer a space at the end does no harm. Larger vocabularies join it with the word behind it."
    )
    rows = (
        ("without", visible(plain[-1][0]), str(len(plain))),
        ("with a space", visible(spaced[-1][0]), str(len(spaced))),
        ("as in text", f"{visible(plain[-1][0])} {want}", str(len(whole))),
    )
    return Inspection(
        title="Why does a space at the end hurt?",
        subtitle=f"{_PROMPT}␣",
        words=words,
        formula=r"p(next | \ldots, is, space) \ne p(next | \ldots, is)",
        formula_words="Other tokens before it, another distribution: the text looks the same only to us.",
        table=Table(("prompt", "its last token", "tokens"), rows, words=True),
        subject="prompt",
        advice="Leave no space at the end of a prompt.",
    )


def _languages(tokenizer: Tokenizer) -> Inspection:
    counts = {name: len(tokenizer.encode(text)) for name, text in _GREETINGS.items()}
    first = next(iter(counts.values()))
    dear = max(counts, key=lambda name: counts[name])
    words = (
        f"The same greeting takes {first} tokens in English and {counts[dear]} in {dear}, {counts[dear] / first:.1f} "
        "times as many. The merges were learned where they joined most, and what the corpus had little of stays in "
        "small pieces. Every token costs the same time and the same place in the context."
    )
    rows = tuple(
        (name, str(len(_GREETINGS[name].encode())), str(count), f"{count / first:.1f}×")
        for name, count in counts.items()
    )
    return Inspection(
        title="Why does another language cost more?",
        subtitle="the same greeting four times",
        words=words,
        formula=r"cost = \frac{tokens}{tokens_{English}}",
        formula_words="A context holds that many times less of it, and an answer takes that many times longer.",
        table=Table(("language", "bytes", "tokens", "cost"), rows),
        subject="greeting",
        advice="Train a tokenizer on text of that language, with balance, in Train.",
    )


LESSONS = (
    Lesson("letters", "Why can it not count letters?", f"{_ASKED} s t r a w b e r r y", _letters),
    Lesson("numbers", "Why do numbers split?", _SUM, _numbers),
    Lesson("a space at the end", "Why does a space at the end hurt?", f"{_PROMPT} ", _space),
    Lesson("another language", "Why does another language cost more?", "\n".join(_GREETINGS.values()), _languages),
)


def _pieces(tokenizer: Tokenizer, text: str) -> list[tuple[str, int]]:
    return [(tokenizer.token_text(token_id), token_id) for token_id in tokenizer.encode(text)]


def _counted(count: int, noun: str) -> str:
    return f"one {noun}" if count == 1 else f"{count} {noun}s"
