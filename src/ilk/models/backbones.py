"""Backbones by name: the layers that every conditioning can be put on."""

from __future__ import annotations

from collections.abc import Sequence

from ..distributions import Likelihood
from ..nn import GatedLayer, Half, PixelLayer, PixelNet, Read, ResidualLayer, SnailLayer

__all__ = ["BACKBONES", "backbone", "pixel_net"]

BACKBONES = ("gated", "snail", "pixelcnnpp")


def backbone(
    name: str,
    depth: int,
    width: int,
    summary: int | None = None,
    read: int | None = None,
    read_from: int = 0,
    dropout: float = 0.0,
) -> list[PixelLayer]:
    """Layers of a backbone, given what a summary and, from a layer on, a read add to their gates.

    `gated` is that of Gated PixelCNN; `snail` that of PixelSNAIL, with attention after every
    second residual; `pixelcnnpp` that of PixelCNN++, `depth` residuals down and as many up at each
    of three resolutions: these are layers `0..2 depth`, number `depth` being all at lower ones.

    Raises:
        ValueError: If there is no backbone of that name, or a number is too small: of `snail` the
            second layer is the first with attention.
    """
    if name not in BACKBONES:
        raise ValueError(f"backbone must be one of {list(BACKBONES)}, got {name!r}")
    least = 2 if name == "snail" else 1
    if depth < least:
        raise ValueError(f"depth must be at least {least} with {name!r}, got {depth}")
    if width < 1:
        raise ValueError(f"width must be at least 1, got {width}")

    def told(i: int) -> int | None:
        return read if i >= read_from else None

    if name == "gated":
        return [GatedLayer(width, 3, summary, told(i), dropout) for i in range(depth)]
    if name == "snail":
        return [SnailLayer(width, i % 2 == 1, summary, told(i), dropout) for i in range(depth)]

    def residuals(short: bool) -> list[PixelLayer]:
        return [ResidualLayer(width, summary, None, dropout, short) for _ in range(depth)]

    quarter = Half(width, [*residuals(False), *residuals(True)])
    half = Half(width, [*residuals(False), quarter, *residuals(True)])
    full = [
        ResidualLayer(width, summary, told(i), dropout, short=i > depth)
        for i in range(2 * depth + 1)
        if i != depth
    ]
    return [*full[:depth], half, *full[depth:]]


def pixel_net(
    likelihood: Likelihood,
    *,
    name: str,
    width: int,
    depth: int,
    dropout: float = 0.0,
    summary: int | None = None,
    reads: Sequence[Read] = (),
    read_at: Sequence[int] = (),
    patches: int = 0,
    place: bool = True,
    carry: bool = False,
) -> PixelNet:
    """The network of a model: backbone x conditioning x likelihood.

    What was read is not carried to the rows below where the backbone is `snail`: there is no
    vertical stack in it, and its horizontal one does so already.

    Arguments:
        likelihood: Of a pixel.
        name, width, depth, dropout, summary: See `backbone`.
        reads, read_at, patches, place, carry: See `PixelNet`.

    Raises:
        ValueError: If a read is asked for at a layer that there is not.

    Example:
        >>> import torch
        >>> from ilk.distributions import Bernoulli
        >>> from ilk.nn import Context
        >>> net = pixel_net(Bernoulli(1), name="gated", width=8, depth=2)
        >>> net(torch.zeros(3, 1, 4, 4).long(), Context()).shape
        torch.Size([3, 1, 4, 4])
    """
    read_from = min(read_at, default=0)
    layers = backbone(name, depth, width, summary, patches or None, read_from, dropout)
    if any(not 0 <= at < len(layers) for at in read_at):
        raise ValueError(
            f"read_at={tuple(read_at)} does not fit depth={depth}: wanted layers 0 to"
            f" {len(layers) - 1}"
        )
    return PixelNet(
        likelihood.channels,
        likelihood.levels,
        layers,
        width,
        likelihood.parameters,
        reads=reads,
        read_at=read_at,
        patches=patches,
        place=place,
        values=likelihood.values,
        carry=carry and name != "snail",
    )
