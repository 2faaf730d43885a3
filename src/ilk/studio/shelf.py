"""The models that the server offers, by name. No request can name any other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import ilk
from ilk.models import Model
from ilk.models.storage import card, shipped

__all__ = ["Shelf"]


class Shelf(Mapping[str, Model]):
    """Models by the names of their directories, those that ship with the package too.

    Arguments:
        names: Shipped names or directories; the first is the one that the page begins with.
        device: Where they run.

    Raises:
        FileNotFoundError: If there is no such model.
        ValueError: If one takes labels, or two have one name.
    """

    def __init__(self, names: Sequence[str] = (), device: str = "cpu") -> None:
        self._models: dict[str, Model] = {}
        self.about: dict[str, str] = {}
        for name in names:
            self._add(name, device)
        for name in shipped():
            if name not in self._models:
                self._add(name, device, optional=True)

    def _add(self, name: str, device: str, optional: bool = False) -> None:
        known = (
            name if name in shipped() and not Path(name).is_dir() else Path(name).resolve().name
        )
        if known in self._models:
            raise ValueError(f"MODEL: two models are called {known!r}; rename a directory")
        model = ilk.load(name, device)
        if model.conditioning == "label":
            if optional:
                return
            raise ValueError(
                f"MODEL: {name!r} takes labels, not a support set; use it from Python"
            )
        self._models[known] = model
        self.about[known] = str((card(name) or {}).get("about", ""))

    def __getitem__(self, name: str) -> Model:
        return self._models[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._models)

    def __len__(self) -> int:
        return len(self._models)
