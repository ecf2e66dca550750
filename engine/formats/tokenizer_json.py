"""Any tokenizer of ours as the `tokenizer.json` and `tokenizer_config.json` that the Hugging Face libraries read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine.store.files import write_json
from engine.tokenizer.chat_template import ChatTemplate
from engine.tokenizer.kinds.bpe import special_json
from engine.tokenizer.kinds.imported import FACTS
from engine.tokenizer.tokenizer import END_TURN, Tokenizer


def as_tokenizer_json(tokenizer: Tokenizer) -> dict[str, Any]:
    """Bytes and characters become a byte pair encoding with nothing to merge, whose unknown characters are written in
    bytes: the same ids for every text."""
    if tokenizer.kind not in ("byte", "character"):
        return {key: value for key, value in tokenizer.to_json().items() if key != FACTS}
    vocabulary = {}
    for index in range(tokenizer.vocab_size):
        data = tokenizer.token_bytes(index)
        whole = tokenizer.kind == "character" and index < tokenizer.end_id
        name = tokenizer.token_text(index) if not data else data.decode() if whole else f"<0x{data[0]:02X}>"
        vocabulary[name] = index
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [special_json(name, token_id) for name, token_id in tokenizer.special_ids.items()],
        "normalizer": None,
        "pre_tokenizer": None,
        "post_processor": None,
        "decoder": {"type": "Sequence", "decoders": [{"type": "ByteFallback"}, {"type": "Fuse"}]},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": True,
            "ignore_merges": False,
            "vocab": vocabulary,
            "merges": [],
        },
    }


def save_for_transformers(tokenizer: Tokenizer, folder: Path, chat_template: str | None = None) -> None:
    """tokenizer.json and tokenizer_config.json into a folder, which is made where it is missing. Raises OSError.

    `transformers.AutoTokenizer` reads both and gives the same ids.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_tokenizer(folder, tokenizer, None, chat_template)


def write_tokenizer(
    folder: Path, tokenizer: Tokenizer, context_length: int | None, chat_template: str | None = None
) -> None:
    """Both files into an existing folder; `transformers.AutoTokenizer` reads them, and writes a conversation with the
    same ids. What ends an answer is its end token then: other programs ask for no second one. context_length: of the
    model, None for a tokenizer without one."""
    write_json(folder / "tokenizer.json", as_tokenizer_json(tokenizer))
    config: dict[str, Any] = {"tokenizer_class": "PreTrainedTokenizerFast"}
    config |= {} if context_length is None else {"model_max_length": context_length}
    config |= {"eos_token": tokenizer.token_text(tokenizer.end_id), "clean_up_tokenization_spaces": False}
    if tokenizer.start_ids:
        config["bos_token"] = tokenizer.token_text(tokenizer.start_ids[0])
    if tokenizer.kind == "imported":
        config |= tokenizer.names
    if chat_template:
        config |= ChatTemplate(chat_template, tokenizer).names
        config |= {"eos_token": END_TURN} if END_TURN in tokenizer.special else {}
    write_json(folder / "tokenizer_config.json", config | ({"chat_template": chat_template} if chat_template else {}))
