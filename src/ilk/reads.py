"""Where attention looks: which pixels of the support set are read while a pixel is written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from .models import Model
from .nn import PixelNet
from .render import Panel, figure, pixels

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["Looks", "animation", "grid", "inside", "looks", "strip"]

_MARK = np.array((228, 0, 140))  # a colour that hardly occurs in photographs


class Looks(NamedTuple):
    r"""Weights of attention :math:`\alpha_{tj}`; those of all patches and `nothing` sum to 1.

    Attributes:
        patches: Of the patches of K support images, `(heads, H, W, K, h, w)`.
        nothing: Of the learned slot that is always there, and of margins, `(heads, H, W)`.
    """

    patches: Tensor
    nothing: Tensor


def grid(model: Model) -> tuple[int, int] | None:
    """Rows and columns of the patches of a support image, none if the model reads none.

    Example:
        >>> from ilk.models import AttentionPixelCNN
        >>> grid(AttentionPixelCNN((1, 26, 26), width=8, depth=2, read_at=(1,), patch=4))
        (7, 7)
    """
    if not (isinstance(model.net, PixelNet) and len(model.net.reads) and "patch" in model.config):
        return None
    _, height, width = model.shape
    patch = model.config["patch"]
    return -(-height // patch), -(-width // patch)


def inside(weights: Tensor, grid: tuple[int, int], margin: int = 0) -> Looks:
    """Weights `(..., 1 + N)` of all slots, the first that of nothing, by images and places.

    Example:
        >>> inside(torch.ones(1 + 2 * 16), (2, 2), margin=1).patches.shape
        torch.Size([2, 2, 2])
    """
    high, wide = grid
    patches = weights[..., 1:].unflatten(-1, (-1, high + 2 * margin, wide + 2 * margin))
    patches = patches[..., margin : margin + high, margin : margin + wide]
    return Looks(patches, weights.sum(dim=-1) - patches.sum(dim=(-3, -2, -1)))


@torch.inference_mode()
def looks(model: Model, x: Tensor, support: Tensor, read: int = 0) -> Looks:
    """Where a model looks in a support set at every pixel of an image that it writes.

    Arguments:
        model: One that reads patches, such as an `AttentionPixelCNN`.
        x: The image that is written, `(C, H, W)`. Weights at a pixel depend on the earlier ones.
        support: `(K, C, H, W)`.
        read: Which of its reads, where it has several.

    Raises:
        ValueError: If the model has no such read, or the support set is empty.

    Example:
        >>> from ilk.models import AttentionPixelCNN
        >>> model = AttentionPixelCNN((1, 8, 8), width=8, depth=2, read_at=(1,), patch=2)
        >>> seen = looks(model, torch.zeros(1, 8, 8).long(), torch.zeros(3, 1, 8, 8).long())
        >>> seen.patches.shape, seen.nothing.shape
        (torch.Size([4, 8, 8, 3, 4, 4]), torch.Size([4, 8, 8]))
    """
    net = model.net
    reads = len(net.reads) if isinstance(net, PixelNet) else 0
    if not isinstance(net, PixelNet) or not 0 <= read < reads:
        raise ValueError(f"read: {type(model).__name__} has {reads} reads, got number {read}")
    if not len(support):
        raise ValueError("support: an empty set has nothing to look at")
    p = model(support)
    weights = net.looks(x[None].to(p.device), p.context)[read][0]
    where = grid(model)
    assert where is not None
    return inside(weights, where, model.config.get("margin", 0))


def strip(
    x: Tensor, support: Tensor, seen: Looks, levels: int, moments: int = 8, row: int | None = None
) -> Image.Image:
    """What is written so far, above where in the support set it looks, at moments along a row.

    Arguments:
        x: The image that is written, `(C, H, W)`.
        support: `(K, C, H, W)`.
        seen: What `looks` gave for it.
        levels: Values of a pixel.
        moments: How many, evenly spaced.
        row: The row of the pixels; if not given, moments are spread over the whole image.
    """
    height, width = x.shape[-2:]
    if row is None:
        times = torch.linspace(0, height * width - 1, moments).long().tolist()
    else:
        times = (row * width + torch.linspace(0, width - 1, moments).long()).tolist()
    panels = []
    for t in times:
        share = 1 - float(seen.nothing.flatten(1)[:, t].mean())
        tiles = _tiles(x, support, seen, levels, t)
        panels.append(Panel(f"pixel {t}", f"{share:.0%} on the set", tiles, 1))
    return figure(panels, gap=12)


def animation(
    x: Tensor, support: Tensor, seen: Looks, levels: int, every: int = 1
) -> Iterator[Image.Image]:
    """The frames of a film: an image as it is written, and beside it where it looks."""
    height, width = x.shape[-2:]
    for t in range(0, height * width, every):
        tiles = _tiles(x, support, seen, levels, t)
        yield figure(
            [
                Panel("written", "so far", tiles[:1], 1),
                Panel("read", "of the support set", tiles[1:], min(4, len(tiles) - 1)),
            ]
        )


def _tiles(x: Tensor, support: Tensor, seen: Looks, levels: int, t: int) -> list[np.ndarray]:
    """The image up to pixel t, which is marked, and the support set with what it looks at."""
    height, width = x.shape[-2:]
    blank = np.array((246, 245, 241), dtype=np.uint8)
    written = pixels(x, levels).reshape(-1, 3)
    so_far = np.where(np.arange(height * width)[:, None] < t, written, blank)
    so_far[t] = _MARK
    heat = seen.patches.flatten(1, 2)[:, t].mean(dim=0)
    patch = -(-height // heat.shape[-2])
    heat = heat.repeat_interleave(patch, -2).repeat_interleave(patch, -1)[:, :height, :width]
    share = (heat / heat.max().clamp(min=1e-9)).sqrt()[..., None].cpu().numpy() * 0.85
    shown = [
        (pixels(s, levels) * (1 - a) + _MARK * a).round().astype(np.uint8)
        for s, a in zip(support, share, strict=True)
    ]
    tiles = [so_far.reshape(height, width, 3).astype(np.uint8), *shown]
    return [tile.repeat(2, axis=0).repeat(2, axis=1) for tile in tiles]
