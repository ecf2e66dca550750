"""What a train and validation gap means at this point of a run, in one sentence."""

from __future__ import annotations

import math

# Nats per token. What is smaller than this, a handful of other rows would change.
ALIKE = 0.03
_KNOWS = 0.15
_EARLY = 0.3
# The scale on which gaps are drawn: a small one must look small.
SCALE = (-0.1, 0.3)


def gap_words(gap: float, share: float, epochs: float) -> str:
    """gap: validation loss minus the loss on as many training rows of the same look, NaN before the first.
    share: how much of the run is done, 0 to 1. epochs: how often every token was read, NaN when not known."""
    if math.isnan(gap):
        return "Told at the first look at held-out text."
    if gap <= ALIKE:
        if gap < -ALIKE:
            return "No sign of learning by heart: the held-out rows are even a little easier than those it trains on."
        if share < _EARLY:
            return "As good on text that it never saw. It is early: a gap comes later, if it comes."
        return "It does as well on text that it never saw: it learns rules, not sentences."
    if epochs < 1:
        return "It has read nothing twice yet, so this is no learning by heart: the held-out rows are a little harder."
    if gap <= _KNOWS:
        return "It begins to know its text. More dropout or weight decay would hold it back."
    return "It learns its text by heart. It needs more text, more dropout or more weight decay."
