"""What the few-shot models share: a support set, checked and brought to a batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..nn import Context
from .base import Model

__all__ = ["FewShot"]


class FewShot(Model, ABC):
    r"""A model of :math:`p(x \mid s)`; it says in `encode` what it makes of support sets.

    Arguments:
        shape: Of an image, `(C, H, W)`.
        levels: Values of a pixel.
        shots: Most support images that it is meant for; it takes more.

    Raises:
        ValueError: If one of these is out of range.
    """

    conditioning = "support"

    def __init__(self, shape: Sequence[int], levels: int, shots: int) -> None:
        super().__init__(shape, levels)
        if shots < 0:
            raise ValueError(f"shots must be 0 or more, got {shots}")
        self.shots = shots

    @abstractmethod
    def encode(self, support: Tensor, mask: Tensor) -> Context:
        """What conditioning computes of support sets `(B, K, C, H, W)`; K may be zero.

        Arguments:
            support: Integer images, on the model's device.
            mask: Which of them are there, boolean `(B, K)`.
        """

    def context(
        self, support: Tensor | None = None, mask: Tensor | None = None, *, label: Any = None
    ) -> Context:
        if label is not None:
            return super().context(label=label)
        return self.encode(*self._batch(support, mask))

    def _batch(self, support: Tensor | None, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """A valid batch `(B, K, C, H, W)` and its mask, on the model's device."""
        device = self.device
        if support is None:
            if mask is not None:
                raise ValueError("mask: there is no support set for it to cover")
            support = torch.zeros(1, 0, *self.shape, dtype=torch.uint8)
        name = f"support must be integer images (K, {', '.join(map(str, self.shape))})"
        if not isinstance(support, Tensor):
            raise ValueError(f"{name} as a tensor, got {type(support).__name__}")
        dtype = support.dtype
        if dtype.is_floating_point or dtype.is_complex or dtype == torch.bool:
            raise ValueError(f"{name} in 0..{self.levels - 1}, got {dtype}")
        if support.dim() not in (4, 5) or tuple(support.shape[-3:]) != self.shape:
            raise ValueError(f"{name}, or a batch of such; got shape {tuple(support.shape)}")
        traced = torch.compiler.is_exporting()  # there are no values then
        if not traced and _outside(support, self.levels):
            got = f"{int(support.min())}..{int(support.max())}"
            raise ValueError(f"{name} in 0..{self.levels - 1}, got {got}")
        if support.dim() == 4:
            if mask is not None and mask.dim() == 1:
                mask = mask[None]
            support = support[None]
        if not support.shape[0]:
            raise ValueError(f"{name}, or a batch of such; got an empty batch")
        if mask is None:
            mask = torch.ones(support.shape[:2], dtype=torch.bool)
        if mask.dtype != torch.bool or mask.shape != support.shape[:2]:
            wanted, got = tuple(support.shape[:2]), tuple(mask.shape)
            raise ValueError(f"mask must be boolean {wanted}, got {mask.dtype} {got}")
        return support.to(device), mask.to(device)


def _outside(x: Tensor, levels: int) -> bool:
    return x.numel() > 0 and (int(x.min()) < 0 or int(x.max()) >= levels)
