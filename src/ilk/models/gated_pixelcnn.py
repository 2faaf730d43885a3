"""Gated PixelCNN, unconditional or by label."""

from __future__ import annotations

from .by_label import ByLabel

__all__ = ["GatedPixelCNN"]


class GatedPixelCNN(ByLabel):
    r"""A vertical and a horizontal stack of gated layers, unconditional or by label.

    .. math:: y = \tanh(W_f * x + V_f h) \odot \sigma(W_g * x + V_g h)

    Source: van den Oord et al., *Conditional image generation with PixelCNN decoders*, 2016
    (arXiv 1606.05328), equations 2 and 4.

    Arguments:
        shape: Of an image, `(C, H, W)`.
        levels: Values of a pixel.
        labels: Number of labels; the model takes one if this is not None.
        width: Channels of either stack.
        depth: Gated layers.
        likelihood: `bernoulli`, `categorical` or `logistics`.
        dropout: Probability of dropping a unit.
        place: Give the network the position of each pixel.

    Example:
        >>> import torch
        >>> model = GatedPixelCNN((1, 4, 4), width=8, depth=2)
        >>> model().sample((3,)).shape
        torch.Size([3, 1, 4, 4])
        >>> model = GatedPixelCNN((1, 4, 4), labels=10, width=8, depth=2)
        >>> model(label=torch.arange(10)).sample().shape
        torch.Size([10, 1, 4, 4])
    """

    backbone = "gated"
