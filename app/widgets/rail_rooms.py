"""What the rail shows of a page, and how far the work of its stages is."""

from __future__ import annotations

from types import ModuleType

from app.widgets.rail import Room
from app.widgets.status_bar_run import LiveRun
from engine.events import RunState

# From Data to Playground: the stages of the craft. Home stands before them, Runs and Settings behind.
ROAD = range(11, 110)


def room(name: str, module: ModuleType) -> Room:
    return Room(name, module.TITLE, module.ICON, module.SHORTCUT, module.ORDER in ROAD)


def mark_of(module: ModuleType, live: LiveRun) -> str:
    """One of rail.MARKS for a page, from the stages that it drives. A page that drives none, such as Playground, is
    done as soon as the run has a model that it can open."""
    states = [live.stage_state(stage) for stage in module.STAGES]
    states = [state for state in states if state is not RunState.WAITING]
    if not module.STAGES:
        return "done" if live.has_model else "none"
    if any(not state.is_final and state is not RunState.PAUSED for state in states):
        return "running"
    if RunState.PAUSED in states:
        return "paused"
    if RunState.FAILED in states or RunState.DIED in states:
        return "failed"
    return "done" if states and set(states) <= {RunState.DONE, RunState.STOPPED} else "none"
