"""Backbones by name: the layers that every conditioning can be put on."""

from __future__ import annotations

from collections.abc import Sequence

from ..distributions.likelihoods import likelihood
from ..nn import GatedLayer, PixelLayer, PixelNet, Read, SnailLayer
from .base import Model

__all__ = ["BACKBONES", "assemble", "backbone"]

BACKBONES = ("gated", "snail")


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
    second residual.

    Raises:
        ValueError: If there is no backbone of that name, or no layer at all.
    """
    if name not in BACKBONES:
        raise ValueError(f"backbone must be one of {list(BACKBONES)}, got {name!r}")
    if depth < 1:
        raise ValueError(f"depth must be at least 1, got {depth}")
    layers: list[PixelLayer] = []
    for i in range(depth):
        channels = read if i >= read_from else None
        layers.append(
            GatedLayer(width, 3, summary, channels, dropout)
            if name == "gated"
            else SnailLayer(width, i % 2 == 1, summary, channels, dropout)
        )
    return layers


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
) -> None:
    """Gives a model its network and its likelihood: backbone x conditioning x likelihood.

    Raises:
        ValueError: If a read is asked for at a layer that there is not.
    """
    if any(not 0 <= at < depth for at in read_at):
        raise ValueError(f"read_at must name layers 0..{depth - 1}, got {tuple(read_at)}")
    channels = model.shape[0]
    model.likelihood = likelihood(family, channels, model.levels)
    read_from = min(read_at, default=depth)
    layers = backbone(name, depth, width, summary, patches or None, read_from, dropout)
    outputs = model.likelihood.parameters
    model.net = PixelNet(
        channels, model.levels, layers, width, outputs, reads, read_at, patches, place=place
    )
