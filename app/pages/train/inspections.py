"""What the inspector says of the things on the Train page: words, formula, this run's numbers."""

from __future__ import annotations

import math

from app.pages.train.run_model import TrainRun
from app.widgets.inspection import Inspection
from app.widgets.metric_chart_scale import compact, duration, number
from app.widgets.metric_series import MetricSeries, XAxis

LOSS_FORMULA = r"L = -\frac{1}{B T} \sum \ln p(x_t | x_{<t})"


def exact(value: float) -> str:
    return f"{value:,.4f}" if math.isfinite(value) else number(value)


def _row(series: MetricSeries, step: float | None) -> int:
    """Place of the point at a step, or of the newest one."""
    return len(series) - 1 if step is None else series.nearest(XAxis.STEP, step)


def _subtitle(series: MetricSeries, place: int) -> str:
    if place < 0:
        return "nothing measured yet"
    return f"step {series.x(XAxis.STEP)[place]:,.0f}, {compact(float(series.x(XAxis.TOKENS)[place]))} tokens seen"


def loss(run: TrainRun, step: float | None = None) -> Inspection:
    place = _row(run.loss, step)
    value = float(run.loss.values[place]) if place >= 0 else math.nan
    rows: list[tuple[str, ...]] = [("loss of this batch", exact(value), "accent")]
    if place >= 0:
        rows.append((f"smoothed {run.loss.smoothing:g}", exact(float(run.loss.smoothed()[place]))))
    rows.append(("one right guess in", f"{math.exp(value):,.1f}" if math.isfinite(value) else "not a number"))
    if run.plan:
        rows.append(("a blind guess costs", exact(math.log(run.plan["model"]["vocab_size"]))))
        rows.append(("rows B", f"{run.plan['training']['batch_rows']:,}"))
        rows.append(("tokens a row T", f"{run.plan['model']['context_length']:,}"))
    late = _row(run.validation, step)
    if late >= 0:
        rows.append(("validation", exact(float(run.validation.values[late])), "warning"))
    return Inspection(
        "Loss",
        _subtitle(run.loss, place),
        words="How surprised the model was by the next token, on average. 0 would mean that it knew every one of them.",
        formula=LOSS_FORMULA,
        formula_words="The mean surprise over B rows of T tokens, in nats.",
        rows=tuple(rows),
        subject="batch",
    )


def bits_per_byte(run: TrainRun) -> Inspection:
    place = len(run.validation) - 1
    rows: list[tuple[str, ...]] = []
    if place >= 0:
        rows = [
            ("validation loss", f"{exact(run.validation.last)} nats per token"),
            ("bits per byte", exact(run.bits_per_byte.last), "accent"),
            ("tokens per byte", exact(run.bits_per_byte.last * math.log(2) / run.validation.last)),
        ]
    return Inspection(
        "Bits per byte",
        _subtitle(run.validation, place),
        words="How many bits the model would need for each byte of text that it has never seen. Unlike the loss it "
        "does not depend on the tokenizer, so that all models can be compared.",
        formula=r"\text{bpb} = \frac{L_{val}}{\ln 2} \cdot \frac{\text{tokens}}{\text{bytes}}",
        formula_words="Nats become bits, tokens become bytes.",
        rows=tuple(rows),
        subject="model",
    )


def gap(run: TrainRun, step: float | None = None) -> Inspection:
    place = _row(run.gap, step)
    rows: list[tuple[str, ...]] = []
    if place >= 0:
        rows = [
            ("validation", exact(float(run.validation.values[place]))),
            ("train, dropout off", exact(float(run.train_probe.values[place]))),
            ("gap", exact(float(run.gap.values[place])), "accent"),
        ]
    if run.plan:
        rows.append(("dropout", f"{run.plan['model']['dropout']:g}"))
        rows.append(("weight decay", f"{run.plan['training']['weight_decay']:g}"))
    if not math.isnan(run.epochs):
        rows.append(("epochs seen", f"{run.epochs:.2f}"))
    return Inspection(
        "Train and validation gap",
        _subtitle(run.gap, place),
        words="How much worse the model is on text that it has not read. Near 0 it has learned rules; a growing gap "
        "says that it learns its text by heart.",
        formula=r"\text{gap} = L_{val} - L_{train}",
        formula_words="Both on as many rows, dropout off, so that the difference is fair.",
        rows=tuple(rows),
        subject="run",
        advice="A growing gap: more dropout, more weight decay, or more text. No gap and a high loss: a larger model "
        "or more steps.",
    )


