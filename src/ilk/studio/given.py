"""What a request gives: images and support sets, no more of them than it may."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor

from ilk.models import Model
from ilk.steps import Steps

from .limits import Limits
from .wire import Image, tensor_of

__all__ = ["SLICE", "Slices", "images_of", "limit", "scored", "support_of", "turns"]

Slices = Iterator[Any]
SLICE = 0.015  # seconds of work in one turn
TOGETHER = 8  # images scored in one turn
T = TypeVar("T")


def limit(name: str, got: int, most: int) -> None:
    """Refuses what is too much.

    Raises:
        ValueError: If more came than may.
    """
    if got > most:
        raise ValueError(f"{name}: wanted at most {most}, got {got}")


def images_of(
    images: Sequence[Image], model: Model, name: str, most: int, limits: Limits
) -> Steps[None, Tensor]:
    """Images as a model's pixels, `(N, C, H, W)`, a file a turn."""
    limit(name, len(images), most)
    found = []
    for i, image in enumerate(images):
        found.append(tensor_of(image, model, f"{name}.{i}", limits.pixels))
        if image.file is not None:
            yield None
    empty = torch.zeros(0, *model.shape, dtype=torch.uint8)
    return torch.stack(found) if found else empty


def support_of(
    images: Sequence[Image], model: Model, limits: Limits, name: str = "support"
) -> Steps[None, Tensor | None]:
    """A support set `(K, C, H, W)`, none for models that take none."""
    if model.conditioning == "none":
        if images:
            raise ValueError(f"{name}: this model takes no examples")
        return None
    return (yield from images_of(images, model, name, limits.support, limits))


def scored(model: Model, support: Tensor | None, x: Tensor) -> Steps[None, Tensor]:
    """Log-probabilities of values `(N, C, H, W)`, a few images a turn."""
    p, found = model(support), []
    for part in x.split(TOGETHER):
        found.append(p.log_prob_per_dim(part).float().cpu())
        yield None
    return torch.cat(found)


def turns(steps: Steps[Any, T]) -> Steps[None, T]:
    """Steps, as many in one turn as fit."""
    began = time.perf_counter()
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value
        if time.perf_counter() - began > SLICE:
            yield None
            began = time.perf_counter()
