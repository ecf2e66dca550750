"""The cards of the road: which ones a recipe has, and what each of them shows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from PySide6.QtWidgets import QWidget

from app.jobs.run_summary import size_words
from app.pages.home.examples import CONVERSATIONS, DOCUMENTS, GUESSES, LETTERS
from app.pages.home.forecast import vocabulary_size
from app.pages.home.road_card import RoadCard, Scene
from app.pages.home.run_view import StageView
from app.pages.home.samples import one_line
from app.pages.home.tuning_card import TuningCard
from app.widgets.stage_card import CardWords, Mark
from app.widgets.stage_card_documents import DocumentsPicture
from app.widgets.stage_card_guesses import GuessesPicture
from app.widgets.stage_card_loss import LossPicture
from app.widgets.stage_card_loss_track import LossTrack
from app.widgets.stage_card_merges import Merge, MergesPicture
from engine.events import MergeLearned, RunState
from engine.launch.recipe import Recipe


class DocumentsCard(RoadCard):
    """World or Corpus: the documents that come in."""

    page = "tokenizer"

    def __init__(self, stage: str) -> None:
        self.stages = (stage,)
        self._picture = DocumentsPicture()
        super().__init__("World" if stage == "world" else "Text", self._picture)

    def show(self, scene: Scene) -> None:
        stage = self._show_state(scene)
        samples = [(sample.text, sample.marks) for sample in stage.documents] if stage else []
        if samples:
            self._picture.set_documents(samples)
        else:
            self._picture.set_documents(DOCUMENTS if self.stages[0] == "world" else (), hollow=True)
        number, label = self._count(scene, stage)
        self.card.set_words(CardWords(self._subtitle(scene), "", number, label, self._time(scene)))

    def _subtitle(self, scene: Scene) -> str:
        if self.stages[0] == "world":
            return f"{scene.setting('world', 'people'):,} invented people"
        paths = scene.setting("corpus", "paths")
        names = [Path(path).name or str(path) for path in paths] if isinstance(paths, list) else []
        return ", ".join(names) or "no file chosen yet"

    def _count(self, scene: Scene, stage: StageView | None) -> tuple[str, str]:
        if stage is None:
            people = scene.setting("world", "people")
            return (
                (f"{people:,}", "people to invent") if isinstance(people, int) else ("", "documents, one after another")
            )
        documents = stage.figures.get("documents", stage.done if "document" in stage.unit else 0)
        size = stage.figures.get("bytes")
        if not documents and stage.done:
            return size_words(stage.done) if "byte" in stage.unit else f"{stage.done:,}", "read so far"
        label = "documents" if documents != 1 else "document"
        return f"{documents:,}", f"{label}, {size_words(int(size))}" if size else label


class ConversationsCard(RoadCard):
    """What a model that is there is tuned on; on a longer road it stands on the assistant's card."""

    stages = ("conversations",)
    page = "finetune"

    def __init__(self) -> None:
        self._picture = DocumentsPicture()
        super().__init__("Conversations", self._picture)

    def show(self, scene: Scene) -> None:
        stage = self._show_state(scene)
        samples = [(sample.text, sample.marks) for sample in stage.documents] if stage else []
        self._picture.set_documents(samples or CONVERSATIONS, hollow=not samples)
        figures = stage.figures if stage else {}
        number = f"{int(figures['train']):,}" if figures else f"{stage.done:,}" if stage and stage.done else ""
        label = "to learn from" if figures else "so far" if number else "questions and answers"
        held_out = f"{int(figures['held_out']):,} held out" if figures else ""
        words = "asked about the world" if scene.setting("conversations", "source") == "world" else "from your files"
        self.card.set_words(CardWords(words, "", number, label, self._time(scene), held_out))


