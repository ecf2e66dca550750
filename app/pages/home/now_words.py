"""One sentence, in plain words, about what happens now. Text between asterisks is what the eye should catch."""

from __future__ import annotations

import math
from dataclasses import dataclass

from app.pages.home.run_view import RunView, StageView
from app.widgets.cost_words import about_words
from app.widgets.timeline import clock
from engine.events import RunState


@dataclass(frozen=True)
class NowWords:
    """role: of the marked part of the sentence. details: below it, when something needs more than a sentence."""

    heading: str
    sentence: str
    role: str = "accent"
    details: str = ""


# Share of ln(vocab_size), the loss of a random guess, above which each sentence holds.
_LEARNING = (
    (0.92, "Every token is still as likely as any other. The model is finding out *which ones are common*."),
    (0.62, "The model knows the common tokens. It is now learning *which letters make a word*."),
    (0.36, "The model knows many words. It is now learning *which word follows which*."),
    (0.20, "The model strings words together. It is now learning *how a sentence goes*, one guess at a time."),
)
# Share of held-out questions that are answered, below which each sentence holds.
_ANSWERING = (
    (
        0.02,
        "The model still goes on as a text does. It is learning *that a question wants an answer*.",
    ),
    (0.50, "The model answers, and stops. It is now learning *to say what it knows*, one answer at a time."),
)
_ASKING = "Questions are asked about *half of the people*; those about the others are kept for the exam."
_READING = "Your conversations are read, and *what is none is left out*, with the reason."
_FACTS = "The model knows how a sentence goes. It is now learning *who was born where*, one guess at a time."
_STYLE = "The model knows how a sentence goes. It is now learning *what this text is about*, one guess at a time."


def words_before(people: int | None, seconds: float, *, wants_text: bool, makes: str = "pretrain") -> NowWords:
    """people: invented ones of the recipe's world, None when it reads files. makes: the stages that train a model,
    joined by "+"."""
    details = "Nothing leaves this computer. Stop at any time, go on later."
    if wants_text:
        return NowWords(
            "Before Start", "Choose a text of your own: *a book, your notes, any plain text*.", details=details
        )
    source = f"{people} people who never lived become text" if people else "Your text is read"
    if makes == "sft":
        told = f"Press Start. A model reads conversations, and in about {about_words(seconds)} it *answers*."
        return NowWords("Before Start", told, details=details)
    becomes = "*a model that answers*" if "sft" in makes else "*a model that writes*"
    promise = f"text becomes numbers, and in about {about_words(seconds)} the numbers become {becomes}."
    return NowWords("Before Start", f"Press Start. {source}, {promise}", details=details)


def words_now(view: RunView, vocab_size: int) -> NowWords:
    stage = view.current
    state = view.state
    if state is RunState.FAILED or (stage.trouble is not None and state.is_final):
        return _failed(stage)
    if state is RunState.DONE:
        return _done(view)
    if state is RunState.DIED:
        return NowWords(
            f"{stage.title} broke off",
            f"The computer or the program ended at step {stage.step:,}. *What was saved is intact.*",
            "warning",
            "Resume goes on from the newest checkpoint, with the same losses as if nothing had happened.",
        )
    if state is RunState.STOPPED:
        kept = stage.checkpoint is not None or not stage.makes_model
        return NowWords(
            f"{stage.title} stopped",
            f"You stopped at step {stage.step:,}. *The model is kept* as it was." if kept else "You stopped the run.",
            details="Resume goes on where it stopped.",
        )
    return _alive(view, stage, state, vocab_size)


