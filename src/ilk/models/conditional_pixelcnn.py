"""Conditional PixelCNN: a summary of the support set in every gate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from ..nn import Context, SupportSummary, SupportTrunk
from .backbones import assemble
from .base import Model

__all__ = ["ConditionalPixelCNN"]


class ConditionalPixelCNN(Model):
    r"""A PixelCNN whose every gate is told a summary vector of the support set.

    .. math:: y = \tanh(W_f * x + V_f f(s)) \odot \sigma(W_g * x + V_g f(s))

    Source: Reed et al., *Few-shot autoregressive density estimation*, 2018 (arXiv 1710.10304),
    section 3, the baseline.

    Arguments:
        shape: Of an image, `(C, H, W)`.
        levels: Values of a pixel.
        width: Channels of the backbone.
        depth: Layers of the backbone, see `backbones.backbone`.
        backbone: `gated`, `snail` or `pixelcnnpp`.
        likelihood: `bernoulli`, `categorical` or `logistics`.
        summary: Size of f(s).
        norm: Bring what is made of support images to one scale, for many levels or large images.
        shots: Most support images that the model is meant for.
        dropout: Probability of dropping a unit.

    Example:
        >>> import torch
        >>> model = ConditionalPixelCNN((1, 8, 8), width=8, depth=2)
        >>> model(torch.randint(2, (3, 1, 8, 8))).sample((5,)).shape
        torch.Size([5, 1, 8, 8])
    """

    conditioning = "support"

    def __init__(
        self,
        shape: Sequence[int],
        levels: int = 2,
        width: int = 64,
        depth: int = 8,
        backbone: str = "gated",
        likelihood: str = "bernoulli",
        summary: int = 128,
        norm: bool = False,
        shots: int = 8,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(shape, levels)
        channels, height, across = self.shape
        self.shots = shots
        self.trunk = SupportTrunk(channels, levels, width, norm=norm)
        grid = (-(-height // 4), -(-across // 4))
        self.summary = SupportSummary(grid, width, summary, norm)
        assemble(
            self,
            name=backbone,
            family=likelihood,
            depth=depth,
            width=width,
            dropout=dropout,
            summary=summary,
        )

    def context(
        self,
        support: Tensor | None = None,
        mask: Tensor | None = None,
        *,
        label: Any = None,
    ) -> Context:
        if label is not None:
            return super().context(label=label)
        support, mask = self._support(support, mask)
        return Context(summary=self.summary(self.trunk(support), mask))
