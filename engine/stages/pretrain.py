"""Pretraining: a model learns what comes next, from nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from engine.events import Event
from engine.pipeline.stage import Context, StageConfig, dial

if TYPE_CHECKING:
    from engine.training.plan import Plan

TITLE = "Pretrain"
OUTPUT = "model"


class Config(StageConfig):
    """One dial, `depth`, derives the rest; whatever is set here is taken as it stands."""

    depth: int = dial(4, "The one dial: number of layers, from which all else follows.", unit="layers", ge=1, le=48)
    n_layer: int | None = dial(None, "Blocks, one upon the other.", unit="layers", ge=1, le=200)
    d_model: int | None = dial(None, "Width of the stream that the blocks read and write.", ge=8, le=32_768)
    n_head: int | None = dial(None, "Attention heads in each block.", unit="heads", ge=1, le=256)
    n_kv_head: int | None = dial(None, "Key/value heads, shared by groups of heads.", unit="heads", ge=1, le=256)
    d_ff: int | None = dial(None, "Inner width of the feed-forward part.", ge=8, le=131_072)
    context_length: int | None = dial(None, "How far the model looks back.", unit="tokens", ge=4, le=131_072)
    norm: Literal["rmsnorm", "layernorm"] = dial("rmsnorm", "How activations are kept at one size.")
    positions: Literal["rope", "learned"] = dial("rope", "How the model knows where a token stands.")
    activation: Literal["swiglu", "gelu", "relu2"] = dial("relu2", "The bend inside the feed-forward part.")
    qk_norm: bool = dial(True, "Normalise queries and keys: attention cannot saturate.")
    bias: bool = dial(False, "Add a constant after every matrix, as GPT-2 does.")
    tie_embeddings: bool = dial(True, "Read and write tokens with one table.")
    dropout: float = dial(0.0, "Share of activations dropped while training: against learning by heart.", ge=0, lt=1)

    steps: int | None = dial(None, "Updates of the weights: the horizon.", unit="steps", ge=1, le=100_000_000)
    batch_tokens: int | None = dial(None, "Tokens that one update averages over.", unit="tokens", ge=1, le=2**24)
    micro_rows: int | None = dial(None, "Rows in one forward pass; more need more memory.", unit="rows", ge=1)
    learning_rate: float | None = dial(None, "Size of an update at its peak.", gt=0, le=1)
    final_learning_rate_share: float = dial(0.1, "What is left of it at the end.", ge=0, le=1)
    warmup_steps: int | None = dial(None, "Updates until the peak is reached.", unit="steps", ge=0)
    schedule: Literal["cosine", "linear", "wsd", "constant"] = dial(
        "cosine", "How the learning rate falls after the warmup."
    )
    decay_share: float = dial(0.2, "Share of the steps in which wsd falls.", gt=0, le=1)
    weight_decay: float = dial(0.1, "Pull of every matrix towards zero: against learning by heart.", ge=0, le=10)
    optimizer: Literal["adamw", "muon"] = dial("adamw", "What turns gradients into updates; muon is for matrices.")
    momentum: float = dial(0.95, "Memory of Muon for the direction.", ge=0, lt=1)
    beta1: float = dial(0.9, "Memory of AdamW for the direction.", ge=0, lt=1)
    beta2: float = dial(0.95, "Memory of AdamW for the size.", ge=0, lt=1)
    clip: float = dial(1.0, "Longest gradient that is let through.", gt=0)
    precision: Literal["auto", "float32", "bfloat16"] = dial("auto", "auto takes what measures faster here.")
    compile: bool = dial(False, "Let torch compile the model first: meant for GPUs; it takes a minute and a compiler.")

    shard: bool = dial(False, "With several processes, each keeps a share of the weights: for models that fit no GPU.")

    evaluate_every: int | None = dial(None, "Steps between two looks at held-out text.", unit="steps", ge=1)
    evaluate_rows: int | None = dial(None, "Rows of held-out text for a look.", unit="rows", ge=1)
    sample_every: int | None = dial(None, "Steps between two samples of its writing.", unit="steps", ge=1)
    sample_prompt: str | None = dial(None, "What the samples begin with.")
    sample_tokens: int = dial(40, "Length of a sample.", unit="tokens", ge=1, le=1000)
    checkpoint_every: int | None = dial(None, "Steps between two checkpoints.", unit="steps", ge=1)
    keep_checkpoints: int = dial(3, "Checkpoints that are kept, the newest.", ge=2, le=1000)


def plan(config: Config, vocab_size: int) -> Plan:
    """Every value settled, with its origin. Raises CutawayError for values that contradict each other."""
    from engine.training.plan import make_plan

    return make_plan(config.model_dump(), set(config.model_fields_set), vocab_size)


def run(config: Config, context: Context) -> Iterator[Event]:
    """Goes on from the newest checkpoint of this run folder that verifies, if there is one."""
    from engine.stages._pretraining import Pretraining

    yield from Pretraining(config, context).run()


def follow(config: Config, context: Context) -> None:
    """The same in every process but the first of `context.group`."""
    from engine.stages._pretraining_follower import follow

    follow(config, context)
