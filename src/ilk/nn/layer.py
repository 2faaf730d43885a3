"""What a layer of a backbone is: two stacks, two faces."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

__all__ = ["PixelLayer", "gates_of", "short", "shortcuts"]


class PixelLayer(nn.Module, ABC):
    """A causal layer of a vertical stack v and a horizontal stack h, in two faces.

    At pixel (i, j), v has seen the rows above i, and h besides these the pixels left of j. A
    summary of the context may enter both. A read, one vector a pixel, may have seen all earlier
    pixels and enters h alone. A layer with `short` set also takes in, last of all its arguments,
    the stacks of an earlier one.
    """

    @abstractmethod
    def forward(
        self, v: Tensor, h: Tensor, summary: Tensor | None = None, read: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Maps stacks `(B, features, H, W)`, given `(B, summary)` and `(B, read, H, W)`."""

    @abstractmethod
    def start(self, batch: int, size: tuple[int, int], summary: Tensor | None = None) -> Any:
        """The state before the first row of images of a size `(H, W)`."""

    @abstractmethod
    def row(self, v: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Begins the next row: maps its vertical stack `(B, features, W)`."""

    @abstractmethod
    def step(self, h: Tensor, state: Any, read: Tensor | None = None) -> tuple[Tensor, Any]:
        """Maps the next pixel of the row, `(B, features)`, given its read `(B, read)`."""


def gates_of(told: nn.Linear | None, summary: Tensor | None) -> tuple[Tensor, Tensor] | None:
    """What a summary `(B, F)` adds to the gates of either stack, `(B, 2 features)` each.

    Arguments:
        told: A layer's map of summaries, `(B, 4 features)`, if it has one.
        summary: Of the context, if there is one.
    """
    if told is None or summary is None:
        return None
    vertical, horizontal = told(summary).tensor_split(2, dim=-1)
    return vertical, horizontal


def shortcuts(layers: Sequence[PixelLayer]) -> dict[int, int]:
    """Which layer takes in the stacks of which earlier one: the last those of the first, and on.

    Example:
        >>> from ilk.nn import Half, ResidualLayer
        >>> down, up = [ResidualLayer(4)] * 2, [ResidualLayer(4, short=True)] * 2
        >>> shortcuts([*down, *up]), shortcuts([*down, Half(4, down), *up])
        ({2: 1, 3: 0}, {3: 1, 4: 0})
    """
    takes = [i for i, layer in enumerate(layers) if getattr(layer, "short", None) is not None]
    return {i: len(layers) - 1 - i for i in takes}


def short(sources: Mapping[int, int], layer: int, outputs: Sequence[Any]) -> tuple[Any, ...]:
    """The last argument of a layer, if it takes one: what the layer that is its source gave."""
    return (outputs[sources[layer]],) if layer in sources else ()
