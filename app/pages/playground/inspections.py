"""What the inspector says: how a token came to stand there, and what a head looks at."""

from __future__ import annotations

import numpy as np

from app.pages.playground.candidates_panel import filter_words, kept_share, origin, percent
from app.pages.playground.look_panel import CAUTION
from app.pages.playground.queries import Looks
from app.pages.playground.session import Session
from app.pages.playground.text import Drawn, TextToken
from app.widgets.inspection import Inspection, Table
from app.widgets.token_view_words import visible
from engine.generation.distribution import Distribution
from engine.generation.sampling import SamplingConfig, random_for

SOFTMAX = r"p_i = \frac{e^{z_i / T}}{\sum_j e^{z_j / T}}"
ATTENTION = r"a_{ij} = \softmax_j \frac{q_i \cdot k_j}{\sqrt{d}}"
_ROWS = 6


def of_place(session: Session) -> Inspection | None:
    """The token that is picked, or what comes next; None while nothing is known of it."""
    distribution = session.in_view
    if distribution is None:
        return None
    token = session.tokens[session.place] if session.place < len(session.tokens) else None
    name = visible(token.text, token.data) if token else "What comes next"
    return Inspection(
        title=name,
        subtitle=_subtitle(session, token),
        fixed=token is not None,
        words=_words(token, distribution, session.sampling),
        formula=SOFTMAX,
        formula_words=_formula_words(session.sampling),
        table=_table(token, distribution, session.sampling),
        rows=_rows(token, distribution, session.sampling),
        subject="row",
        advice="Pick any other bar: the text continues from there. Undo brings this one back.",
    )


def of_look(looks: Looks, layer: int, head: int, cell: tuple[int, int]) -> Inspection:
    """One weight of one head."""
    row, column = cell
    weights = looks.weights[layer, head, row, : row + 1].astype(np.float32)
    source, target = (visible(text, data) for _, data, text in (looks.tokens[row], looks.tokens[column]))
    others = np.delete(weights, column)
    entropy = float(-(weights[weights > 0] * np.log2(weights[weights > 0])).sum())
    rows: list[tuple[str, ...]] = [
        ("shape", str(list(looks.weights.shape)), "fixed"),
        ("weight", f"{weights[column]:.3f}", "accent"),
        ("row entropy", f"{entropy:.2f} bits"),
    ]
    if others.size:
        largest = int(others.argmax())
        at = largest + (largest >= column)
        rows.insert(2, ("largest other", f"{others[largest]:.3f}, {visible(looks.tokens[at][2], looks.tokens[at][1])}"))
    return Inspection(
        title=f"Attention of head {layer}.{head}",
        subtitle=f"from {source} ({row + looks.left_out}) to {target} ({column + looks.left_out})",
        words=_look_words(looks.kinds.get((layer, head), ""), source, target, row - column, float(weights[column])),
        formula=ATTENTION,
        formula_words="Each row sums to 1; a token sees only itself and what came before.",
        rows=tuple(rows),
        subject="tensor",
        note=CAUTION,
    )


def _subtitle(session: Session, token: TextToken | None) -> str:
    length = len(session.tokens)
    if token is None:
        return f"after {length} token{'s' if length != 1 else ''}"
    return f"token {session.place + 1} of {length}, {origin(token)}"


def _words(token: TextToken | None, distribution: Distribution, sampling: SamplingConfig) -> str:
    best = visible(distribution.candidates[0].text)
    share = percent(distribution.candidates[0].before)
    if token is None:
        return f"The model expects `{best}` most, with {share}. {_what_settings_do(sampling)}"
    if token.drawn is None and token.is_special:
        return f"The chat template writes this; nothing that one says becomes it. Expected was `{best}`, with {share}."
    if token.drawn is None:
        if token.token_id == distribution.candidates[0].token_id:
            return f"You typed this, and the model would have too: it gave it {share}."
        return f"You typed this. The model would have expected `{best}`, with {share}."
    return _written_words(token.drawn, best, sampling)


def _written_words(drawn: Drawn, best: str, sampling: SamplingConfig) -> str:
    if drawn.seed is None:
        return f"You chose this one; the model gave it {percent(drawn.probability_before)}. It liked `{best}` best."
    if drawn.temperature == 0:
        return f"The model liked `{best}` best, and at temperature 0 the best is always taken."
    if drawn.rank == 1:
        return f"The model liked this one best, and the random draw took it. {_what_settings_do(sampling)}"
    return (
        f"The model liked `{best}` better. {_what_settings_do(sampling)} "
        f"A random draw picked the {_ordinal(drawn.rank)} one."
    )