def _alive(view: RunView, stage: StageView, state: RunState, vocab_size: int) -> NowWords:
    if state is RunState.PAUSED:
        if stage.trouble is not None:
            return NowWords(
                f"{stage.title} paused itself",
                f"*{stage.trouble.what}*",
                "danger",
                f"{stage.trouble.why} {stage.trouble.remedy}",
            )
        at = f" at step {stage.step:,}" if stage.step and stage.makes_model else ""
        return NowWords(
            f"{stage.title} is paused", f"The run holds its breath{at}. You can *look inside* as long as you like."
        )
    if state in (RunState.STOPPING, RunState.SAVING):
        return NowWords(f"{stage.title} is stopping", "The run comes to its end. *What was learned is being saved.*")
    sentence = {
        "world": "A small world is being invented: *who lives where*, with which pet, and what happened one day.",
        "corpus": "Your files are being read, and *what is no text is left out*.",
        "train_tokenizer": "The most frequent neighbours become one token, again and again: *text becomes numbers*.",
        "tokenize": "Every document is written down *as numbers*, ready to be learned from.",
        "conversations": _ASKING if view.stage("world") is not None or stage.documents else _READING,
        "sft": _answering(stage),
        "pretrain": _learning(stage, vocab_size, factual=view.stage("world") is not None),
    }.get(stage.name, f"{stage.title} is at work." if not stage.message else stage.message)
    return NowWords(f"Now: {stage.title}", sentence)


def _learning(stage: StageView, vocab_size: int, *, factual: bool) -> str:
    loss = stage.track.smooth
    if math.isnan(loss):
        return "The model is being built. It has read nothing yet, and *knows nothing*."
    share = loss / math.log(max(vocab_size, 2))
    sentence = next((words for threshold, words in _LEARNING if share > threshold), "")
    return sentence or (_FACTS if factual else _STYLE)


def _answering(stage: StageView) -> str:
    if stage.judged is not None:
        return f"The model is learning *which label a text has*: {stage.judged.accuracy:.0%} are right so far."
    if not stage.checks:
        return "The model is asked what it makes of a question *before it learns to answer*."
    exact = stage.exact
    if exact is None:
        return f"The model is learning *to answer as the conversations do*: {_loss(stage)}."
    known = f"The model answers questions that it was never asked before: *{exact:.0%} word for word*."
    return next((words for threshold, words in _ANSWERING if exact < threshold), known)


def _loss(stage: StageView) -> str:
    first, last = stage.checks[0].loss, stage.checks[-1].loss
    return f"its loss on what it does not train on went from {first:.2f} to {last:.2f}"


def _failed(stage: StageView) -> NowWords:
    trouble = stage.trouble
    if trouble is None:
        return NowWords(
            f"{stage.title} failed", "*The stage ended with an error.* Everything before it is kept.", "danger"
        )
    return NowWords(f"{stage.title} failed", f"*{trouble.what}*", "danger", f"{trouble.why} {trouble.remedy}")


def _done(view: RunView) -> NowWords:
    pretrain, tuned = view.stage("pretrain"), view.stage("sft")
    if tuned is not None:
        return NowWords("Done", f"{_what_it_answers(tuned)} *Talk to it*.")
    if pretrain is None:
        return NowWords("Done", "*All stages are done.*", "ok")
    tokens = pretrain.plan["tokens"] if pretrain.plan and "tokens" in pretrain.plan else 0
    read = f"It has read {_count(tokens)} tokens in {clock(view.elapsed)}. " if tokens else ""
    known = (
        "Ask it *who was born where*." if view.stage("world") is not None else "Give it a beginning and *let it write*."
    )
    return NowWords("Done", f"The model is ready. {read}{known}")


def _what_it_answers(stage: StageView) -> str:
    exact = stage.exact
    if stage.judged is not None:
        return f"The classifier is ready. It labels {stage.judged.accuracy:.0%} of the held-out texts rightly."
    if exact is None:
        return "The assistant is ready."
    return f"The assistant is ready. It answers {exact:.0%} of the questions that it was never asked, word for word."


def _count(number: float) -> str:
    return (
        f"{number / 1e9:.1f} billion"
        if number >= 1e9
        else f"{number / 1e6:.1f} million"
        if number >= 1e6
        else f"{number:,.0f}"
    )
