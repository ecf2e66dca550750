"""The tokenizer of a model that came from elsewhere, with what is said about it beside: what ends a text, and how a
conversation is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import CutawayError
from engine.store.files import read_json

if TYPE_CHECKING:
    from engine.tokenizer.tokenizer import Tokenizer

_MAX_BYTES = 512 * 2**20
# What transformers gives to a chat template, and what GGUF calls it.
_ROLES = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
_GGUF_ROLES = {"bos_token": "bos", "eos_token": "eos", "unk_token": "unknown", "pad_token": "padding"}


@dataclass(frozen=True)
class ForeignTokenizer:
    """data: content of a tokenizer.json. end_ids: what ends a text or an answer, the usual one first. size: ids of the
    model. chat_template: Jinja, or None. names: special tokens by what they are for, "bos_token", ..."""

    name: str
    data: dict[str, Any]
    end_ids: tuple[int, ...]
    size: int
    chat_template: str | None
    names: Mapping[str, str] = field(default_factory=dict)

    def build(self) -> Tokenizer:
        """Raises CutawayError for what Cutaway cannot read bytes from, and for ids that the model does not have."""
        from engine.tokenizer.kinds.imported import ImportedTokenizer

        try:
            return ImportedTokenizer(self.data, self.end_ids, self.size, self.names)
        except ValueError as error:
            raise _unusable(self.name, str(error)) from error


def read_tokenizer(folder: Path, size: int, generation: Mapping[str, Any]) -> ForeignTokenizer:
    """From a model's folder. generation: content of its generation_config.json."""
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise _unusable(folder.name, "There is no tokenizer.json beside the weights")
    if path.stat().st_size > _MAX_BYTES:
        raise _unusable(folder.name, f"Its tokenizer.json is larger than {_MAX_BYTES // 2**20} MB")
    data, beside = _table(path), _table(folder / "tokenizer_config.json")
    config = _table(folder / "config.json")
    named = {token["content"]: token["id"] for token in data.get("added_tokens") or []}
    ends = [_content(beside.get("eos_token"))]
    usual = [named[end] for end in ends if end in named]
    found = [*_ids(generation.get("eos_token_id")), *_ids(config.get("eos_token_id")), *usual]
    told = {**_table(folder / "special_tokens_map.json"), **beside}
    names = {role: _content(told[role]) for role in _ROLES if isinstance(_content(told.get(role)), str)}
    return ForeignTokenizer(folder.name, data, tuple(dict.fromkeys(found)), size, _template(folder, beside), names)


def read_gguf_tokenizer(
    data: dict[str, Any], metadata: Mapping[str, Any], size: int, chat_template: str | None
) -> ForeignTokenizer:
    """data: the tokenizer.json that the file comes to; metadata: the file's own."""
    keys = ("tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id")
    ends = [token_id for key in keys for token_id in _ids(metadata.get(key))]
    name = str(metadata.get("general.name", "The model"))
    tokens = metadata.get("tokenizer.ggml.tokens") or []
    found = {role: metadata.get(f"tokenizer.ggml.{key}_token_id") for role, key in _GGUF_ROLES.items()}
    names = {role: tokens[index] for role, index in found.items() if type(index) is int and 0 <= index < len(tokens)}
    return ForeignTokenizer(name, data, tuple(dict.fromkeys(ends)), size, chat_template, names)


def _table(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    value = read_json(path)
    if not isinstance(value, dict):
        raise _unusable(path.parent.name, f"Its {path.name} is no table")
    return value


def _ids(value: Any) -> Iterable[int]:
    values = value if isinstance(value, list) else [value]
    return [one for one in values if isinstance(one, int) and not isinstance(one, bool)]


def _content(token: Any) -> Any:
    return token.get("content") if isinstance(token, dict) else token


def _template(folder: Path, beside: Mapping[str, Any]) -> str | None:
    """Newer folders keep it in a file of its own; older ones may list several by name."""
    own = folder / "chat_template.jinja"
    if own.is_file():
        return own.read_text(encoding="utf-8")
    found = beside.get("chat_template")
    if isinstance(found, list):
        named = {one.get("name"): one.get("template") for one in found if isinstance(one, dict)}
        found = named.get("default")
    return found if isinstance(found, str) else None


def _unusable(name: str, why: str) -> CutawayError:
    return CutawayError(
        f"The tokenizer of {name} cannot be used.",
        f"{why.rstrip('.')}.",
        "Choose another model, or get its files again.",
    )
