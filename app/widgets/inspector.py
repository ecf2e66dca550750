"""The inspector: what is under the pointer, in three steps."""

from __future__ import annotations

from app.widgets.inspection import Inspection, Table

__all__ = ["Inspection", "Table"]
