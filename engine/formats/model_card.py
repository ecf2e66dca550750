"""README.md of an exported model, in the form that the Hugging Face Hub reads: facts of the run, nothing else."""

from __future__ import annotations

import json
from typing import Any

from engine.model.config import ModelConfig

_HUB_LICENCES = ("cc0-1.0", "mit", "apache-2.0", "cc-by-4.0", "cc-by-sa-4.0", "bsd-3-clause", "gemma", "llama3.2")


def model_card(
    name: str, config: ModelConfig, lineage: dict[str, Any], notes: list[str], more: dict[str, str] | None = None
) -> str:
    """lineage: of `lineage.collect`. notes: what was changed on the way out, a sentence each. more: title and text of
    further sections."""
    parts = [
        _front_matter(name, lineage),
        f"# {name}",
        _summary(config, lineage),
        *(f"> {note}" for note in notes),
        "## What it can do",
        _measured(lineage.get("training", {})),
        "## What it was trained on",
        _data(lineage.get("artifacts", [])),
        "## How it was trained",
        _training(lineage),
        *(f"## {title}\n\n{text}" for title, text in (more or {}).items()),
        "## What is unknown",
        "\n".join(f"- {sentence}" for sentence in lineage.get("unknown", [])),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _front_matter(name: str, lineage: dict[str, Any]) -> str:
    """YAML, each value written as JSON, which YAML includes, so that no name can break it."""
    licence = str(lineage.get("licence", "")).lower()
    lines = ["---", "library_name: cutaway", "pipeline_tag: text-generation", "tags: [cutaway, text-generation]"]
    lines += [f"license: {licence}"] if licence in _HUB_LICENCES else []
    looks = lineage.get("training", {}).get("held_out")
    if looks:
        metrics = [("loss", "held-out loss (nats per token)"), ("bits_per_byte", "held-out bits per byte")]
        lines += ["model-index:", f"- name: {_quoted(name)}", "  results:", "  - task: {type: text-generation}"]
        corpus = next((str(artifact["name"]) for artifact in _corpora(lineage)), "held-out text")
        lines.append(f"    dataset: {{name: {_quoted(corpus)}, type: {_quoted(corpus)}}}")
        lines.append("    metrics:")
        lines += [f"    - {{type: {key}, name: {_quoted(title)}, value: {looks[-1][key]!r}}}" for key, title in metrics]
    return "\n".join([*lines, "---"])


def _summary(config: ModelConfig, lineage: dict[str, Any]) -> str:
    recipe = lineage.get("recipe", {}).get("name")
    origin = f"built with Cutaway by the recipe {recipe}" if recipe else "opened from elsewhere and written by Cutaway"
    shape = f"{config.n_layer} layers of width {config.d_model}, {config.n_head} heads"
    return (
        f"A decoder-only Transformer of {config.parameters():,} parameters, {origin}: {shape}, "
        f"a context of {config.context_length:,} tokens, a vocabulary of {config.vocab_size:,}."
    )


def _measured(training: dict[str, Any]) -> str:
    looks = training.get("held_out")
    if training.get("held_out_conversations"):
        return _answered(training["held_out_conversations"])
    if not looks:
        return "Nothing measured it."
    last = looks[-1]
    return (
        _table(
            ["measured at step", "held-out loss", "bits per byte", "loss on training text"],
            [[f"{last['step']:,}", *(f"{last[key]:.4f}" for key in ("loss", "bits_per_byte", "train_loss"))]],
        )
        + "\n\nLosses are in nats per token. It continues text; nobody checked that what it writes is true or harmless."
    )


def _answered(looks: list[dict[str, Any]]) -> str:
    """Of a model that holds conversations: before tuning and at this step."""
    rows = [
        [
            f"{look['step']:,}",
            f"{look['loss']:.4f}",
            f"{look['exact']:.1%} of {look['asked']:,}" if "exact" in look else "",
            f"{look['stopped']:.1%}" if "stopped" in look else "",
        ]
        for look in (looks[0], looks[-1])
    ]
    return (
        _table(["measured at step", "held-out loss", "answered exactly", "ended by itself"], rows)
        + "\n\nLosses are in nats per token of the assistant's. It answers; where it does not know, it invents."
    )


def _data(artifacts: list[dict[str, Any]]) -> str:
    rows = []
    for artifact in artifacts:
        if artifact.get("kind") == "corpus":
            figures = ", ".join(f"{value:,} {key}" for key, value in artifact["figures"].items() if value)
            rows.append(
                [artifact["name"], figures, artifact["source"], artifact["licence"], f"`{artifact['hash'][:16]}`"]
            )
    return _table(["corpus", "holds", "source", "licence", "hash"], rows) if rows else "Unknown."


def _training(lineage: dict[str, Any]) -> str:
    training = lineage.get("training", {})
    if not training:
        return "Unknown."
    machine = ", ".join(f"{key} {value}" for key, value in training.get("machine", {}).items())
    facts = {
        "steps": training.get("step"),
        "tokens": training.get("tokens"),
        "working seconds": training.get("seconds"),
        "tokens a second (median)": training.get("tokens_per_second"),
        "machine": machine or None,
        "times resumed": training.get("resumed"),
        "alarms": ", ".join(training.get("alarms", [])) or "none",
    }
    told = [[key, f"{value:,}" if isinstance(value, (int, float)) else value] for key, value in facts.items()]
    recipe = json.dumps(lineage.get("recipe", {}).get("stages", {}), indent=1, ensure_ascii=False)
    table = _table(["", ""], [[key, "unknown" if value is None else value] for key, value in told])
    return f"{table}\n\nThe recipe, with all that was set by hand:\n\n```json\n{recipe}\n```"


def _corpora(lineage: dict[str, Any]) -> list[dict[str, Any]]:
    return [artifact for artifact in lineage.get("artifacts", []) if artifact.get("kind") == "corpus"]


def _table(head: list[str], rows: list[list[Any]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
