"""A tokenizer that came from elsewhere, kept in the workspace: a tokenizer.json, a rank file of tiktoken, a
SentencePiece model, or a tokenizer of ours. A generator, so that a window can watch and stop it. Nothing of a file is
ever executed."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import CutawayError
from engine.events import Progress
from engine.launch.kept_tokenizer import keep_tokenizer, tokenizer_place
from engine.store.artifact import MANIFEST
from engine.store.files import explain_os_error, read_json
from engine.store.workspace import Workspace

if TYPE_CHECKING:
    from engine.tokenizer.tokenizer import Tokenizer

_NAMES = ("tokenizer.json", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model")
_SUFFIXES = (".tiktoken", ".model", ".spm")
_MAX_BYTES = 512 * 2**20

Work = Generator[Progress, None, "Tokenizer"]


@dataclass(frozen=True)
class Opened:
    """folder: below the workspace's tokenizers/, which `load_tokenizer` takes. reused: it was there already.
    sha256: of the file."""

    folder: Path
    name: str
    kind: str
    vocab_size: int
    sha256: str
    reused: bool = False


def open_tokenizer(
    workspace: Workspace, source: str, name: str = "", expected_sha256: str = "", encoding: str = ""
) -> Iterator[Progress | Opened]:
    """source: a file, or a folder with one. expected_sha256: what the file's hash has to be, in hex; "" for anything.
    encoding: of a rank file that is not known by its hash: a name such as "cl100k_base", which tells how text is cut.

    Tells how far it is and ends with Opened. Raises CutawayError for what cannot be read, and for another hash.
    """
    path = _file(Path(source).expanduser())
    yield Progress(done=0, total=3, unit="steps", message="Reading")
    data = _read(path)
    found = hashlib.sha256(data).hexdigest()
    if expected_sha256 and found != expected_sha256.strip().lower():
        raise _unusable(
            path, f"Its hash is {found[:16]}..., and {expected_sha256[:16]}... was expected", "Get it again."
        )
    name = name or (path.parent.resolve().name if path.name in _NAMES else path.name.removesuffix(path.suffix))
    try:
        tokenizer = yield from _build(path, data, encoding)
    except ValueError as error:
        raise _unusable(path, str(error), "Choose another file, or get it again.") from error
    yield Progress(done=2, total=3, unit="steps", message="Writing")
    reused = (tokenizer_place(workspace, tokenizer, name) / MANIFEST).is_file()
    folder = keep_tokenizer(workspace, tokenizer, name, path.name, "unknown")
    yield Opened(folder, name, tokenizer.kind, tokenizer.vocab_size, found, reused)


def describe(opened: Opened) -> dict[str, Any]:
    """For one line of JSON."""
    facts = {"folder": str(opened.folder), "name": opened.name, "reused": opened.reused}
    return {**facts, "tokenizer": opened.kind, "vocab_size": opened.vocab_size, "sha256": opened.sha256}


def is_tokenizer(path: Path) -> bool:
    """Whether somebody who names this file or folder means a tokenizer, and no model."""
    if path.is_file():
        return path.name in _NAMES or path.suffix.lower() in _SUFFIXES
    return path.is_dir() and not (path / "config.json").is_file() and _within(path) is not None


def _within(folder: Path) -> Path | None:
    there = [folder / name for name in _NAMES if (folder / name).is_file()]
    return next(iter([*there, *sorted(folder.glob("*.tiktoken"))]), None)


def _file(path: Path) -> Path:
    found = _within(path) if path.is_dir() else path
    if found is None or not found.is_file():
        raise CutawayError(
            f"There is no tokenizer {path}.",
            "It is no file, and no folder with a tokenizer.json, tokenizer.model or *.tiktoken.",
            "Choose the file of a tokenizer.",
        )
    return found


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise _unusable(path, f"It is larger than {_MAX_BYTES // 2**20} MB", "Choose the file of a tokenizer.")
        return path.read_bytes()
    except OSError as error:
        raise explain_os_error(error, path) from error


def _build(path: Path, data: bytes, encoding: str) -> Work:
    if path.suffix.lower() == ".tiktoken":
        return (yield from _from_ranks(data, encoding))
    if path.suffix.lower() == ".json" or data.startswith(b"{"):
        return (yield from _from_json(path, data))
    from engine.formats.sentencepiece import as_json, read_model

    model = read_model(data)
    ends = (model.eos_id,) if 0 <= model.eos_id < len(model.pieces) else ()
    return (yield from _imported(as_json(model), ends, len(model.pieces)))


def _from_json(path: Path, data: bytes) -> Work:
    from engine.formats.foreign_tokenizer import read_tokenizer
    from engine.tokenizer.file_check import check, parse
    from engine.tokenizer.kinds import bpe, unigram
    from engine.tokenizer.tokenizer import load_tokenizer

    if (path.parent / "identity.json").is_file():
        return load_tokenizer(path.parent)
    try:
        content = parse(data.decode())
    except UnicodeDecodeError as error:
        raise ValueError("It is no text in UTF-8") from error
    size = check(content)
    why = yield from _trying(content)
    if why:
        raise ValueError(why)
    for kind in (bpe, unigram):  # what Cutaway wrote for transformers is one of ours again
        try:
            own: Tokenizer = kind.load(content)
            return own
        except ValueError:
            continue
    beside = path.parent / "generation_config.json"
    settings = read_json(beside) if beside.is_file() else {}
    known = path.name == "tokenizer.json"
    ends = read_tokenizer(path.parent, size, settings if isinstance(settings, dict) else {}).end_ids if known else ()
    return (yield from _imported(content, tuple(end for end in ends if end < size), size, tried=True))


def _from_ranks(data: bytes, encoding: str) -> Work:
    from engine.tokenizer.rank_file import ENCODINGS, Encoding, as_json, read_ranks

    sha256 = hashlib.sha256(data).hexdigest()
    known = next((one for one in ENCODINGS.values() if one.sha256 == sha256), None)
    if known is None and encoding not in ENCODINGS:
        names = ", ".join(ENCODINGS)
        raise ValueError(f"Its hash is that of no rank file that is known, so its encoding has to be named: {names}")
    ranks = read_ranks(data)
    found = known or ENCODINGS[encoding]
    if known is None:  # the ids behind the ranks are those of another file
        found = Encoding(found.pattern, {"<|endoftext|>": max(ranks.values()) + 1})
    content: dict[str, Any] = {}
    for item in as_json(ranks, found):
        if isinstance(item, int):
            yield Progress(done=item, total=len(ranks), unit="tokens", message="Reading")
        else:
            content = item
    return (yield from _imported(content, (), max(*ranks.values(), *found.special.values()) + 1, tried=True))


def _imported(content: dict[str, Any], ends: tuple[int, ...], size: int, *, tried: bool = False) -> Work:
    from engine.tokenizer.kinds.bpe import special_json
    from engine.tokenizer.kinds.imported import ImportedTokenizer
    from engine.tokenizer.known_ends import likely_end
    from engine.tokenizer.tokenizer import END

    if not tried and (why := (yield from _trying(content))):
        raise ValueError(why)
    yield Progress(done=1, total=3, unit="steps", message="Opening")
    if not ends:
        named = {token["content"]: token["id"] for token in content.get("added_tokens") or [] if token.get("special")}
        end = likely_end(named)
        if end is None:  # a text has to end somehow
            content = {**content, "added_tokens": [*(content.get("added_tokens") or []), special_json(END, size)]}
            if isinstance(vocabulary := content["model"].get("vocab"), dict):
                content["model"] = {**content["model"], "vocab": {**vocabulary, END: size}}
            named, end, size = {END: size}, END, size + 1
        ends = (named[end],)
    return ImportedTokenizer(content, ends, size)


def _trying(content: dict[str, Any]) -> Generator[Progress, None, str]:
    """What is wrong with it, or ""; told as progress, since it may take seconds."""
    from engine.tokenizer.trial import try_out

    work = try_out(content)
    while True:
        try:
            next(work)
        except StopIteration as end:
            return str(end.value)
        yield Progress(done=1, total=3, unit="steps", message="Trying it")


def _unusable(path: Path, why: str, remedy: str) -> CutawayError:
    return CutawayError(f"The tokenizer {path.name} cannot be used.", f"{why.rstrip('.')}.", remedy)