class TokenizerCard(RoadCard):
    """Learning the tokens and writing the text down in them: two stages, one card."""

    page = "tokenizer"

    def __init__(self, stages: tuple[str, ...]) -> None:
        self.stages = stages
        self._picture = MergesPicture()
        super().__init__("Tokenizer", self._picture)

    def show(self, scene: Scene) -> None:
        stage = self._show_state(scene)
        learned = scene.view.stage("train_tokenizer") if scene.view else None
        done = learned is not None and learned.state is RunState.DONE
        merges = learned.merges if learned else []
        self._picture.set_merges(_shown_merges(merges, self._picture.rows, spread=done))
        self._picture.set_letters(LETTERS, hollow=stage is None)
        words = CardWords("text becomes numbers", self._corner(scene), *self._count(scene, learned), self._time(scene))
        self.card.set_words(words)

    def _corner(self, scene: Scene) -> str:
        tokenize = scene.view.stage("tokenize") if scene.view else None
        if tokenize is None or tokenize.state is RunState.WAITING:
            return ""
        tokens = tokenize.figures.get("train_tokens")
        if tokens is not None:
            return f"*{_short(int(tokens) + int(tokenize.figures.get('validation_tokens', 0)))}* tokens"
        return f"*{tokenize.share:.0%}* written" if tokenize.total else ""

    def _count(self, scene: Scene, learned: StageView | None) -> tuple[str, str]:
        kind = scene.setting("train_tokenizer", "kind")
        if learned is not None and learned.figures:
            size = int(learned.figures["vocab_size"])
            return f"{size:,}", "tokens learned" if kind == "bpe" else "tokens"
        if learned is not None and learned.unit == "merges" and learned.done:
            return f"{256 + learned.done:,}", "tokens so far"
        if kind == "bpe":
            return f"{vocabulary_size(scene.recipe):,}", "tokens to learn"
        return ("257", "tokens, one a byte") if kind == "byte" else ("", "one token a character")


class PretrainCard(RoadCard):
    stages = ("pretrain",)
    page = "train"

    def __init__(self) -> None:
        self._picture = LossPicture()
        super().__init__("Pretrain", self._picture)
        self.wants_room = True

    def show(self, scene: Scene) -> None:
        stage = self._show_state(scene)
        total = (stage.steps if stage else 0) or scene.forecast.steps
        guess = math.log(scene.forecast.model.vocab_size) if scene.forecast.model else None
        self._picture.set_curve(
            stage.track if stage else LossTrack(),
            stage.validation if stage else (),
            total=total,
            live=stage is not None and stage.alive,
            guess=guess,
        )
        self.card.set_words(self._words(scene, stage, total))

    def _words(self, scene: Scene, stage: StageView | None, total: int) -> CardWords:
        model = scene.forecast.model
        subtitle = (
            f"{_short(scene.forecast.parameters)} parameters, {model.n_layer} layers of width {model.d_model}"
            if model
            else ""
        )
        if stage is not None and stage.reused:
            return CardWords(subtitle, "", f"{stage.step:,}", "steps, done by another run", self._time(scene))
        if stage is None or math.isnan(stage.track.smooth):
            foot = self._time(scene) if stage is None else "warming up: the first step comes"
            return CardWords(subtitle, "", f"{total:,}", "steps to learn", foot)
        corner = f"step *{stage.step:,}* of {total:,}"
        sample = stage.texts[-1] if stage.texts else None
        broken = math.isnan(stage.track.last)
        return CardWords(
            subtitle,
            corner,
            "NaN" if broken else f"{stage.track.smooth:.2f}",
            "loss is no number any more" if broken else "loss, nats per token",
            f"“{one_line(sample.prompt + sample.text)}”" if sample else _before_words(stage),
            f"step {sample.step:,}" if sample else "",
            quiet=sample is not None,
        )


def _before_words(stage: StageView) -> str:
    """What stands where its first sample will."""
    return "its first words come soon" if stage.alive else "it ended before its first words"


