"""Where attention reads while each pixel of an image is written."""

from __future__ import annotations

import torch
from torch import Tensor

from ilk.distributions import Autoregressive
from ilk.models import Model
from ilk.nn import PixelNet

__all__ = ["grid", "read_weights"]


def grid(model: Model) -> tuple[int, int] | None:
    """Rows and columns of the patches of a support image, none if the model reads none.

    Example:
        >>> import ilk
        >>> small = {"width": 8, "depth": 2, "read_at": (1,)}
        >>> grid(ilk.models.AttentionPixelCNN((1, 26, 26), **small, patch=4))
        (7, 7)
    """
    if not (isinstance(model.net, PixelNet) and len(model.net.reads) and "patch" in model.config):
        return None
    _, height, width = model.shape
    patch = model.config["patch"]
    return -(-height // patch), -(-width // patch)


def read_weights(p: Autoregressive, x: Tensor) -> Tensor:
    r"""Weights of patches for every pixel of an image `(C, H, W)`, `(H W, N)`.

    The mean over heads and reads. The first of the N weights is that of the patch which is there
    without any support image; those of the images follow, one after the other, in raster order.
    Each row sums to 1.

    Raises:
        ValueError: If the distribution reads no patches.
    """
    if not (isinstance(p.net, PixelNet) and len(p.net.reads)):
        raise ValueError("model: it has no attention to show")
    looks = p.net.looks(x[None].to(next(p.net.parameters()).device), p.context)
    return torch.stack([w[0].mean(dim=0).flatten(0, 1) for w in looks]).mean(dim=0)
