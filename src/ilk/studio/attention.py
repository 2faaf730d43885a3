"""Where attention reads while each pixel of an image is written."""

from __future__ import annotations

import torch
from torch import Tensor

from ilk.distributions import Autoregressive
from ilk.nn import PixelNet

__all__ = ["read_weights"]


def read_weights(p: Autoregressive, x: Tensor) -> Tensor:
    r"""Weights of patches for every pixel of an image `(C, H, W)`, `(H W, N)`.

    The mean over heads and reads. The first of the N weights is that of the patch which is there
    without any support image; those of the images follow, one after the other, in raster order,
    margins among them. Each row sums to 1.

    Raises:
        ValueError: If the distribution reads no patches.
    """
    if not (isinstance(p.net, PixelNet) and len(p.net.reads)):
        raise ValueError("model: it has no attention to show")
    looks = p.net.looks(x[None].to(p.device), p.context)
    return torch.stack([w[0].mean(dim=0).flatten(0, 1) for w in looks]).mean(dim=0)
