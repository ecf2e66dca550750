"""How known tokenizers cut text into words, and what llama.cpp calls these ways (its llama-vocab.cpp).

llama.cpp has the patterns compiled in and knows them by name alone: a pattern that it lacks cannot be written.
"""

from __future__ import annotations

from typing import Any

_TAIL = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_HEAD = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
CL100K = rf"{_HEAD}\p{{N}}{{1,3}}|{_TAIL}"
QWEN2 = rf"{_HEAD}\p{{N}}|{_TAIL}"
_BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}


def _split(pattern: str) -> dict[str, Any]:
    split = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
    return {"type": "Sequence", "pretokenizers": [split, {**_BYTES, "use_regex": False}]}


# llama.cpp's name -> (pre_tokenizer of a tokenizer.json, whether a word that is a token skips its merges).
# "dbrx" has GPT-4's pattern without Llama 3's two extras, a leading token and skipped merges.
PATTERNS: dict[str, tuple[dict[str, Any], bool]] = {
    "dbrx": (_split(CL100K), False),
    "llama-bpe": (_split(CL100K), True),
    "qwen2": (_split(QWEN2), False),
    "gpt-2": ({**_BYTES, "use_regex": True}, False),
    "smollm": (
        {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True}, dict(_BYTES)]},
        False,
    ),
}
ALIASES = {"llama3": "llama-bpe", "llama-v3": "llama-bpe", "smaug-bpe": "dbrx", "chatglm-bpe": "dbrx"}
ALIASES |= dict.fromkeys(("deepseek-r1-qwen", "kormo"), "qwen2")


def name_of(pre_tokenizer: Any, ignore_merges: bool) -> str | None:
    """llama.cpp's name of a tokenizer.json's way of cutting; None when it has none."""
    wanted = _plain(pre_tokenizer)
    for name, (known, skips) in PATTERNS.items():
        if skips == ignore_merges and _plain(known) == wanted:
            return name
    return None


def _plain(part: Any) -> Any:
    """Only what decides where words end: offsets, and what libraries write or leave out, do not."""
    if not isinstance(part, dict):
        return None
    match part.get("type"):
        case "Sequence":
            parts = [_plain(item) for item in part.get("pretokenizers", [])]
            return parts[0] if len(parts) == 1 else parts
        case "Split":
            behaviour = (str(part.get("behavior")), bool(part.get("invert")))
            # To keep what matches, each by itself, or to take out what does not: these patterns match everything.
            kept = behaviour in (("Isolated", False), ("Removed", True))
            return ("split", (part.get("pattern") or {}).get("Regex"), kept)
        case "ByteLevel":
            return ("bytes", bool(part.get("add_prefix_space")), bool(part.get("use_regex", True)))
        case "Digits":
            return ("digits", bool(part.get("individual_digits")))
        case other:
            return ("unknown", str(other))
