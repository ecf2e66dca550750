"""How long things move, and whether they move at all."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

HOVER, PANEL = 120, 200
_PROPERTY = "reduce_motion"


def set_reduced(reduced: bool) -> None:
    """Holds for the whole application; widgets ask again whenever they start to move."""
    application = QCoreApplication.instance()
    if application is not None:
        application.setProperty(_PROPERTY, reduced)


def is_reduced() -> bool:
    application = QCoreApplication.instance()
    return bool(application is not None and application.property(_PROPERTY))


def duration(milliseconds: int) -> int:
    """The time that an animation may take: nothing when motion is reduced."""
    return 0 if is_reduced() else milliseconds
