"""Stop strings in a text that arrives in pieces."""

from __future__ import annotations

from collections.abc import Sequence


class StopStrings:
    """Lets text through as soon as it can no longer belong to a stop string. found: one is complete."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = [stop for stop in stops if stop]
        self._held = ""
        self.found = False

    def feed(self, text: str) -> str:
        """What is certain now; once a stop string is complete, what stood before it, and nothing after."""
        if self.found:
            return ""
        self._held += text
        places = [place for place in (self._held.find(stop) for stop in self._stops) if place >= 0]
        if places:
            self.found = True
            return self._release(min(places))
        return self._release(len(self._held) - self._begun())

    def flush(self) -> str:
        """At the end: what was held back and became no stop string."""
        return "" if self.found else self._release(len(self._held))

    def _release(self, length: int) -> str:
        certain, self._held = self._held[:length], self._held[length:]
        return certain

    def _begun(self) -> int:
        """How many characters at the end could still become a stop string."""
        longest = max((len(stop) for stop in self._stops), default=1) - 1
        for length in range(min(longest, len(self._held)), 0, -1):
            ending = self._held[-length:]
            if any(stop.startswith(ending) for stop in self._stops):
                return length
        return 0
