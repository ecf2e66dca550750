"""How a model's words are drawn, as arguments of the commands that let one write."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from pydantic import ValidationError

from engine.generation.sampling import SamplingConfig
from engine.pipeline.stage import explain_validation


def add_sampling(parser: ArgumentParser) -> None:
    settings = SamplingConfig.model_fields
    for name, kind in (("temperature", float), ("seed", int), ("top_k", int), ("top_p", float), ("min_p", float)):
        words = f"{settings[name].description} (default: {settings[name].default})"
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind, metavar="X", help=words)
    parser.add_argument(
        "--repetition-penalty", type=float, metavar="X", help=settings["repetition_penalty"].description
    )


def sampling_of(arguments: Namespace) -> SamplingConfig:
    """Raises CutawayError, in words, for values that make no sense."""
    given = {name: getattr(arguments, name) for name in SamplingConfig.model_fields}
    try:
        return SamplingConfig(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        raise explain_validation(error, "the sampling") from error