def _what_settings_do(sampling: SamplingConfig) -> str:
    if sampling.temperature == 0:
        return "Temperature 0 leaves only the favourite."
    parts = []
    if sampling.temperature < 1:
        parts.append("a temperature below 1 makes the favourite stronger")
    elif sampling.temperature > 1:
        parts.append("a temperature above 1 evens the chances out")
    if sampling.top_k or sampling.top_p < 1 or sampling.min_p:
        parts.append(f"{'then ' if parts else ''}{filter_words(sampling, values=False)} cuts the long tail")
    sentence = "; ".join(parts)
    return f"{sentence[:1].upper()}{sentence[1:]}." if sentence else ""


def _formula_words(sampling: SamplingConfig) -> str:
    if sampling.temperature == 0:
        return "As T nears 0, all of the probability goes to the largest logit."
    return "Divide every logit by T, raise e to it, share out to 1."


def _table(token: TextToken | None, distribution: Distribution, sampling: SamplingConfig) -> Table:
    """Logits and probabilities of the likeliest, and of the token at hand if it is none of them."""
    candidates = list(distribution.candidates[:_ROWS])
    if token is not None and all(c.token_id != token.token_id for c in candidates):
        candidates[-1:] = [distribution.candidate(token.token_id, token.text)]
    warm = sampling.temperature or 1.0
    scaled = distribution.logits.astype(np.float64) / warm
    total = float(np.exp(scaled - scaled.max()).sum())
    rows = []
    for candidate in candidates:
        heated = candidate.logit / warm
        probability = float(np.exp(heated - scaled.max())) / total
        rows.append(
            (
                visible(candidate.text),
                f"{candidate.logit:.2f}",
                f"{heated:.2f}" if sampling.temperature else "–",  # nothing can be divided by 0
                f"{candidate.before:.3f}",
                f"{probability:.3f}" if sampling.temperature else f"{candidate.after:.3f}",
            )
        )
    picked = next((i for i, c in enumerate(candidates) if token is not None and c.token_id == token.token_id), -1)
    header = ("token", "z", "z / T", "p, T = 1", f"p, T = {sampling.temperature:g}")
    return Table(header, tuple(rows), picked)


def _rows(token: TextToken | None, distribution: Distribution, sampling: SamplingConfig) -> tuple[tuple[str, ...], ...]:
    total, kept = distribution.logits.size, distribution.kept
    by = filter_words(sampling, values=False)
    rows: list[tuple[str, ...]] = [(f"kept by {by}" if by else "kept", f"{kept:,} of {total:,}")]
    if kept < total and sampling.temperature:
        rows.append(("shared out again", f"÷ {kept_share(distribution, sampling):.3f}"))
    if token is not None:
        now = distribution.candidate(token.token_id, token.text).after
        rows.append(("probability now", f"{now:.3f}", "accent"))
        if token.drawn is not None and token.drawn.seed is not None and token.drawn.temperature:
            rows.append(("random number", f"{random_for(token.drawn.seed, token.drawn.index).random():.3f}"))
    return tuple(rows)


def _look_words(kind: str, source: str, target: str, back: int, weight: float) -> str:
    """Of the very cell first, then of the head's habit."""
    share = percent(weight)
    if back == 0:
        cell = f"While the model reads `{source}`, this head keeps {share} of its attention on that token itself."
    else:
        distance = f"{back} token{'s' if back > 1 else ''} back"
        cell = f"While the model reads `{source}`, this head takes {share} from `{target}`, {distance}."
    habits = {
        "I": " As a rule it finds where the token stood before and looks at what came after it. That is how the model "
        "can repeat a fact that it has just read.",
        "P": " As a rule it looks at the token before.",
    }
    return cell + habits.get(kind, "")


def _ordinal(rank: int) -> str:
    """ "second", "23rd"."""
    names = {2: "second", 3: "third", 4: "fourth", 5: "fifth"}
    teen = rank % 100 in (11, 12, 13)
    ending = "th" if teen else {1: "st", 2: "nd", 3: "rd"}.get(rank % 10, "th")
    return names.get(rank, f"{rank:,}{ending}")
