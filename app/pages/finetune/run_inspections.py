"""What the inspector says of the numbers and curves of a fine-tuning: words, formula, this run's numbers."""

from __future__ import annotations

import math

from app.pages.finetune.tuning_run import TuningRun
from app.widgets.inspection import Inspection
from app.widgets.metric_chart_scale import compact, duration
from app.widgets.metric_series import MetricSeries, XAxis
from engine.events import TuningCheck

MASKED_LOSS = r"L = -\frac{1}{\sum_t m_t} \sum_t m_t \ln p(x_t | x_{<t})"


def exact(value: float) -> str:
    return f"{value:,.4f}" if math.isfinite(value) else "not a number"


def _percent(value: float) -> str:
    return f"{value:.1%}" if math.isfinite(value) else "not asked"


def _place(series: MetricSeries, step: float | None) -> int:
    """Of the point at a step, or of the newest one."""
    return len(series) - 1 if step is None else series.nearest(XAxis.STEP, step)


def _at(series: MetricSeries, place: int) -> str:
    return f"step {series.x(XAxis.STEP)[place]:,.0f}" if place >= 0 else "nothing measured yet"


def _check(run: TuningRun, step: float | None) -> TuningCheck | None:
    """The look nearest to a step, or the newest."""
    if not run.checks:
        return None
    chosen = run.looks[-1] if step is None else min(run.looks, key=lambda look: abs(look - step))
    return run.checks[chosen]


def loss(run: TuningRun, step: float | None = None) -> Inspection:
    place = _place(run.loss, step)
    rows: list[tuple[str, ...]] = []
    if place >= 0:
        rows = [
            ("loss of this batch", exact(float(run.loss.values[place])), "accent"),
            (f"smoothed {run.loss.smoothing:g}", exact(float(run.loss.smoothed()[place]))),
        ]
    if run.plan and "conversations" in run.plan:
        facts = run.plan["conversations"]
        rows.append(("tokens of all conversations", f"{facts['tokens']:,}"))
        rows.append(("of them trained", f"{facts['trained_tokens']:,}"))
        if run.plan.get("text_rows"):
            rows.append(
                ("rows of pretraining text", f"{run.plan['text_rows']} of {run.plan['training']['batch_rows']}")
            )
    late = _check(run, step)
    if late is not None:
        rows.append((f"held-out at step {late.step:,}", exact(late.loss), "warning"))
    return Inspection(
        "Loss of the assistant’s tokens",
        _at(run.loss, place),
        words="How surprised the model was by what the assistant should say. Questions, system text and what tools "
        "return are read, and never count. Rows of pretraining text that are mixed in count whole, which lifts this "
        "line above the held-out one.",
        formula=MASKED_LOSS,
        formula_words="The mask m is 1 for the assistant’s tokens and for the token that ends its turn, else 0.",
        rows=tuple(rows),
        subject="batch",
    )


def held_out(run: TuningRun, step: float | None = None) -> Inspection:
    check, best = _check(run, step), run.best
    rows: list[tuple[str, ...]] = []
    if check is not None:
        rows = [
            ("held-out loss", exact(check.loss), "accent"),
            ("tokens guessed right", _percent(check.token_accuracy)),
            ("entropy", f"{exact(check.entropy)} nats"),
        ]
    if best is not None:
        rows.append(("best so far", f"{exact(best.loss)} at step {best.step:,}", "ok"))
    if "patience" in run.settings:
        rows.append(("patience", f"{run.settings['patience']} looks"))
    return Inspection(
        "Held-out loss",
        f"look at step {check.step:,}" if check else "nothing measured yet",
        words="The same on conversations that are never trained on. When it stops falling, the model begins to learn "
        "its answers by heart; the best checkpoint is kept, and training ends early.",
        formula=MASKED_LOSS,
        formula_words="Over held-out conversations, with dropout off.",
        rows=tuple(rows),
        subject="look",
        advice="It rises while train loss falls: fewer epochs, more dropout, or LoRA with a lower rank.",
    )


def exact_answers(run: TuningRun, step: float | None = None) -> Inspection:
    check = _check(run, step)
    rows: list[tuple[str, ...]] = []
    if check is not None:
        rows = [
            ("exact", _percent(check.exact), "accent"),
            ("questions asked", f"{check.asked:,}"),
        ]
        if check.asked and math.isfinite(check.exact):
            spread = 1.96 * math.sqrt(max(check.exact * (1 - check.exact), 0.0) / check.asked)
            rows.append(("95% interval", f"± {spread:.1%}"))
    if "exact" in run.final:
        rows.append((f"at the end, of {run.final['asked']:,}", _percent(float(run.final["exact"])), "ok"))
    return Inspection(
        "Exact answers",
        f"look at step {check.step:,}" if check else "nothing measured yet",
        words="Held-out questions are asked anew at every look, and answered in full. An answer counts only if it is "
        "a right one word for word, and ended by itself.",
        formula=r"\text{exact} = \frac{\text{right answers}}{\text{questions asked}}",
        formula_words="Greedy answers: always the likeliest token.",
        rows=tuple(rows),
        subject="look",
    )


