"""`cutaway chat latest`: a conversation with a model, on the terminal."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from engine.commands._output import note, note_error, say, say_json
from engine.commands._places import RUN_HELP, add_machine, add_workspace, find_run
from engine.commands._sampling import add_sampling, sampling_of
from engine.corpus.conversation import Message
from engine.errors import CutawayError
from engine.generation.loaded import WEIGHTS

if TYPE_CHECKING:
    from engine.generation.loaded import LoadedModel
    from engine.generation.sampling import SamplingConfig

HELP = "talk with a model that was tuned on conversations"
_ASK = "\nyou> "
_KEYS = "/new begins anew, /quit ends; Ctrl+C stops an answer."


def configure(parser: ArgumentParser) -> None:
    parser.add_argument("run", help=RUN_HELP)
    parser.add_argument("--system", default="", metavar="TEXT", help="what the model is told before everything")
    parser.add_argument("--once", metavar="QUESTION", help="ask this, write the answer and end")
    parser.add_argument("--max-tokens", type=int, default=256, metavar="N", help="of one answer (default: 256)")
    add_sampling(parser)
    parser.add_argument(
        "--checkpoint", metavar="NAME", help="for example step-000500 (default: the best, or the newest that is whole)"
    )
    parser.add_argument(
        "--weights",
        choices=WEIGHTS,
        default="float32",
        help="on a processor bfloat16 writes about twice as fast and int8 three times (default: float32)",
    )
    parser.add_argument("--json", action="store_true", help="with --once: one line of JSON with the answer")
    add_workspace(parser)
    add_machine(parser)


def run(arguments: Namespace) -> int:
    sampling = sampling_of(arguments)
    if arguments.json and arguments.once is None:
        raise CutawayError(
            "A conversation is not written as JSON.", "--json belongs to --once.", "Ask one question with --once."
        )
    workspace, folder = find_run(arguments, with_model=True)
    from engine.device import set_threads
    from engine.generation.loaded import load_model
    from engine.tokenizer.chat_template import template_of

    set_threads(arguments.threads)
    loaded = load_model(workspace, folder, arguments.checkpoint, arguments.device, arguments.weights)
    template_of(loaded.tokenizer, loaded.chat_template)  # a model without one is told before anything is asked
    if loaded.note:
        note(loaded.note)
    opening = [Message("system", arguments.system)] if arguments.system else []
    if arguments.once is not None:
        talk = [*opening, Message("user", arguments.once)]
        text, finish, tokens = _answer(loaded, talk, sampling, arguments.max_tokens, told=not arguments.json)
        if arguments.json:
            facts = {"model": loaded.label, "step": loaded.step, "sampling": sampling.model_dump()}
            say_json({**facts, "question": arguments.once, "text": text, "finish": finish, "tokens": tokens})
        return 0
    _converse(loaded, opening, sampling, arguments.max_tokens)
    return 0


def _converse(loaded: LoadedModel, opening: list[Message], sampling: SamplingConfig, max_tokens: int) -> None:
    """Until /quit, or until nothing is typed any more."""
    note(f"{loaded.label}. {_KEYS}")
    talk = list(opening)
    for line in _lines():
        if line == "/quit":
            return
        if line == "/new":
            talk = list(opening)
            note("A new conversation.")
            continue
        talk.append(Message("user", line))
        # So that asking again gives another answer, and the whole conversation again gives the same.
        settings = sampling.model_copy(update={"seed": sampling.seed + len(talk)})
        try:
            text, finish, _ = _answer(loaded, talk, settings, max_tokens, told=True)
        except CutawayError as error:
            note_error(error)
            talk.pop()
            continue
        if finish == "length":
            note(f"The answer was cut off after {max_tokens:,} tokens, or where the model's view was full.")
        talk.append(Message("assistant", text))


def _lines() -> Iterator[str]:
    """What is typed, line by line; empty lines are passed over. Ctrl+C at the prompt ends as Ctrl+D does."""
    while True:
        if sys.stdin.isatty():
            say(_ASK, end="")
        try:
            line = sys.stdin.readline()
        except KeyboardInterrupt:
            line = ""
        if not line:
            say("")
            return
        if line.strip():
            yield line.strip()


def _answer(
    loaded: LoadedModel, talk: list[Message], sampling: SamplingConfig, max_tokens: int, *, told: bool
) -> tuple[str, str, int]:
    """Text, why it ended, and how many tokens it took. told: written out as it comes, and Ctrl+C then only stops it."""
    from engine.generation.chat import chat

    texts: list[str] = []
    finish, notes = "stopped", dict[str, Any]()
    try:
        for token in chat(loaded, talk, sampling, max_tokens):
            texts.append(token.text)
            notes[token.note] = None
            finish = token.finish
            if told:
                say(token.text, end="")
    except KeyboardInterrupt:
        if not told:
            raise
        finish = "stopped"
    if told:
        say("")
    for sentence in filter(None, notes):
        note(sentence)
    return "".join(texts), finish, len(texts)
