"""`python -m engine.launch._rank SHARE`: one of the processes that `_agent` starts for one stage."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import NoReturn

from engine.control import Control
from engine.events import RunState
from engine.launch.following import START_AGAIN, end_with_starter, follow, leave
from engine.launch.local import RecipeRun, Worker
from engine.launch.torchrun import Share, is_follower
from engine.store.workspace import Workspace


def main(share: Share) -> NoReturn:
    """The first process drives the stage. It ends with 0 once the run folder says how the stage ended."""
    if is_follower():
        follow()
    run = RecipeRun.open(Workspace(Path(share.workspace)), Path(share.run))
    control = Control(run.control_folder)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_starter(control)
    from engine.training.distributed import Group

    group = Group()
    asked: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: asked.append(number))
    worker = Worker(run, control, share.device, share.threads, share.seed, group=group)
    for _ in worker.work_on(share.index):
        if asked and not control.stopping:
            control.stop()
    state = run.stage_folder(share.index).status().state
    if state is not RunState.STARTING:
        group.close()
    leave(0 if state.is_final else START_AGAIN)


if __name__ == "__main__":
    main(Share(**json.loads(sys.argv[1])))
