"""What could come next, or what could have stood where a token stands."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from app.pages.playground.legend import BarLegend
from app.pages.playground.session import Session
from app.pages.playground.text import TextToken, joined
from app.widgets.candidate_bars import BarRow, CandidateBars, Cut
from app.widgets.panel import Panel
from app.widgets.token_view_words import visible
from engine.generation.distribution import Candidate, Distribution
from engine.generation.sampling import SamplingConfig, filtered

_TITLE_WORDS, _TITLE_LETTERS = 3, 28


class CandidatesPanel(Panel):
    """Follows the distribution in view of a session; a click on a bar continues from there."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("Next token", margins=(20, 12, 20, 12), parent=parent)
        self._session = session
        self.legend = BarLegend()
        self.bars = CandidateBars()
        self.bars.set_placeholder("The chances of what could come next stand here as soon as the model answers.")
        self.add_control(self.legend)
        self.body.addWidget(self.bars, 1)
        session.looked.connect(self.update_bars)
        self.bars.chosen.connect(session.force)
        self.update_bars()

    def update_bars(self) -> None:
        session = self._session
        self.set_title(title(session.tokens, session.place, session.draft))
        distribution = session.in_view
        self.legend.setVisible(distribution is not None)
        self.legend.show_settings(settings_words(session.sampling))
        if distribution is None:
            self.bars.show_rows(())
            return
        token = session.tokens[session.place] if session.place < len(session.tokens) else None
        picked = token.token_id if token is not None else None
        candidates = list(distribution.candidates)
        if token is not None and all(candidate.token_id != picked for candidate in candidates):
            candidates.append(distribution.candidate(token.token_id, token.text))
        rows = [_row(candidate, token) for candidate in candidates]
        self.bars.show_rows(rows, cut(distribution, session.sampling), picked)


def title(tokens: list[TextToken], place: int, draft: str = "") -> str:
    """ "Next token after “works as a”". draft: typed behind the tokens, not read yet."""
    before = (joined(tokens[:place]) + (draft if place == len(tokens) else "")).split()
    ending = " ".join(before[-_TITLE_WORDS:])
    if not ending:
        return "First token"
    return f"Next token after “{ending if len(ending) <= _TITLE_LETTERS else '…' + ending[-_TITLE_LETTERS:]}”"


def settings_words(sampling: SamplingConfig) -> str:
    """Which settings made the filled bars: "T and top-p"."""
    filters = filter_words(sampling, values=False)
    names = ["T", *(filters.split(", ") if filters else [])]
    names += ["repetition penalty"] if sampling.repetition_penalty > 1 else []
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def kept_share(distribution: Distribution, sampling: SamplingConfig) -> float:
    """Probability that the kept tokens had together before the filters, at this temperature: 0 to 1."""
    if sampling.temperature == 0:
        return float(distribution.filtered.before[distribution.filtered.excluded == 0].sum())
    unfiltered = sampling.model_copy(update={"top_k": 0, "top_p": 1.0, "min_p": 0.0})
    after = filtered(distribution.logits, unfiltered, distribution.previous_ids).after
    return float(after[distribution.filtered.excluded == 0].sum())


def percent(share: float) -> str:
    """ "99.7%": never 100% for what is less, never 0% for what is more."""
    if 0 < share < 0.0005:
        return "<0.1%"
    return ">99.9%" if 0.9995 <= share < 1 else f"{100 * share:.1f}%"


def cut(distribution: Distribution, sampling: SamplingConfig) -> Cut | None:
    """The line between what is kept and what is not; None when everything is."""
    total, kept = distribution.logits.size, distribution.kept
    if kept == total:
        return None
    if sampling.temperature == 0:
        return Cut("temperature 0", f"only the best is kept; {total - 1:,} tokens excluded")
    share = f"{100 * kept_share(distribution, sampling):.1f}%"
    return Cut(filter_words(sampling), f"{kept:,} kept, together {share}; {total - kept:,} tokens excluded")


def filter_words(sampling: SamplingConfig, *, values: bool = True) -> str:
    """The filters that are on: "top-k 40, top-p 0.92", or only their names."""
    filters = (
        ("top-k", f"{sampling.top_k}", sampling.top_k > 0),
        ("top-p", f"{sampling.top_p:.2f}", sampling.top_p < 1),
        ("min-p", f"{sampling.min_p:.2f}", sampling.min_p > 0),
    )
    return ", ".join(f"{name} {value}" if values else name for name, value, on in filters if on)


def _row(candidate: Candidate, token: TextToken | None) -> BarRow:
    note = ""
    if token is not None and token.token_id == candidate.token_id:
        note = origin(token)
    elif candidate.excluded == "greedy":
        note = "not the best"
    text = visible(candidate.text)
    return BarRow(candidate.token_id, text, candidate.before, candidate.after, candidate.excluded, note)


def origin(token: TextToken) -> str:
    if token.drawn is None:
        return "of the template" if token.is_special else "in your text"
    if token.drawn.seed is None:
        return "chosen by you"
    return "the best, always" if token.drawn.temperature == 0 else f"drawn with seed {token.drawn.seed}"
