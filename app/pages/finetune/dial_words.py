"""What every setting of a fine-tuning does: in words, as a formula, and for this very number."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from app.widgets.inspection import Inspection
from engine.launch.recipe import STAGES

Rows = list[tuple[str, ...]]


@dataclass(frozen=True)
class Words:
    """rows: what follows from the number, given all effective settings."""

    words: str
    formula: str = ""
    formula_words: str = ""
    rows: Callable[[Mapping[str, Any]], Rows] = lambda _: []
    advice: str = ""


def inspection_of(name: str, value: str, origin: str, settings: Mapping[str, Any] | None) -> Inspection:
    """settings: every value that is known, by name; a plan's tables may lie in it too."""
    known = _flat(settings or {})
    field = STAGES.load("sft").Config.model_fields.get(name)
    plain = (field.description or "") if field else ""
    told = DIALS.get(name, Words(plain))
    rows: Rows = [(name, value, "accent")]
    with suppress(KeyError, TypeError, ZeroDivisionError):  # what it takes to say more may not be known yet
        rows += told.rows(known)
    return Inspection(
        name,
        f"{value}, {origin}" if origin else value,
        words=told.words or plain,
        formula=told.formula,
        formula_words=told.formula_words,
        rows=tuple(rows),
        subject="number",
        advice=told.advice,
        fixed=True,
    )


def _flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    found = {key: value for key, value in settings.items() if not isinstance(value, dict)}
    for table in ("model", "training", "conversations"):
        found |= settings.get(table) or {}
    return found


def _epochs(known: Mapping[str, Any]) -> Rows:
    return [
        ("steps", f"{known['steps']:,}"),
        ("conversations", f"{known['train']:,}"),
        ("each is seen", f"{known['epochs']:g} times"),
    ]


def _share(known: Mapping[str, Any]) -> Rows:
    rows = known["batch_rows"]
    return [("rows of one update", f"{rows:,}"), ("of pretraining text", f"{rows * known['pretraining_share']:.1f}")]


def _lora_size(known: Mapping[str, Any]) -> Rows:
    rank, width = known["rank"], known["d_model"]
    return [
        ("one d × d matrix", f"{width * width:,} numbers"),
        ("its A and B", f"{2 * width * rank:,} numbers"),
        ("share", f"{2 * rank / width:.1%}"),
    ]


def _decay(known: Mapping[str, Any]) -> Rows:
    left = (1 - known["learning_rate"] * known["weight_decay"]) ** known["steps"]
    return [("left of an idle weight at the end", f"{left:.1%}")]


DIALS: dict[str, Words] = {
    "method": Words(
        "Full fine-tuning moves every weight. LoRA leaves them as they are and learns a small addition to some "
        "matrices, which can be kept as a small file and switched off.",
        r"W' = W + \frac{α}{r} B A",
        "B begins at zero, so that LoRA changes nothing at the start.",
    ),
    "rank": Words(
        "How many directions the addition has. A higher rank can learn more, and by heart more easily.",
        r"A \in R^{r × d},  B \in R^{d × r}",
        "r numbers for each input and each output instead of d for each pair.",
        _lora_size,
    ),
    "alpha": Words(
        "How strongly the addition counts. It is divided by the rank, so that another rank keeps the same strength.",
        r"W' = W + \frac{α}{r} B A",
        "",
        lambda known: [("strength α / r", f"{known['alpha'] / known['rank']:g}")],
    ),
    "lora_parts": Words(
        "Which matrices of a block get an addition. All of them learn best; query and value alone are the smallest.",
        r"W' = W + \frac{α}{r} B A",
        "For each part that is chosen, in each layer from first to last.",
    ),
    "lora_first_layer": Words("The first layer that gets additions. Early layers read, late layers say."),
    "lora_last_layer": Words("The last layer that gets additions. Early layers read, late layers say."),
    "lora_dropout": Words(
        "Share of the inputs of the addition that is dropped at random while training: against learning by heart.",
        r"W' x = W x + \frac{α}{r} B A \cdot \text{drop}(x)",
    ),
    "learning_rate": Words(
        "Size of an update at its peak. A tuned model should stay near its base, so it is smaller than in pretraining; "
        "LoRA, which begins at zero, takes about ten times as much.",
        r"θ_{t+1} = θ_t - η_t \cdot \frac{m_t}{\sqrt{v_t} + ε}",
        "AdamW: the direction m, evened out by its usual size v, times the learning rate η.",
        advice="Held-out loss jumps: lower it. It barely falls: raise it.",
    ),
    "epochs": Words(
        "How often every conversation is seen. Few teach the form of an answer, many its words by heart; early "
        "stopping ends it in time.",
        r"\text{steps} = \frac{\text{epochs} \cdot \text{tokens}}{\text{tokens of an update}}",
        "",
        _epochs,
    ),
    "batch_rows": Words(
        "Rows that one update averages over. More make it steadier, and fewer updates of the same data.",
        r"g = \frac{1}{\sum m} \sum_i m_i g_i",
        "Every trained token counts the same, in whatever row it stands.",
        lambda known: [("tokens of an update", f"{known['batch_rows'] * known['context_length']:,}")],
    ),
    "context_length": Words(
        "The longest conversation that is trained whole. Longer ones are cut or left out, as the setting below says.",
        "",
        "",
        lambda known: [("tokens of an update", f"{known['batch_rows'] * known['context_length']:,}")],
    ),
    "too_long": Words(
        "What becomes of a conversation that is longer than the context: cut off, or left out. Both are "
        "counted and shown."
    ),
    "packing": Words(
        "Several conversations share a row, and each sees only itself. No place is wasted on padding, and the result "
        "is the same.",
        r"p(x_t | x_{<t}, \text{same conversation})",
    ),
    "pretraining_share": Words(
        "Share of every update that is pretraining text, so that the model does not forget how to write it.",
        r"L = (1 - s) L_{chat} + s L_{text}",
        "s is the share; watch pretraining loss to see what it saves.",
        _share,
        advice="Pretraining loss rises much: raise it. Answers learn slowly: lower it.",
    ),
    "dropout": Words(
        "Share of activations that is zeroed at random while training, so that no answer hangs on one of them: against "
        "learning by heart.",
        r"h' = \frac{h \cdot b}{1 - p}",
    ),
    "weight_decay": Words(
        "A pull of every matrix towards zero with each update: against weights that grow for single examples.",
        r"θ_{t+1} = θ_t - η_t λ θ_t",
        "λ is this number, η the learning rate.",
        _decay,
    ),
    "patience": Words(
        "How many looks without a better held-out loss it takes until training ends by itself. The best checkpoint is "
        "the one that is used.",
        r"\text{stop when } L_{\text{held out}} \text{ was not lowest for } k \text{ looks}",
        "",
        lambda known: [("steps without a gain", f"{known['patience'] * known['evaluate_every']:,}")],
    ),
    "evaluate_every": Words(
        "Steps between two looks: held-out loss, questions asked anew, pretraining loss, how far the weights moved."
    ),
    "questions": Words(
        "Held-out questions that are asked and answered in full at every look. "
        "More give a surer number and take longer.",
        r"\text{95% interval} = ± 1.96 \sqrt{\frac{p (1 - p)}{n}}",
        "",
        lambda known: [("at 90% exact", f"± {1.96 * (0.09 / known['questions']) ** 0.5:.1%}")],
    ),
    "shown_questions": Words("How many of the questions stand side by side in Compare."),
}