def learning_rate(run: TrainRun, step: float | None = None) -> Inspection:
    place = _row(run.learning_rate, step)
    rows: list[tuple[str, ...]] = []
    if place >= 0:
        rows.append(("now" if step is None else "at this step", f"{run.learning_rate.values[place]:.3e}", "accent"))
    rows.append(("by hand", f"× {run.scale:g}"))
    if run.plan:
        training = run.plan["training"]
        rows.append(("peak", f"{training['learning_rate']:.3e}"))
        rows.append(("warmup", f"{training['warmup_steps']:,} steps"))
        rows.append(("schedule", str(training["schedule"])))
        rows.append(("left at the end", f"{training['final_learning_rate_share']:.0%}"))
    return Inspection(
        "Learning rate",
        _subtitle(run.learning_rate, place),
        words="How far one update moves the weights. It rises during the warmup, then falls as planned; the spin box "
        "above scales the rest of the plan.",
        formula=r"θ_{t+1} = θ_t - η_t \cdot \frac{m_t}{\sqrt{v_t} + ε}",
        formula_words="AdamW: the direction m, evened out by its usual size v, times the learning rate η.",
        rows=tuple(rows),
        subject="step",
    )


def grad_norm(run: TrainRun, step: float | None = None) -> Inspection:
    place = _row(run.grad_norm, step)
    limit = float(run.plan["training"]["clip"]) if run.plan else math.nan
    rows: list[tuple[str, ...]] = []
    if place >= 0:
        value = float(run.grad_norm.values[place])
        rows = [("norm", exact(value), "danger" if value > limit else "accent")]
        if value > limit:
            rows.append(("shortened by", f"{1 - limit / value:.0%}"))
    if not math.isnan(limit):
        rows.append(("limit", f"{limit:g}"))
    rows.append(("clipped of late", f"{run.clipped_share:.0%} of the steps"))
    return Inspection(
        "Gradient norm",
        _subtitle(run.grad_norm, place),
        words="How strongly this batch wants to change the model. What is longer than the limit is shortened, so that "
        "one odd batch cannot throw the model off.",
        formula=r"g \to g \cdot \min(1, \frac{c}{|g|})",
        formula_words="The gradient g keeps its direction; c is the limit.",
        rows=tuple(rows),
        subject="step",
        advice="Often clipped, or rising for long: a lower learning rate." if run.clipped_share > 0.3 else "",
    )


def speed(run: TrainRun, step: float | None = None) -> Inspection:
    place = _row(run.speed, step)
    rows: list[tuple[str, ...]] = []
    if place >= 0:
        rows.append(("tokens per second", f"{run.speed.values[place]:,.0f}", "accent"))
    if not math.isnan(run.seconds_per_step):
        rows.append(("seconds a step", f"{run.seconds_per_step:.3f}"))
    if run.plan:
        plan = run.plan
        rows.append(("device", str(plan.get("device", ""))))
        rows.append(("precision", str(plan.get("precision", ""))))
        rows.append(("operations a token", compact(plan["estimate"]["flops_per_token"])))
        if not math.isnan(run.peak_share):
            rows.append(("of this machine's peak", f"{run.peak_share:.0%}"))
    return Inspection(
        "Tokens per second",
        _subtitle(run.speed, place),
        words="How much text the model reads each second while it learns. Dips are looks at held-out text, samples and "
        "checkpoints.",
        formula=r"\text{share} = \frac{\text{tokens per second} \cdot \text{operations a token}}{\text{peak}}",
        formula_words="The peak is a matrix product, measured here before the run.",
        rows=tuple(rows),
        subject="run",
    )


def tokens(run: TrainRun) -> Inspection:
    plan = run.plan or {}
    rows: list[tuple[str, ...]] = [("seen", f"{run.tokens:,}", "accent")]
    if plan:
        rows.append(("planned", f"{plan['tokens']:,}"))
        rows.append(("a step", f"{plan['batch_tokens']:,}"))
        rows.append(("in the training text", f"{plan['train_tokens']:,}"))
        rows.append(("epochs planned", f"{plan['tokens'] / max(plan['train_tokens'], 1):.2f}"))
        rows.append(("tokens a weight", f"{plan['tokens'] / max(plan['estimate']['parameters'], 1):.1f}"))
    return Inspection(
        "Tokens seen",
        f"step {run.step:,}",
        words="How much text the model has read. One epoch is all of the training text once; after it every text comes "
        "again, in another order.",
        formula=r"\text{epochs} = \frac{\text{steps} \cdot B \cdot T}{\text{tokens of the text}}",
        rows=tuple(rows),
        subject="run",
    )


def time_left(run: TrainRun) -> Inspection:
    rows: list[tuple[str, ...]] = [("worked so far", duration(run.seconds))]
    if not math.isnan(run.seconds_left):
        rows.append(("left", duration(run.seconds_left), "accent"))
        rows.append(("expected in all", duration(run.seconds + run.seconds_left)))
    if run.plan:
        rows.append(("estimated before Start", duration(run.plan["estimate"]["seconds"])))
    return Inspection(
        "Time left",
        f"step {run.step:,} of {run.steps:,}" if run.steps else "",
        words="From the pace of the last steps, with looks at held-out text, samples and checkpoints counted in. "
        "Pauses do not count as work.",
        formula=r"\text{left} = (\text{steps} - \text{step}) \cdot \text{seconds a step}",
        rows=tuple(rows),
        subject="run",
    )
