"""Writes the chosen tokenizer for other programs, on the engine thread."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from app.jobs.query import EngineSide, Query
from engine.store.files import explain_os_error
from engine.tokenizer.tokenizer import Tokenizer


def saving(tokenizer: Tokenizer, folder: Path) -> Query:
    """tokenizer.json and tokenizer_config.json, which `transformers` loads with equal ids. Yields the folder."""

    def query(_: EngineSide) -> Iterator[object]:
        from engine.formats.tokenizer_json import save_for_transformers

        try:
            save_for_transformers(tokenizer, folder)
        except OSError as error:
            raise explain_os_error(error, folder) from error
        yield folder

    return query
