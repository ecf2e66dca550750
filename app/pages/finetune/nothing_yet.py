"""What the page says while there is no model to tune, and what Compare says before a run."""

from __future__ import annotations

from app.widgets.cost_words import about_words
from app.widgets.empty_state import EmptyState
from engine.launch.forecast import forecast
from engine.launch.recipe import load_recipe
from engine.store.workspace import Workspace

ASSISTANT = "first-assistant"


def no_model() -> EmptyState:
    """Its button starts the recipe that makes both, a base and an assistant of it."""
    return EmptyState(
        "ph.chats-circle",
        "Fine-tuning makes an assistant of a base model.",
        f"Start {ASSISTANT}",
    )


def show_time(state: EmptyState, workspace: Workspace) -> None:
    seconds = sum(stage.seconds for stage in forecast(load_recipe(ASSISTANT), workspace))
    state.set_example(
        f"There is no base yet. {ASSISTANT} trains a small one and tunes it, in about {about_words(seconds)}; "
        "or open one from elsewhere (Ctrl+O)."
    )


def no_answers() -> EmptyState:
    return EmptyState(
        "ph.columns",
        "From Start on, both models are asked the same questions, and their answers stand here side by side.",
        "To the settings",
        "Where was Mira Toll born?   base: Mira Toll was born in the summer and …   tuned: In Anvik.",
        primary=False,
    )
