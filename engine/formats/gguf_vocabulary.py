"""A tokenizer as llama.cpp reads it.

Two of its forms serve: "gpt2", byte-level merges with a named way of cutting words, and "llama", whole characters with
a token for each byte to fall back to. Bytes and characters are the second with nothing to merge, and so exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.errors import CutawayError
from engine.formats.gguf_patterns import name_of
from engine.tokenizer.tokenizer import END_TURN, Tokenizer

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
SPACE = "\u2581"


def vocabulary(tokenizer: Tokenizer, vocab_size: int) -> dict[str, Any]:
    """Key/value pairs below `tokenizer.`. vocab_size: of the model; spare ids become unused tokens.

    Raises CutawayError, naming what stands in the way, for a tokenizer that llama.cpp has no form for.
    """
    if tokenizer.kind in ("byte", "character") or (tokenizer.kind == "bpe" and not tokenizer.merges):
        found = _characters(tokenizer)
    else:
        found = from_json(tokenizer.to_json())
        found["tokenizer.ggml.eos_token_id"] = tokenizer.end_id
        begin = tokenizer.special_ids.get(tokenizer.names.get("bos_token", ""), tokenizer.end_id)
        found.setdefault("tokenizer.ggml.bos_token_id", begin)
    if others := tokenizer.end_ids - {tokenizer.end_id}:  # of an answer, where another ends the text
        found["tokenizer.ggml.eot_token_id"] = tokenizer.special_ids.get(END_TURN, min(others))
    tokens, types = found["tokenizer.ggml.tokens"], found["tokenizer.ggml.token_type"]
    if not {CONTROL, USER_DEFINED, UNUSED}.issuperset(types[vocab_size:]):
        raise _impossible(f"It has {len(tokens):,} tokens, and the model knows {vocab_size:,}.")
    # Special ones may lie beyond: Gemma 3 names one for pictures, which its text models have no row for.
    for key in ("tokens", "token_type", "scores"):
        if f"tokenizer.ggml.{key}" in found:
            del found[f"tokenizer.ggml.{key}"][vocab_size:]
    for spare in range(len(tokens), vocab_size):
        tokens.append(f"[PAD{spare}]")
        types.append(UNUSED)
        if "tokenizer.ggml.scores" in found:
            found["tokenizer.ggml.scores"].append(0.0)
    return found


def from_json(data: Mapping[str, Any]) -> dict[str, Any]:
    """The same for the content of a `tokenizer.json`."""
    model = data.get("model") or {}
    if model.get("type") != "BPE":
        raise _impossible(f"It is a {model.get('type')} tokenizer; only byte pair encodings are written.")
    added = {token["id"]: token for token in data.get("added_tokens") or []}
    tokens = {**{index: text for text, index in model["vocab"].items()}, **{i: t["content"] for i, t in added.items()}}
    merges = [tuple(m.split(" ", 1)) if isinstance(m, str) else tuple(m) for m in model.get("merges") or []]
    texts = [tokens.get(index, f"[PAD{index}]") for index in range(max(tokens) + 1)]
    first = _first_of_all(data, texts)
    found: dict[str, Any] = {"tokenizer.ggml.tokens": texts, "tokenizer.ggml.add_bos_token": first is not None}
    if first is not None:
        found["tokenizer.ggml.bos_token_id"] = first
    falls_back = bool(model.get("byte_fallback"))
    types = [_type(i, text, added, falls_back) if i in tokens else UNUSED for i, text in enumerate(texts)]
    found["tokenizer.ggml.token_type"] = types
    if model.get("byte_fallback"):
        return found | _pieces(data, texts, types, merges, model.get("unk_token"))
    if (data.get("normalizer") or {"type": "NFC"}).get("type") != "NFC":
        raise _impossible(f"It changes texts beforehand ({data['normalizer'].get('type')}), which llama.cpp does not.")
    name = name_of(data.get("pre_tokenizer"), bool(model.get("ignore_merges")))
    if name is None:
        raise _impossible("It cuts text into words in a way that llama.cpp has no name for.")
    if any(" " in side for pair in merges for side in pair):
        raise _impossible("One of its merges holds a space.")
    return found | {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": name,
        "tokenizer.ggml.merges": [" ".join(pair) for pair in merges],
    }


def _first_of_all(data: Mapping[str, Any], texts: list[str]) -> int | None:
    """The token that stands before every text; None where none does."""
    processor = data.get("post_processor") or {}
    for part in [processor, *(processor.get("processors") or [])]:
        template = part.get("single") or [] if part.get("type") == "TemplateProcessing" else []
        if template and "SpecialToken" in template[0] and template[0]["SpecialToken"]["id"] in texts:
            return texts.index(template[0]["SpecialToken"]["id"])
    return None


def _type(index: int, text: str, added: Mapping[int, Mapping[str, Any]], bytes_fall_back: bool) -> int:
    if index in added:
        return CONTROL if added[index].get("special") else USER_DEFINED
    return BYTE if bytes_fall_back and len(text) == 6 and text.startswith("<0x") else NORMAL


def _pieces(
    data: Mapping[str, Any], texts: list[str], types: list[int], merges: list[tuple[str, ...]], unknown: str | None
) -> dict[str, Any]:
    """Llama 2's, Mistral's and Gemma's form: a piece's score is higher the earlier its merge was learned."""
    ranks: dict[str, int] = {}
    for rank, pair in enumerate(merges):
        ranks.setdefault("".join(pair), rank)
    if unknown in texts:
        types[texts.index(unknown)] = UNKNOWN
    scores = [-float(ranks.get(text, len(merges))) for text in texts]
    found = {
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.pre": "default",
        "tokenizer.ggml.scores": scores,
        "tokenizer.ggml.add_space_prefix": _prepends(data),
    }
    return found | ({"tokenizer.ggml.unknown_token_id": texts.index(unknown)} if unknown in texts else {})


def _prepends(data: Mapping[str, Any]) -> bool:
    parts = [data.get("normalizer"), data.get("pre_tokenizer")]
    parts += [item for part in parts if isinstance(part, dict) for item in part.get("normalizers") or []]
    kinds = [part for part in parts if isinstance(part, dict)]
    return any(
        part.get("type") == "Prepend"
        or (part.get("type") == "Metaspace" and part.get("prepend_scheme", "always") != "never")
        for part in kinds
    )


def _characters(tokenizer: Tokenizer) -> dict[str, Any]:
    tokens, types = [], []
    for index in range(tokenizer.vocab_size):
        data = tokenizer.token_bytes(index)
        if not data:
            token, kind = tokenizer.token_text(index), CONTROL
        elif data == b" ":  # llama.cpp looks for this character wherever a text has a space
            token, kind = SPACE, NORMAL
        elif tokenizer.kind == "character" and index < tokenizer.end_id:
            token, kind = data.decode(), NORMAL
        else:
            token, kind = f"<0x{data[0]:02X}>", BYTE
        tokens.append(token)
        types.append(kind)
    if len(set(tokens)) != len(tokens):
        raise _impossible(f'One of its characters is "{SPACE}", which llama.cpp takes for a space.')
    ends = dict.fromkeys((f"tokenizer.ggml.{name}_token_id" for name in ("bos", "eos", "unknown")), tokenizer.end_id)
    return ends | {
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.pre": "default",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": types,
        "tokenizer.ggml.scores": [0.0] * len(tokens),
        "tokenizer.ggml.add_bos_token": False,
        "tokenizer.ggml.add_space_prefix": False,
    }


def _impossible(why: str) -> CutawayError:
    return CutawayError(
        "The tokenizer cannot be written as GGUF.",
        why,
        "Export to Hugging Face's format or as a bundle, which take any tokenizer.",
    )