class PlaygroundCard(RoadCard):
    """Open from the first step on: what the model holds likely to come next."""

    page = "playground"

    def __init__(self) -> None:
        self._picture = GuessesPicture()
        super().__init__("Playground", self._picture)

    def show(self, scene: Scene) -> None:
        stage = scene.view.model if scene.view else None
        guesses = scene.guesses
        done = stage is not None and stage.state is RunState.DONE
        self.card.set_mark(Mark.DONE if done else Mark.WAITING)
        vocabulary = scene.forecast.model.vocab_size if scene.forecast.model else 257
        begun = stage is not None and stage.step > 0
        alive = stage is not None and stage.alive
        foot = "Look in now" if alive else "Talk to it" if begun else "all tokens are as likely as each other"
        if guesses is not None:
            self._picture.set_guesses(guesses.prompt, guesses.candidates)
            subtitle = f"{'already open' if alive else 'ready' if done else 'as it was'}, at step {guesses.step:,}"
            words = CardWords(subtitle, "", f"{guesses.entropy:.2f}", "bits of doubt", foot, link=True)
        elif stage is not None and begun:
            self._picture.set_guesses(self._prompt(scene), (), hollow=True)
            there = stage.alive or stage.newest_checkpoint is not None
            subtitle = "its guesses come in a moment" if there else "no checkpoint was kept"
            words = CardWords(subtitle, foot=foot if there else "", link=there)
        else:
            self._picture.set_guesses(self._prompt(scene), [(text, 1 / vocabulary) for text in GUESSES], hollow=True)
            doubt = f"{math.log2(vocabulary):.2f}"
            words = CardWords("opens with the first step", "", doubt, "bits of doubt", foot)
        self.card.set_words(words)

    def _prompt(self, scene: Scene) -> str:
        told = scene.view.prompt if scene.view else ""
        return told or ("Mira Toll was born in" if scene.setting("world", "people") else "")


class PlainCard(RoadCard):
    """A stage that has no picture of its own yet: its progress in words."""

    def __init__(self, stage: str, title: str) -> None:
        self.stages = (stage,)
        super().__init__(title, QWidget())

    def show(self, scene: Scene) -> None:
        stage = self._show_state(scene)
        number = f"{stage.share:.0%}" if stage and stage.total else ""
        self.card.set_words(CardWords("", "", number, stage.message if stage else "", self._time(scene)))


# Stages that stand on the card of another one.
_JOINED = {"tokenize": "train_tokenizer", "conversations": "sft"}


def make_cards(recipe: Recipe) -> list[RoadCard]:
    names = [spec.name for spec in recipe.stages]
    if "pretrain" not in names and "conversations" in names:
        return [ConversationsCard(), TuningCard(("sft",)), PlaygroundCard()]
    cards: list[RoadCard] = []
    for spec in recipe.stages:
        if spec.name in ("world", "corpus"):
            cards.append(DocumentsCard(spec.name))
        elif spec.name == "train_tokenizer":
            cards.append(TokenizerCard(tuple(name for name in names if name in ("train_tokenizer", "tokenize"))))
        elif spec.name == "pretrain":
            cards.append(PretrainCard())
        elif spec.name == "sft":
            cards.append(TuningCard(tuple(name for name in names if _JOINED.get(name) == "sft" or name == "sft")))
        elif spec.name not in _JOINED or _JOINED[spec.name] not in names:
            cards.append(PlainCard(spec.name, spec.module.TITLE))
    if any(spec.module.OUTPUT == "model" for spec in recipe.stages):
        cards.append(PlaygroundCard())
    return cards


def _shown_merges(merges: Sequence[MergeLearned], rows: int, *, spread: bool) -> list[Merge]:
    """The newest while it learns; afterwards a few from all of the road, those that make the longest tokens."""
    chosen = list(merges[-rows:])
    if spread and len(merges) > rows:
        edges = [round((len(merges) ** (place / rows)) - 1) for place in range(rows + 1)]
        chosen = [max(merges[low : max(high, low + 1)], key=_charm) for low, high in pairwise(edges)]
    return [(merge.left, merge.right, merge.joined, merge.token_id) for merge in chosen]


def _charm(merge: MergeLearned) -> int:
    """Whole words made of two pieces read best; what is too long for the card does not."""
    length = len(merge.joined)
    return length if merge.joined.strip().isalpha() and length <= 7 else 0


def _short(number: float) -> str:
    """1,234 in full, 2.1M, 124M, 1.2B."""
    for unit, size in (("B", 1e9), ("M", 1e6)):
        if number >= size:
            return f"{number / size:.1f}{unit}" if number < 100 * size else f"{number / size:.0f}{unit}"
    return f"{number:,.0f}"
