"""PixelSNAIL, unconditional or by label."""

from __future__ import annotations

from .by_label import ByLabel

__all__ = ["PixelSNAIL"]


class PixelSNAIL(ByLabel):
    r"""Gated residuals of causal convolutions, with attention over all earlier pixels between.

    Source: Chen et al., *PixelSNAIL: an improved autoregressive generative model*, 2017
    (arXiv 1712.09763), section 3. Attention follows every second residual.

    Arguments:
        shape: Of an image, `(C, H, W)`.
        levels: Values of a pixel.
        labels: Number of labels; the model takes one if this is not None.
        width: Channels.
        depth: Residuals.
        likelihood: `bernoulli`, `categorical` or `logistics`.
        dropout: Probability of dropping a unit.
        place: Give the network the position of each pixel.

    Example:
        >>> model = PixelSNAIL((3, 4, 4), levels=256, width=8, depth=2, likelihood="logistics")
        >>> model().sample((2,)).shape
        torch.Size([2, 3, 4, 4])
    """

    backbone = "snail"
