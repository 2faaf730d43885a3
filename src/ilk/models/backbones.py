"""Backbones by name: the layers that every conditioning can be put on."""

from __future__ import annotations

from collections.abc import Sequence

from ..distributions.likelihoods import likelihood
from ..nn import GatedLayer, Half, PixelLayer, PixelNet, Read, ResidualLayer, SnailLayer
from .base import Model

__all__ = ["BACKBONES", "assemble", "backbone"]

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
        ValueError: If there is no backbone of that name, or no layer at all.
    """
    if name not in BACKBONES:
        raise ValueError(f"backbone must be one of {list(BACKBONES)}, got {name!r}")
    if depth < 1:
        raise ValueError(f"depth must be at least 1, got {depth}")

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


def assemble(
    model: Model,
    *,
    name: str,
    family: str,
    depth: int,
    width: int,
    dropout: float,
    summary: int | None = None,
    reads: Sequence[Read] = (),
    read_at: Sequence[int] = (),
    patches: int = 0,
    place: bool = True,
    carry: bool = False,
) -> None:
    """Gives a model its network and its likelihood: backbone x conditioning x likelihood.

    What was read is not carried to the rows below where the backbone is `snail`: there is no
    vertical stack in it, and its horizontal one tells them already.

    Raises:
        ValueError: If a read is asked for at a layer that there is not.
    """
    channels = model.shape[0]
    model.likelihood = likelihood(family, channels, model.levels)
    read_from = min(read_at, default=0)
    layers = backbone(name, depth, width, summary, patches or None, read_from, dropout)
    if any(not 0 <= at < len(layers) for at in read_at):
        raise ValueError(
            f"read_at={tuple(read_at)} does not fit depth={depth}: wanted layers 0 to"
            f" {len(layers) - 1}; see --read-at and --depth"
        )
    model.net = PixelNet(
        channels,
        model.levels,
        layers,
        width,
        model.likelihood.parameters,
        reads,
        read_at,
        patches,
        place=place,
        values=model.likelihood.values,
        carry=carry and name != "snail",
    )
