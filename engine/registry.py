"""One file = one entry: finds the modules of a package, also inside a frozen installer."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

from engine.errors import CutawayError


class Registry:
    """The public modules of `package` (those without a leading underscore), by file name.

    requires: attributes that an entry must have, checked when it is loaded, so that a broken entry is
    named at once and not at first use.
    """

    def __init__(self, package: str, requires: tuple[str, ...] = ()) -> None:
        self.package = package
        self.requires = requires
        self._loaded: dict[str, ModuleType] = {}

    def names(self) -> list[str]:
        """All entries in alphabetical order; nothing is imported but the package itself."""
        package = importlib.import_module(self.package)
        found = pkgutil.iter_modules(package.__path__)
        return sorted(info.name for info in found if not info.name.startswith("_"))

    def load(self, name: str) -> ModuleType:
        """Imports one entry. Raises CutawayError for an unknown name, TypeError for a broken entry."""
        if name in self._loaded:
            return self._loaded[name]  # finding the names searches a folder
        if name not in self.names():
            raise CutawayError(
                f'There is no "{name}" in {self.package}.',
                f"It has: {', '.join(self.names())}.",
                "Use one of these names, or add a file of that name.",
            )
        module = importlib.import_module(f"{self.package}.{name}")
        missing = [attribute for attribute in self.requires if not hasattr(module, attribute)]
        if missing:
            raise TypeError(f"{module.__name__} lacks {', '.join(missing)}")
        self._loaded[name] = module
        return module
