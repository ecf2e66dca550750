"""From raw text to a model that knows its world: time, memory, and how much it knows, beside what guessing gives.

python -m tests.benchmarks.first_words [--quick]
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil

from tests.benchmarks.report import Report, arguments

QUICK = ["world.people=40", "world.documents=1500", "pretrain.steps=120"]


def run(command: list[str], workspace: Path) -> tuple[dict[str, Any], float, int]:
    """The JSON line of a command, its seconds, and the peak resident bytes of it and its children."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "engine", *command, "--workspace", str(workspace)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    peak = [0]
    watcher = threading.Thread(target=watch, args=(process.pid, peak))
    watcher.start()
    out, _ = process.communicate()
    watcher.join()
    if process.returncode:
        raise SystemExit(f"{command} ended with {process.returncode}")
    return json.loads(out.strip().splitlines()[-1]), time.perf_counter() - began, peak[0]


def watch(pid: int, peak: list[int]) -> None:
    try:
        main = psutil.Process(pid)
        while main.is_running() and main.status() != psutil.STATUS_ZOMBIE:
            total = sum(p.memory_info().rss for p in (main, *main.children(recursive=True)))
            peak[0] = max(peak[0], total)
            time.sleep(0.1)
    except psutil.NoSuchProcess:
        return


def guessing(world: dict[str, Any]) -> float:
    """How often the most frequent value of every attribute is right: what a model knows that knows no one."""
    right = asked = 0
    for attribute in world["attributes"]:
        values = Counter(person["facts"][attribute] for person in world["people"])
        right += values.most_common(1)[0][1]
        asked += len(world["people"])
    return right / asked


def main() -> None:
    options = arguments(__doc__ or "")
    report = Report("first_words")
    with tempfile.TemporaryDirectory() as folder:
        workspace = Path(folder)
        changes = [part for change in (QUICK if options.quick else []) for part in ("--set", change)]
        told, seconds, peak = run(["run", "first-words", *changes], workspace)
        print(json.dumps(told), file=sys.stderr)
        recall, asking, _ = run(["recall", "latest", "--json"], workspace)
        world = json.loads(next(workspace.glob("corpora/*/world.json")).read_text(encoding="utf-8"))
        goal = not options.quick
        report.add("raw text to playground", seconds, "s", "<= 360" if goal else "")
        report.add("true attributes named, greedy", recall["share"], "share", ">= 0.9" if goal else "")
        report.add("baseline: the most frequent value", guessing(world), "share")
        report.add("sentences asked", recall["asked"], "sentences")
        for attribute, counts in recall["by_attribute"].items():
            report.add(f"true: {attribute}", counts["share"], "share")
        report.add("peak memory of the run", peak / 1e9, "GB", "<= 1.5")
        report.add("asking", asking, "s")
    report.end()


if __name__ == "__main__":
    main()
