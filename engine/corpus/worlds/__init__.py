"""Invented worlds: people, what is true of them, and the documents that tell it."""

from engine.corpus.worlds.telling import tell_world
from engine.corpus.worlds.world import World, build_world

__all__ = ["World", "build_world", "tell_world"]
