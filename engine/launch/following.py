"""A process that torchrun started beside the first: it takes part in every stage that the first calls it to."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import psutil

from engine.control import Control
from engine.errors import CutawayError
from engine.launch.local import RecipeRun, Worker
from engine.launch.torchrun import Share
from engine.store.workspace import Workspace

if TYPE_CHECKING:
    from engine.training.distributed import Group

START_AGAIN = 75  # the exit code for "try again later" since sendmail
_LOOK_SECONDS = 0.5
_SAVING_SECONDS = 20.0


def follow() -> NoReturn:
    """Until the first has no more work, or is gone. Ends the process."""
    # A wish to stop reaches all through the first; what nobody may wait for ends at once.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_starter(None)
    from engine.training.distributed import Group, Over, is_lost

    group = Group()
    try:
        while True:
            _take_part(Share(**group.next_call()), group)
    except Over:
        pass
    except CutawayError as error:
        group.fail(error)
    except Exception as error:  # noqa: BLE001 the first process tells it; without it this one is only noticed missing
        if not is_lost(error):
            group.fail(_unexpected(error))
    leave(0)


def _take_part(share: Share, group: Group) -> None:
    run = RecipeRun.open(Workspace(Path(share.workspace)), Path(share.run))
    context = Worker(run, Control(), share.device, share.threads, share.seed).prepare(share.index)
    context.group = group
    spec = run.recipe.stages[share.index]
    spec.module.follow(spec.config, context)


def _unexpected(error: Exception) -> CutawayError:
    return CutawayError(
        "The stage ended with an error that it did not expect.",
        f"{type(error).__name__}: {error}",
        "Everything saved before is intact. Copy the details into a report, then try again.",
        "".join(traceback.format_exception(error)),
    )


def end_with_starter(control: Control | None) -> None:
    """A torchrun that is killed takes nobody along: whoever finds it gone stops, saves and ends."""
    starter = psutil.Process().parent()

    def watch() -> None:
        while starter is not None and starter.is_running() and starter.status() != psutil.STATUS_ZOMBIE:
            time.sleep(_LOOK_SECONDS)
        if control is not None:
            control.stop()
        time.sleep(_SAVING_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def leave(code: int) -> NoReturn:
    """Ends without torch's farewells, which wait for processes that may be gone."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