def stopped(run: TuningRun, step: float | None = None) -> Inspection:
    check = _check(run, step)
    rows: list[tuple[str, ...]] = [("ended by themselves", _percent(check.stopped), "accent")] if check else []
    if "stopped" in run.final:
        rows.append((f"at the end, of {run.final['asked']:,}", _percent(float(run.final["stopped"])), "ok"))
    return Inspection(
        "Answers that ended by themselves",
        f"look at step {check.step:,}" if check else "nothing measured yet",
        words="A base model goes on for ever. An assistant has learned to say that its turn is over: it writes the "
        "token that ends the turn, because that token is trained in every answer.",
        formula=r"\text{stopped} = \frac{\text{answers with an end token}}{\text{questions asked}}",
        rows=tuple(rows),
        subject="look",
        advice="Below 99%: the end of the assistant’s turn may not be trained. Look at its chip in Template.",
    )


def first_token(run: TuningRun, step: float | None = None) -> Inspection:
    place = _place(run.first_token, step)
    value = float(run.first_token.values[place]) if place >= 0 else math.nan
    rows: list[tuple[str, ...]] = [("probability", _percent(value), "accent")]
    if value > 0:
        rows.append(("surprise", f"{-math.log(value):.3f} nats"))
    if len(run.first_token):
        rows.append(("at step 0", _percent(float(run.first_token.values[0]))))
    return Inspection(
        "First token of the answer",
        _at(run.first_token, place),
        words="The probability of the right first token, directly behind the assistant’s mark. It shows when the model "
        "understands that it is its turn, long before all of the answer is right. "
        "Where an answer can begin in several ways, it stays well below 100%.",
        formula=r"p_1 = p(a_1 | \text{question})",
        formula_words="The mean over held-out questions.",
        rows=tuple(rows),
        subject="look",
    )


def pretraining(run: TuningRun, step: float | None = None) -> Inspection:
    place = _place(run.pretraining, step)
    rows: list[tuple[str, ...]] = []
    if place >= 0:
        now, before = float(run.pretraining.values[place]), float(run.pretraining.values[0])
        rows = [
            ("now", exact(now), "accent"),
            ("at step 0", exact(before)),
            ("forgotten", f"{now - before:+.4f} nats"),
            ("in surprise", f"× {math.exp(now - before):.3f}"),
        ]
    if "pretraining_share" in run.settings:
        rows.append(("pretraining share", f"{run.settings['pretraining_share']:.0%}"))
    return Inspection(
        "Pretraining loss",
        _at(run.pretraining, place),
        words="The loss on held-out text of pretraining, which fine-tuning does not show the model. Where it rises "
        "above the stroke, its value at step 0, something was forgotten.",
        formula=r"\text{forgotten} = L_{text}(\text{now}) - L_{text}(\text{step 0})",
        rows=tuple(rows),
        subject="look",
        advice="It rises much: mix in a larger share of pretraining text, lower the learning rate, or use LoRA.",
    )


def speed(run: TuningRun, step: float | None = None) -> Inspection:
    place = _place(run.speed, step)
    rows: list[tuple[str, ...]] = []
    if place >= 0:
        rows.append(("tokens per second", f"{run.speed.values[place]:,.0f}", "accent"))
    if not math.isnan(run.recent_speed):
        rows.append(("of late, looks included", f"{run.recent_speed:,.0f}"))
    if run.plan:
        rows.append(("device", str(run.plan.get("device", ""))))
        rows.append(("precision", str(run.plan.get("precision", ""))))
    return Inspection(
        "Tokens per second",
        _at(run.speed, place),
        words="How much conversation the model reads each second while it learns; real tokens only, no padding.",
        formula=r"\text{speed} = \frac{\text{tokens of the batch}}{\text{seconds of the step}}",
        rows=tuple(rows),
        subject="run",
    )


def time_left(run: TuningRun) -> Inspection:
    rows: list[tuple[str, ...]] = [("worked so far", duration(run.seconds))]
    if not math.isnan(run.seconds_left) and not run.state.is_final:
        rows.append(("left at most", duration(run.seconds_left), "accent"))
    if run.plan:
        rows.append(("estimated before Start", duration(run.plan["estimate"]["seconds"])))
        rows.append(("tokens seen", f"{compact(run.tokens)} of {compact(run.plan['tokens'])}"))
    return Inspection(
        "Time left",
        f"step {run.step:,} of {run.steps:,}" if run.steps else "",
        words="Up to the last planned step, from the pace of the last ones. It may end sooner: when held-out loss no "
        "longer falls, there is nothing more to gain.",
        formula=r"\text{left} = (\text{steps} - \text{step}) \cdot \text{seconds a step}",
        rows=tuple(rows),
        subject="run",
    )
