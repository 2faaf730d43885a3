"""The models that the server offers, by name. No request can name any other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import ilk
from ilk.data.drawing import of_drawings
from ilk.models import Model
from ilk.models.storage import shipped

__all__ = ["Shelf"]


class Words(NamedTuple):
    """A model in words: its plain name, what it is for, what to show it and what comes of it."""

    title: str
    line: str
    show: str
    comes: str = "Watch more of the kind appear."


_DRAW = "Draw a few characters of one kind."
_OBJECTS = ("photographs", "Show it a few photographs of one kind.", "See which others belong.")
_SHIPPED = {
    "omniglot": Words("Characters", "drawings", _DRAW),
    "omniglot-45-5": Words(
        "Characters, published split", "drawings; for comparison with published figures", _DRAW
    ),
    "flips": Words(
        "Mirror images", "photographs", "Show it a photograph.", "Watch its mirror image appear."
    ),
    "products": Words("Objects", *_OBJECTS),
    "products-64": Words("Objects, larger", *_OBJECTS),
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
        line = "your own" if name in self._own else f"{name}: {self._words(name).line}"
        return f"{line}, {size}"

    def title(self, name: str) -> str:
        """A model's plain name."""
        return name if name in self._own else self._words(name).title

    def headline(self, name: str) -> tuple[str, str]:
        """What to show a model, and what comes of it."""
        words = self._words(name)
        return words.show, words.comes

    def _words(self, name: str) -> Words:
        if name not in self._own:
            return _SHIPPED[name]
        model = self[name]
        drawn = of_drawings(model.shape, model.levels)
        return Words(name, "your own", _DRAW if drawn else "Show it a few pictures of one kind.")

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
