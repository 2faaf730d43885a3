"""The models that the server offers, by name. No request can name any other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import ilk
from ilk.models import Model
from ilk.models.storage import shipped

__all__ = ["Shelf"]

# What the shipped ones are for.
_LINES = {
    "omniglot": "characters",
    "omniglot-45-5": "characters; for comparison with published figures",
    "flips": "photographs that are mirrored",
    "products": "photographs of products",
    "products-64": "photographs of products, larger",
}


class Shelf(Mapping[str, Model]):
    """Models by the names of their directories, and those shipped ones that a person can draw for.

    Nobody draws for a model of colour pictures: one that ships is there if it is named.

    Arguments:
        names: Shipped names or directories; the first is the one that the page begins with.
        device: Where they run.

    Raises:
        FileNotFoundError: If there is no such model.
        ValueError: If one takes labels, or two have one name.
    """

    def __init__(self, names: Sequence[str] = (), device: str = "cpu") -> None:
        self._models: dict[str, Model] = {}
        self._own: set[str] = set()
        for name in names:
            known = _known(name)
            if known in self._models:
                raise ValueError(f"MODEL: two models are called {known!r}; rename a directory")
            self._models[known] = ilk.load(name, device)
            if known != name or known not in shipped():
                self._own.add(known)
            if self._models[known].conditioning == "label":
                raise ValueError(
                    f"MODEL: {name!r} takes labels, not a support set; use it from Python"
                )
        for name in sorted(set(shipped()) - set(self._models)):
            model = ilk.load(name, device)
            if model.shape[0] == 1 and model.conditioning == "support":
                self._models[name] = model

    def about(self, name: str) -> str:
        """What a model is for, in a line."""
        channels, height, width = self[name].shape
        size = f"{height} x {width}{' in colour' if channels == 3 else ''}"
        line = "your own" if name in self._own else _LINES.get(name)
        return f"{line}, {size}" if line else size

    def __getitem__(self, name: str) -> Model:
        return self._models[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._models)

    def __len__(self) -> int:
        return len(self._models)


def _known(name: str) -> str:
    """What a model is called on the page."""
    own = (Path(name) / "config.json").is_file()
    return name if name in shipped() and not own else Path(name).resolve().name
