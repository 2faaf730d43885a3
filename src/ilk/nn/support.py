"""Support encoders: from a set of images to a summary vector, and to patches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .attention import landmarked

__all__ = ["SupportPatches", "SupportSummary", "SupportTrunk", "positions"]


def positions(height: int, width: int, like: Tensor, margin: int = 0) -> Tensor:
    """Rows and columns as two channels, `(2, H, W)`: in [-1, 1], and beyond that in a margin.

    Example:
        >>> positions(2, 3, torch.zeros(()))[1]
        tensor([[-1.,  0.,  1.],
                [-1.,  0.,  1.]])
        >>> positions(4, 5, torch.zeros(()), margin=1)[1, 0]
        tensor([-2., -1.,  0.,  1.,  2.])
    """

    def axis(size: int) -> Tensor:
        end = 1 + 2 * margin / max(size - 2 * margin - 1, 1)
        return torch.linspace(-end, end, size, dtype=like.dtype, device=like.device)

    return torch.stack(torch.meshgrid(axis(height), axis(width), indexing="ij"))


def scaled(x: Tensor, dim: int) -> Tensor:
    """Vectors along a dimension, brought to a mean square of 1 (nothing stays nothing).

    Example:
        >>> scaled(torch.tensor([3.0, -3.0, 0.0, 0.0]), 0)
        tensor([ 1.4142, -1.4142,  0.0000,  0.0000])
    """
    x = x if x.dtype == torch.float64 else x.float()
    return x * (x.square().mean(dim, keepdim=True) + 1e-6).rsqrt()


class SupportTrunk(nn.Module):
    """Features of support images on a grid of patches, position channels included.

    Maps integers `(..., C, H, W)` in `0..levels-1` to `(..., D, h, w)`, where h is
    `ceil(H / patch) + 2 margin`.

    Arguments:
        channels: Channels of an image.
        levels: Values of a pixel.
        features: Channels D.
        patch: Pixels from one patch to the next: 1, 2 or 4.
        extra: Further channels for every pixel; their weights are zero at first.
        margin: Empty patches around an image.
        norm: Normalise the features of every patch, see `SupportSummary`.

    Example:
        >>> trunk = SupportTrunk(1, levels=2, features=8)
        >>> trunk(torch.randint(2, (2, 3, 1, 26, 26))).shape
        torch.Size([2, 3, 8, 7, 7])
    """

    def __init__(
        self,
        channels: int,
        levels: int,
        features: int,
        patch: int = 4,
        extra: int = 0,
        margin: int = 0,
        norm: bool = False,
    ) -> None:
        super().__init__()
        self.norm = norm
        if patch not in (1, 2, 4):
            raise ValueError(f"patch must be 1, 2 or 4, got {patch}")
        if margin < 0:
            raise ValueError(f"margin must be 0 or more, got {margin}")
        self.levels, self.patch, self.border = levels, patch, margin * patch
        # Adam moves many small weights as quickly as few: together they should count like pixels.
        self.share = (channels + 2) / extra if extra else 0.0
        strides = (1, min(patch, 2), max(patch // 2, 1), 1)
        self.convs = nn.ModuleList(
            nn.Conv2d(features if i else channels + 2 + extra, features, 3, stride, padding=1)
            for i, stride in enumerate(strides)
        )
        with torch.no_grad():
            cast(nn.Conv2d, self.convs[0]).weight[:, channels + 2 :].zero_()

    def grid(self, size: Sequence[int]) -> tuple[int, int]:
        """Rows and columns of the features of images of a size `(H, W)`."""
        height, width = (-(-(side + 2 * self.border) // self.patch) for side in size)
        return height, width

    def forward(self, support: Tensor, extra: Tensor | None = None) -> Tensor:
        *batch, _, height, width = support.shape
        weight = next(self.parameters())
        x = support.flatten(0, -4).to(weight.dtype) * (2 / (self.levels - 1)) - 1
        if extra is not None:
            extra = self.share * extra.flatten(0, -4).to(x.dtype)
        b = self.border
        size = (height + 2 * b, width + 2 * b)
        place = positions(*size, x, b).expand(x.shape[0], -1, -1, -1)
        x = F.pad(x, (b,) * 4)
        x = torch.cat([x, place] if extra is None else [x, place, F.pad(extra, (b,) * 4)], dim=1)
        *convs, last = self.convs
        for conv in convs:
            x = F.silu(conv(x))
        x = x + F.silu(last(x))
        return (scaled(x, dim=1) if self.norm else x).unflatten(0, batch)


class SupportSummary(nn.Module):
    r"""A vector for a set of images, the same in whatever order they come.

    .. math:: f(s) = \mathrm{MLP}\Big(\frac1K \sum_{k=1}^K g(s_k), \frac1{1+K}\Big)

    Maps features `(B, K, D, h, w)` under a mask `(B, K)` to `(B, F)`; :math:`K` counts what the
    mask lets through and may be zero.

    Source: Reed et al., 2018 (arXiv 1710.10304), section 3; the mean and the count are those of
    Edwards & Storkey, *Towards a neural statistician*, 2017 (arXiv 1606.02185), section 4.

    Arguments:
        grid: Size `(h, w)` of the features.
        features: Channels D.
        outputs: Size F.
        norm: Normalise the mean and f(s) by their root mean square. Adam moves thousands of
            weights of g at once, all one way: f(s) may grow until every gate that it enters is
            saturated, for good.
    """

    def __init__(
        self, grid: tuple[int, int], features: int, outputs: int, norm: bool = False
    ) -> None:
        super().__init__()
        self.norm = norm
        self.item = nn.Sequential(nn.Linear(features * grid[0] * grid[1], outputs), nn.SiLU())
        self.set = nn.Sequential(
            nn.Linear(outputs + 1, outputs), nn.SiLU(), nn.Linear(outputs, outputs)
        )

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        count = mask.sum(dim=1, keepdim=True)
        items = self.item(features.flatten(2)) * mask[..., None]
        mean = items.sum(dim=1) / count.clamp(min=1)
        mean = scaled(mean, dim=-1) if self.norm else mean
        told = self.set(torch.cat([mean, (1 / (1 + count)).to(mean)], dim=-1))
        return scaled(told, dim=-1) if self.norm else told


class SupportPatches(nn.Module):
    """Keys and values of the patches of a support set, and a learned one that is always there.

    Maps features `(B, K, D, h, w)` under a mask `(B, K)` to keys and values `(B, K h w + 1, P)`
    and their mask. An empty set has only the one that is always there. `more`, `(B, K h w, P)`,
    is added to the keys of patches.

    Source: Reed et al., 2018 (arXiv 1710.10304), section 3.1.

    Arguments:
        features: Channels D.
        outputs: Size P of keys and values.
        local: Heads of a local read that the keys are for, 0 for none; see `DotProductRead`.
        margin: Empty patches around an image.
    """

    def __init__(self, features: int, outputs: int, local: int = 0, margin: int = 0) -> None:
        super().__init__()
        self.local, self.margin = local, margin
        self.project = nn.Linear(features, 2 * outputs)
        self.nothing = nn.Parameter(torch.zeros(2 * outputs))

    def forward(
        self, features: Tensor, mask: Tensor, more: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        batch, _, _, height, width = features.shape
        patches = self.project(features.flatten(3).transpose(2, 3)).flatten(1, 2)
        if more is not None:
            patches = patches + F.pad(more, (0, more.shape[-1]))
        nothing = self.nothing.to(patches).expand(batch, 1, -1)
        key, value = torch.cat([nothing, patches], dim=1).chunk(2, dim=-1)
        if self.local:
            place = positions(height, width, self.nothing, self.margin)
            key = landmarked(key, place.repeat(1, mask.shape[1], 1), self.local)
        there = mask.repeat_interleave(height * width, dim=1)
        return key, value, F.pad(there, (1, 0), value=True)
