"""What a layer of a backbone is: two stacks, two faces."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor, nn

__all__ = ["PixelLayer"]


class PixelLayer(nn.Module, ABC):
    """A causal layer of a vertical stack v and a horizontal stack h, in two faces.

    At pixel (i, j), v has seen the rows above i, and h besides these the pixels left of j. A
    summary of the context may enter both. A read, one vector a pixel, may have seen all earlier
    pixels and enters h alone.
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
