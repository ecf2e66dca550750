"""llama.cpp on a GGUF file, in a process of its own, so that no other library's threads wait on its cores.

python -m tests.benchmarks.generation_llama FILE TOKENS THREADS PROMPT_ID ...    prints one line of JSON
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np


def main() -> None:
    try:
        import llama_cpp
    except ImportError:
        print(json.dumps({"installed": False}))
        return
    path, count, threads, *prompt = sys.argv[1:]
    tokens, ids = int(count), [int(part) for part in prompt]
    model = llama_cpp.Llama(path, n_ctx=512, n_threads=int(threads), n_threads_batch=int(threads), verbose=False)
    best, written = float("inf"), []
    for _ in range(3):
        model.reset()
        model.eval(ids)
        written, began = [], 0.0
        for step in range(tokens):
            logits = np.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(model.ctx, -1), (model.n_vocab(),))
            written.append(int(logits.argmax()))
            if step == 0:
                began = time.perf_counter()
            model.eval(written[-1:])
        best = min(best, (time.perf_counter() - began) / tokens)
    print(json.dumps({"installed": True, "seconds": best, "tokens": written}))


if __name__ == "__main__":
    main()
