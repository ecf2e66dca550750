"""What the window knows of a page.

A page is a module, or a package, in `app/pages/` with the constants TITLE, ICON, ORDER, STAGES and SHORTCUT and
`build(desk) -> PageWidget`. The module itself imports nothing heavy: that happens in `build`, when the page is
first opened.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtWidgets import QWidget


class PageWidget(QWidget):
    """The body of a page (below the header, left of the inspector).

    The window calls `shown` and `hidden` when the page comes into view and leaves it: a hidden page keeps its
    state up to date cheaply but does not repaint. `open` receives the argument of a navigation.
    """

    def header_title(self) -> str:
        """Text of the header, 20 px; the module's TITLE unless a page has a better one."""
        return ""

    def header_left(self) -> Sequence[QWidget]:
        """Widgets beside the title: the choice of a run, a tag. Asked for once."""
        return ()

    def header_right(self) -> Sequence[QWidget]:
        """Widgets at the right end of the header: the page's actions, at most one of them filled."""
        return ()

    def shown(self) -> None:
        """The page came into view."""

    def hidden(self) -> None:
        """The page left the view."""

    def open(self, argument: Any) -> None:
        """A navigation brought something to show, for example the folder of a run."""
