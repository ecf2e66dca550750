"""Known families of models: how their config.json and their tensors read in our terms. One file is one family. Each has

MODEL_TYPES, ARCHITECTURE      as config.json calls it under "model_type" and "architectures"
PREFIX                         before the names of all tensors but the head's; older files leave it out
read(Reader) -> dict           the fields of ModelConfig; every key of config.json that decides a number is taken
write(ModelConfig) -> dict     the inverse, in the spelling that old and new versions of transformers both read
rules(ModelConfig) -> Iterator of Rule   which of their tensors make up each of ours

Importing these files does not import torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

from pydantic import ValidationError

from engine.errors import CutawayError
from engine.model.config import ModelConfig
from engine.model.families._reader import Reader, refusal
from engine.model.families._rules import Rule
from engine.registry import Registry

FAMILIES = Registry(
    "engine.model.families", requires=("MODEL_TYPES", "ARCHITECTURE", "PREFIX", "read", "write", "rules")
)


def read_config(raw: Mapping[str, Any]) -> ModelConfig:
    """The content of a config.json. Raises CutawayError that names the key of what is not supported."""
    family = _by_model_type(raw.get("model_type"))
    name = family.__name__.rsplit(".", 1)[1]
    reader = Reader(raw)
    try:
        config = ModelConfig(family=name, **family.read(reader))
    except ValidationError as error:
        first = error.errors()[0]
        place, message = ".".join(map(str, first["loc"])) or "the whole", first["msg"].removeprefix("Value error, ")
        raise refusal(f"its config.json makes no model: {place}, {message}") from error
    except (TypeError, ArithmeticError, AttributeError) as error:
        raise refusal(f"its config.json holds a value of the wrong kind: {error}") from error
    reader.finish()
    return config


def write_config(config: ModelConfig) -> dict[str, Any]:
    """Raises CutawayError when the family's config.json cannot say what this model is."""
    if config.family not in FAMILIES.names():
        raise refusal("it belongs to no family that transformers knows", written=True)
    family = FAMILIES.load(config.family)
    raw: dict[str, Any] = {"architectures": [family.ARCHITECTURE], "model_type": family.MODEL_TYPES[0]}
    raw |= {"torch_dtype": "float32", **family.write(config)}
    back = read_config(raw)
    wrong = [name for name in ModelConfig.model_fields if getattr(back, name) != getattr(config, name)]
    if [name for name in wrong if name != "dropout"]:
        raise refusal(f"a {family.ARCHITECTURE} has no place for its {wrong[0]}", written=True)
    return raw


def rules(config: ModelConfig) -> Iterator[Rule]:
    found: Iterator[Rule] = FAMILIES.load(config.family).rules(config)
    return found


def prefix(config: ModelConfig) -> str:
    found: str = FAMILIES.load(config.family).PREFIX
    return found


def _by_model_type(model_type: object) -> ModuleType:
    known: dict[str, ModuleType] = {}
    for name in FAMILIES.names():
        module = FAMILIES.load(name)
        known |= dict.fromkeys(module.MODEL_TYPES, module)
    if not isinstance(model_type, str) or model_type not in known:
        raise CutawayError(
            "This model cannot be opened.",
            f"Its config.json says model_type {model_type!r}, and Cutaway knows {', '.join(sorted(known))}.",
            "Choose a model of one of these families.",
        )
    return known[model_type]
