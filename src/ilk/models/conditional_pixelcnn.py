"""Conditional PixelCNN: a summary of the support set in every gate."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ..distributions.likelihoods import likelihood as likelihood_of
from ..nn import Context, SupportSummary, SupportTrunk
from .backbones import pixel_net
from .few_shot import FewShot

__all__ = ["ConditionalPixelCNN"]


class ConditionalPixelCNN(FewShot):
    r"""A PixelCNN whose every gate is conditioned on a summary vector of the support set.

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
        norm: Normalise the features of support images, for many levels or large images.
        shots: Most support images that the model is meant for.
        dropout: Probability of dropping a unit.

    Example:
        >>> import torch
        >>> model = ConditionalPixelCNN((1, 8, 8), width=8, depth=2)
        >>> model(torch.randint(2, (3, 1, 8, 8))).sample((5,)).shape
        torch.Size([5, 1, 8, 8])
    """

    def __init__(
        self,
        shape: Sequence[int],
        levels: int = 2,
        *,
        width: int = 64,
        depth: int = 8,
        backbone: str = "gated",
        likelihood: str = "bernoulli",
        summary: int = 128,
        norm: bool = False,
        shots: int = 8,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(shape, levels, shots)
        channels = self.shape[0]
        self.trunk = SupportTrunk(channels, levels, width, norm=norm)
        self.summary = SupportSummary(self.trunk.grid(self.shape[1:]), width, summary, norm)
        self.likelihood = likelihood_of(likelihood, channels, levels)
        self.net = pixel_net(
            self.likelihood,
            name=backbone,
            width=width,
            depth=depth,
            dropout=dropout,
            summary=summary,
        )

    def encode(self, support: Tensor, mask: Tensor) -> Context:
        return Context(summary=self.summary(self.trunk(support), mask))
