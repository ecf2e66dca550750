"""What may be wrong with a tokenizer.json of a stranger, before the library reads it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

_MOST_IDS = 8_000_000


def parse(text: str) -> dict[str, Any]:
    """The content of a tokenizer.json. ValueError, in words, for what is none, and for a key that is there twice."""
    try:
        data = json.loads(text, object_pairs_hook=_each_once)
    except RecursionError as error:
        raise ValueError("It is nested too deeply") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"It is no JSON: {error.msg} in line {error.lineno:,}") from error
    if not isinstance(data, dict) or not isinstance(data.get("model"), dict):
        raise ValueError("It has no model, as a tokenizer.json has")
    return data


def check(data: Mapping[str, Any]) -> int:
    """How many ids there are, the largest and one. Raises ValueError, in words, for ids that two tokens share, and for
    merges that are missing or join what is no token."""
    ids = _ids(data["model"].get("vocab"))
    added = data.get("added_tokens") or []
    if not isinstance(added, list) or not all(isinstance(token, dict) for token in added):
        raise ValueError("Its added tokens are no list")
    known = {number: token for token, number in ids.items()}
    for token in added:
        name, number = token.get("content"), token.get("id")
        if not isinstance(name, str) or type(number) is not int or number < 0:
            raise ValueError("An added token has no name or no id")
        if known.setdefault(number, name) != name:
            raise ValueError(f"Two tokens have the same id, {number}: {known[number]!r} and {name!r}")
    if max(known, default=-1) >= _MOST_IDS:
        raise ValueError(f"It has the id {max(known):,}, and at most {_MOST_IDS:,} are read")
    if data["model"].get("type", "BPE") == "BPE":
        _check_merges(data["model"], ids)
    return max(known, default=-1) + 1


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise ValueError(f"{twice[:60]!r} is there twice")
    return found


def _ids(vocabulary: Any) -> dict[str, int]:
    if isinstance(vocabulary, list):  # a Unigram model's pieces with their scores: the place is the id
        names = [one[0] if isinstance(one, list) and one else None for one in vocabulary]
        if not all(isinstance(name, str) for name in names) or len(set(names)) != len(names):
            raise ValueError("One of its pieces is no text, or is there twice")
        return {str(name): number for number, name in enumerate(names)}
    if not isinstance(vocabulary, dict) or not vocabulary:
        raise ValueError("Its vocabulary is missing")
    owners: dict[int, str] = {}
    for token, number in vocabulary.items():
        if type(number) is not int or number < 0:
            raise ValueError(f"The token {token[:60]!r} has no id")
        if owners.setdefault(number, token) != token:
            raise ValueError(f"Two tokens have the same id, {number}: {owners[number][:60]!r} and {token[:60]!r}")
    return vocabulary


def _check_merges(model: Mapping[str, Any], ids: Mapping[str, int]) -> None:
    merges = model.get("merges")
    if not isinstance(merges, list):
        raise ValueError("Its merges are missing")
    made = set()
    for merge in merges:
        pair = merge.split(" ", 1) if isinstance(merge, str) else merge
        if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(side, str) for side in pair):
            raise ValueError(f"{str(merge)[:60]!r} is no merge")
        joined = "".join(pair)
        if pair[0] not in ids or pair[1] not in ids or joined not in ids:
            raise ValueError(f"A merge joins {pair[0][:40]!r} and {pair[1][:40]!r}, which is no token")
        made.add(joined)
    long = [token for token in ids if len(token) > 1 and not (token.startswith("<") and token.endswith(">"))]
    if not model.get("ignore_merges") and len(long) > 2 * sum(token in made for token in long):
        raise ValueError(f"Its merges are missing: nothing makes most of its {len(long):,} longer tokens")
