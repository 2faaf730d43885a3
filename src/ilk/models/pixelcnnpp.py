"""PixelCNN++, unconditional or by label."""

from __future__ import annotations

from collections.abc import Sequence

from .by_label import ByLabel

__all__ = ["PixelCNNpp"]


class PixelCNNpp(ByLabel):
    r"""Gated residuals at three resolutions, with short-cuts from the way down to the way up.

    Source: Salimans et al., *PixelCNN++: improving the PixelCNN with discretized logistic mixture
    likelihood and other modifications*, 2017 (arXiv 1701.05517), section 2. Theirs has depth 5 and
    width 192 (160 in their code), logistics, dropout 0.5.

    Arguments:
        shape: Of an image, `(C, H, W)`.
        levels: Values of a pixel.
        labels: Number of labels; the model takes one if this is not None.
        width: Channels.
        depth: Residuals on the way down, and on the way up, at each resolution.
        likelihood: `bernoulli`, `categorical` or `logistics`.
        dropout: Probability of dropping a unit.
        place: Give the network the position of each pixel.

    Example:
        >>> model = PixelCNNpp((3, 8, 8), width=8, depth=1)
        >>> model().sample((2,)).shape
        torch.Size([2, 3, 8, 8])
    """

    backbone = "pixelcnnpp"

    def __init__(
        self,
        shape: Sequence[int],
        levels: int = 256,
        *,
        labels: int | None = None,
        width: int = 64,
        depth: int = 5,
        likelihood: str = "logistics",
        dropout: float = 0.0,
        place: bool = True,
    ) -> None:
        super().__init__(
            shape,
            levels,
            labels=labels,
            width=width,
            depth=depth,
            likelihood=likelihood,
            dropout=dropout,
            place=place,
        )
