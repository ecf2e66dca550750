"""Reads a config.json key by key, so that no key which nobody looked at can change what the model computes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.errors import CutawayError
from engine.model.config import RopeScaling

# What does not change a forward pass: bookkeeping, what training and sampling would use, defaults of old versions.
_BESIDE_THE_POINT = """
    _name_or_path _attn_implementation_autoset architectures attention_dropout attn_pdrop bad_words_ids
    begin_suppress_tokens bos_token_id cache_implementation chunk_size_feed_forward cross_attention_hidden_size
    decoder_start_token_id diversity_penalty do_sample dtype early_stopping embd_pdrop encoder_no_repeat_ngram_size
    eos_token_id exponential_decay_length_penalty finetuning_task forced_bos_token_id forced_eos_token_id id2label
    initializer_range label2id length_penalty max_length min_length model_type n_ctx no_repeat_ngram_size
    num_beam_groups num_beams num_return_sequences output_attentions output_hidden_states output_scores pad_token_id
    prefix problem_type remove_invalid_values reorder_and_upcast_attn repetition_penalty resid_pdrop return_dict
    return_dict_in_generate sep_token_id summary_activation summary_first_dropout summary_proj_to_labels summary_type
    summary_use_proj suppress_tokens task_specific_params temperature tf_legacy_loss tokenizer_class top_k top_p
    torch_dtype torchscript transformers.js_config transformers_version typical_p unsloth_fixed unsloth_version
    use_bfloat16 use_cache
"""
_MUST_BE_OFF = ("add_cross_attention", "is_decoder", "is_encoder_decoder", "tie_encoder_decoder", "pruned_heads")
_REQUIRED = object()


def refusal(why: str, *, written: bool = False) -> CutawayError:
    """why: the middle of a sentence, from "it" on."""
    if written:
        remedy = "Export it in Cutaway's own form instead."
        return CutawayError("This model cannot be written for transformers.", f"{_sentence(why)}", remedy)
    return CutawayError("This model cannot be opened.", f"{_sentence(why)}", "Choose another model.")


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


class Reader:
    """raw: the content of a config.json."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self._raw = raw
        self._left = set(raw) - set(_BESIDE_THE_POINT.split())
        for key in _MUST_BE_OFF:
            self.demand(key, None, False, {}, [])

    def take(self, key: str, default: Any = _REQUIRED) -> Any:
        """The key's value, `default` where it is missing. Raises CutawayError where it must not be."""
        self._left.discard(key)
        if key not in self._raw and default is _REQUIRED:
            raise refusal(f'its config.json does not say "{key}"')
        return self._raw.get(key, default)

    def number(self, key: str, default: Any = _REQUIRED) -> int:
        """A whole number, at least 1. Where the default is None or the value null: the caller asks `take`."""
        value = self.take(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise refusal(f'its config.json says {value!r} for "{key}", which must be a whole number from 1 on')
        return value

    def demand(self, key: str, *allowed: Any) -> Any:
        """Where the key is present, its value must be one of these."""
        value = self.take(key, allowed[0])
        if value not in allowed:
            words = ", ".join(map(repr, allowed))
            raise refusal(f'its config.json says {value!r} for "{key}", and Cutaway computes only {words}')
        return value

    def finish(self) -> None:
        """Raises CutawayError for a key that nobody took."""
        if self._left:
            key = sorted(self._left)[0]
            raise refusal(f'its config.json says {self._raw[key]!r} for "{key}", which Cutaway does not know')

    def rope(self, default_theta: float = 10_000.0) -> tuple[float, RopeScaling | None]:
        """Base and scaling, in the spelling of transformers 4 (rope_theta, rope_scaling) or 5 (rope_parameters)."""
        theta = self.take("rope_theta", default_theta)
        scaling, parameters = self.take("rope_scaling", None), self.take("rope_parameters", None)
        return read_rope(parameters if parameters is not None else scaling, theta)


def read_rope(raw: Any, theta: Any) -> tuple[float, RopeScaling | None]:
    """raw: a table of rope parameters, or None. theta: the base where the table names none."""
    if raw is None:
        return float(theta), None
    reader = Reader(raw)
    base = float(reader.take("rope_theta", theta))
    kind = reader.take("rope_type", reader.take("type", "default"))
    reader.demand("partial_rotary_factor", 1.0, None)
    scaling = None
    if kind == "linear":
        scaling = RopeScaling(kind="linear", factor=reader.take("factor"))
    elif kind == "llama3":
        scaling = RopeScaling(
            kind="llama3",
            factor=reader.take("factor"),
            low_frequency_factor=reader.take("low_freq_factor"),
            high_frequency_factor=reader.take("high_freq_factor"),
            original_context=reader.take("original_max_position_embeddings"),
        )
    elif kind != "default":
        raise refusal(f"its positions are scaled by {kind!r}, and Cutaway computes 'linear' and 'llama3'")
    reader.finish()
    return base, scaling


def write_rope(scaling: RopeScaling | None) -> dict[str, Any] | None:
    """What stands under "rope_scaling"."""
    if scaling is None:
        return None
    if scaling.kind == "linear":
        return {"rope_type": "linear", "factor": scaling.factor}
    return {
        "rope_type": "llama3",
        "factor": scaling.factor,
        "low_freq_factor": scaling.low_frequency_factor,
        "high_freq_factor": scaling.high_frequency_factor,
        "original_max_position_embeddings": scaling.original_context,
    }
