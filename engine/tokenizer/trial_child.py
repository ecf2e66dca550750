"""The process that tries a stranger's tokenizer: `python -m engine.tokenizer.trial_child`.

stdin: the content of a tokenizer.json. stdout: {"error": ""} as JSON, or what is wrong with it in words. Whoever
started it ends it when it takes too long: an expression may look for a match for ever.
"""

from __future__ import annotations

import json
import sys

from tokenizers import Tokenizer

from engine.tokenizer.patterns import is_panic

# Runs of each kind of character, each with an end that a pattern for the run does not expect.
_RUNS = ("a", "A", "0", " ", "\n", "\t", "-", "=", "'", "ä", "日", "ab ", "a1", "a-", "a'", "\r\n", " \n", ". ", "x_")
_PROBES = [unit * (64 // len(unit)) + end for unit in _RUNS for end in ("", "!", "\x00", "a", "\n", "日")]
_LONG = [unit * (20_000 // len(unit)) + "\x00" for unit in _RUNS]


def main() -> int:
    try:
        error = _try(sys.stdin.buffer.read().decode())
    except BaseException as found:
        if not is_panic(found) and not isinstance(found, Exception):
            raise
        error = str(found)
    sys.stdout.write(json.dumps({"error": error}))
    return 0


def _try(data: str) -> str:
    tokenizer = Tokenizer.from_str(data)
    for text in (*_PROBES, *_LONG):
        tokenizer.encode(text, add_special_tokens=False)
    return ""


if __name__ == "__main__":
    sys.exit(main())
