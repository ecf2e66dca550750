"""From raw text to an assistant: time, memory, what it answers about people it was never asked about, what it forgot.

Everything is made anew in a fresh workspace: the seed changes the world, the base model's training, whom the
conversations are about and the fine-tuning. The finished model and the base it came from are then loaded from the run
and asked every held-out question. An answer is exact when all of it is one of the right ones (engine/evaluation/
exact_match.py). The baseline is the base model with the question as a text, and is judged more kindly: the value has
to stand in its first sentence.

python -m tests.benchmarks.first_assistant [--quick] [--seeds 1 2 3]
"""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from engine.corpus.conversation import Conversation
from engine.corpus.conversations.stored import read_stored
from engine.device import set_threads
from engine.evaluation.exact_match import Answer, ask
from engine.events import TuningCheck
from engine.generation.batch import generate_batch
from engine.generation.loaded import LoadedModel, load_model
from engine.generation.sampling import SamplingConfig
from engine.launch.forecast import read_forecast
from engine.store.run_folder import RunFolder
from engine.store.workspace import open_workspace
from engine.tokenizer.chat_template import template_of
from tests.benchmarks.first_words import run
from tests.benchmarks.report import Report

QUICK = ("world.people=40", "world.documents=1500", "pretrain.steps=120", "sft.epochs=1")
GREEDY = SamplingConfig(temperature=0.0)
LONGEST = 48  # tokens of an answer


def last(work: Iterable[Any]) -> Any:
    *_, result = work
    return result


def value_of(question: Conversation, world: dict[str, Any]) -> str:
    """What is asked for: the fact that every right answer names, of the person in the question."""
    asked, accepted = question.messages[-2].content, [text.lower() for text in question.accept]
    person = max((p for p in world["people"] if p["name"] in asked), key=lambda p: len(p["name"]))
    return next(v for v in map(str, person["facts"].values()) if all(v.lower() in text for text in accepted))


def base_knows(base: LoadedModel, questions: Sequence[Conversation], world: dict[str, Any]) -> list[bool]:
    """Whether the value stands in the first sentence of what the base writes behind the question, with and without
    capitals alike."""
    prompts = [question.messages[-2].content for question in questions]
    written = last(generate_batch(base, prompts, GREEDY, LONGEST))
    sentences = [re.split(r"(?<=[.!?])\s", completion.text.strip(), maxsplit=1)[0] for completion in written]
    return [
        re.search(rf"\b{re.escape(value_of(question, world))}\b", sentence, re.IGNORECASE) is not None
        for question, sentence in zip(questions, sentences, strict=True)
    ]


def attribute_of(question: Conversation, world: dict[str, Any]) -> str:
    value = value_of(question, world)
    return next(name for p in world["people"] for name, fact in p["facts"].items() if str(fact) == value)


def mean(values: Iterable[bool]) -> float:
    found = list(values)
    return sum(found) / len(found) if found else math.nan


def one_seed(report: Report, seed: int, quick: bool) -> None:
    changes = [f"world.seed={seed}", f"conversations.seed={seed}", *(QUICK if quick else ())]
    settings = [part for change in changes for part in ("--set", change)]
    with tempfile.TemporaryDirectory() as folder:
        told, seconds, peak = run(["run", "first-assistant", "--seed", str(seed), *settings], Path(folder))
        print(json.dumps(told), file=sys.stderr)
        report_run(report, f"seed {seed}: ", told, seconds, peak, quick)
        report_answers(report, f"seed {seed}: ", Path(folder), Path(told["run"]), quick)


def report_run(report: Report, name: str, told: dict[str, Any], seconds: float, peak: int, quick: bool) -> None:
    """From the run's own folder: seconds of every stage, and what fine-tuning said of itself."""
    report.add(f"{name}raw text to assistant", seconds, "s", "" if quick else "<= 600")
    said = {stage.stage: stage for stage in read_forecast(Path(told["run"]))}
    for stage in told["stages"]:
        report.add(f"{name}{stage['stage']}", stage["seconds"], "s")
        if stage["stage"] in ("pretrain", "sft"):
            report.add(f"{name}{stage['stage']}, said before Start", said[stage["stage"]].seconds, "s")
    report.add(f"{name}peak memory of the run", peak / 1e9, "GB")
    report.add(f"{name}sft, memory said before Start", said["sft"].memory_bytes / 1e9, "GB")
    stage = RunFolder(Path(told["run"]) / f"{len(told['stages'])}-sft")
    looks = [event for event in stage.all_events() if isinstance(event, TuningCheck)]
    first, best = looks[0], [look for look in looks if look.best][-1]
    report.add(f"{name}best look at step", best.step, "steps")
    report.add(f"{name}last step", looks[-1].step, "steps")
    report.add(f"{name}loss on held-out answers, before", first.loss, "nats/token")
    report.add(f"{name}loss on held-out answers, after", best.loss, "nats/token")
    report.add(f"{name}loss on pretraining text, before", first.pretraining_loss, "nats/token")
    report.add(f"{name}loss on pretraining text, after", best.pretraining_loss, "nats/token")


def report_answers(report: Report, name: str, root: Path, made: Path, quick: bool) -> None:
    workspace = open_workspace(root)
    questions = read_stored(next(workspace.root.glob("conversations/*/manifest.json")).parent, "held_out")
    world = json.loads(next(root.glob("corpora/*/world.json")).read_text(encoding="utf-8"))
    tuned = load_model(workspace, made, device="cpu")
    began = time.perf_counter()
    answers: list[Answer] = last(ask(tuned, template_of(tuned.tokenizer, tuned.chat_template), questions, LONGEST))
    report.add(f"{name}questions asked", len(questions), "questions")
    report.add(f"{name}asking all of them", time.perf_counter() - began, "s")
    goal, certain = ("", "") if quick else (">= 0.9", ">= 0.99")
    report.add(f"{name}exact", mean(answer.right for answer in answers), "share", goal)
    report.add(f"{name}stopped by itself", mean(answer.stopped for answer in answers), "share", certain)
    right, asked = Counter[str](), Counter[str]()
    for question, answer in zip(questions, answers, strict=True):
        attribute = attribute_of(question, world)
        asked[attribute] += 1
        right[attribute] += answer.right
    for attribute, count in asked.items():
        report.add(f"{name}exact: {attribute}", right[attribute] / count, "share")
    stage = next(path for path in made.iterdir() if path.name.endswith("-pretrain"))
    base = load_model(workspace, stage, device="cpu")
    report.add(f"{name}baseline: the base, value named", mean(base_knows(base, questions, world)), "share")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a smaller version within two minutes")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1], help="of world and training alike (default: 1)")
    options = parser.parse_args()
    report = Report("first_assistant")
    set_threads(0)
    for seed in options.seeds:
        one_seed(report, seed, options.quick)
    report.end()


if __name__ == "__main__":
    main()
