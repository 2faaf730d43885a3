"""Samples and completions, as jobs: the images as they grow, and what they cost in the end."""

from __future__ import annotations

import time
from typing import Any

import torch
from torch import Tensor

from ilk.distributions import (
    Autoregressive,
    Completions,
    Guided,
    completing,
    flaw,
    follows,
    pick,
)
from ilk.models import Model
from ilk.steps import Steps

from .given import SLICE, Slices, limit, scored, support_of
from .limits import Limits
from .wire import Complete, Sample, costs, encode, mask_of, tensor_of

__all__ = ["complete", "draw"]

FRAME = 0.1  # seconds between pictures of what is being completed


def draw(request: Sample, model: Model, limits: Limits) -> Slices:
    """Samples: a start, pixels as they come, and what the images cost."""
    limit("count", request.count, limits.images)
    support = yield from support_of(request.support, model, limits)
    limit("of", request.of, limits.images)
    x = torch.zeros(max(request.count, request.of), *model.shape, dtype=torch.uint8)
    yield from _raster(request, model, support, x, None, {})


def complete(request: Complete, model: Model, limits: Limits) -> Slices:
    """Completions: drawn as samples are where nothing known follows, else weighed and redrawn.

    Raises:
        ValueError: If something known follows, and the temperature is not 1.
    """
    limit("count", request.count, limits.images)
    limit("of", request.of, limits.images)
    support = yield from support_of(request.support, model, limits)
    x = tensor_of(request.image, model, "image", limits.pixels)
    known = mask_of(request.known, model)
    if not follows(known):
        each = x.expand(max(request.count, request.of), *x.shape)
        yield from _raster(request, model, support, each, known.expand_as(each), {"exact": True})
    elif request.temperature != 1:
        raise ValueError("temperature: wanted 1 where something known follows what is drawn")
    else:
        yield from _around(request, model, support, x, known)


def _raster(
    request: Sample,
    model: Model,
    support: Tensor | None,
    x: Tensor,
    known: Tensor | None,
    more: dict[str, Any],
) -> Slices:
    """Images `(N, C, H, W)` in raster order, each pixel given those before it."""
    p = _given(request, model, support)
    began, (seed, generator) = time.perf_counter(), _seeded(request)
    height, width = x.shape[2:]
    yield {"event": "start", "count": request.count, "seed": seed, "steps": height * width, **more}
    chunk, chunks = _Chunk(p, request.count), []
    for pixel, parameters in p.trace(x, known, generator, request.temperature):
        chunk.add(pixel, parameters)
        # The first pixel leaves at once: it is what a person waits for.
        if not chunks or chunk.age > SLICE:
            chunks.append(chunk)
            yield chunk.event
            chunk = _Chunk(p, request.count, chunk.end)
    if chunk.pixels:
        chunks.append(chunk)
        yield chunk.event
    image = torch.cat([c.values for c in chunks], dim=-1).view(x.shape)
    each, *free = (
        torch.cat(parts, dim=-1).view(x.shape)
        for parts in zip(*(c.log_prob() for c in chunks), strict=True)
    )
    if request.of and not free:
        free = [(yield from scored(model, None, image))]
    alone = free[0].flatten(1).sum(dim=1) if free else None
    if request.of > request.count and alone is not None:
        best = pick(image, each.flatten(1).sum(dim=1) - alone, request.count)
        image, each, alone = image[best], each[best], alone[best]
    yield _done(seed, began, image, each, alone) | more


def _given(request: Sample, model: Model, support: Tensor | None) -> Autoregressive:
    """What is drawn from, guided where there are examples to be guided by."""
    p = model(support)
    if support is None or not len(support):
        if request.of:
            raise ValueError("of: there are no examples to choose by")
        return p
    return p.guided(request.guidance)


def _around(
    request: Complete, model: Model, support: Tensor | None, x: Tensor, known: Tensor
) -> Slices:
    """Completions given what is known behind too; pictures of them now and then."""
    began, (seed, generator) = time.perf_counter(), _seeded(request)
    size = x.shape[-2] * x.shape[-1]
    x = x * known  # What stood there shall not be seen.
    more = {"exact": False, "steps": size, "particles": request.particles}
    yield {"event": "start", "count": request.count, "seed": seed, **more}
    steps = completing(
        _given(request, model, support),
        x,
        known,
        request.count,
        request.particles,
        request.passes,
        generator=generator,
    )
    done = yield from _shown(steps)
    each = yield from scored(model, support, done.images)
    yield _done(seed, began, done.images, each) | {"exact": False, "effective": done.effective}


def _shown(
    steps: Steps[tuple[Tensor, float], Completions],
) -> Steps[dict[str, Any] | None, Completions]:
    """Steps, as many in a turn as fit, with a picture of the images now and then."""
    turn = frame = time.perf_counter()
    while True:
        try:
            images, share = next(steps)
        except StopIteration as end:
            return end.value
        now = time.perf_counter()
        if now - frame > FRAME:
            pictures = [encode(image) for image in images]
            yield {"event": "images", "images": pictures, "share": round(share, 3)}
            turn = frame = time.perf_counter()
        elif now - turn > SLICE:
            yield None
            turn = time.perf_counter()


def _seeded(request: Sample) -> tuple[int, torch.Generator]:
    seed = int(torch.randint(2**31, ())) if request.seed is None else request.seed
    return seed, torch.Generator().manual_seed(seed)


def _done(
    seed: int, began: float, images: Tensor, each: Tensor, alone: Tensor | None = None
) -> dict[str, Any]:
    rows = [
        {"pixels": encode(i), **row} for i, row in zip(images, costs(each, alone), strict=True)
    ]
    for image, row in zip(images, rows, strict=True):
        if what := flaw(image, row.get("gain_bits", 0.0)):
            row["flaw"] = what
    seconds = round(time.perf_counter() - began, 3)
    return {"event": "done", "seed": seed, "seconds": seconds, "images": rows}


class _Chunk:
    """Pixels that were drawn in one turn, and the parameters of what they were drawn from."""

    def __init__(self, p: Autoregressive, shown: int, first: int = 0) -> None:
        self.p, self.shown, self.first = p, shown, first
        self.began = time.perf_counter()
        self.pixels: list[Tensor] = []
        self.parameters: list[Tensor] = []

    def add(self, pixel: Tensor, parameters: Tensor) -> None:
        self.pixels.append(pixel)
        self.parameters.append(parameters)

    @property
    def age(self) -> float:
        return time.perf_counter() - self.began

    @property
    def end(self) -> int:
        return self.first + len(self.pixels)

    @property
    def values(self) -> Tensor:
        """As `(N, C, T)`."""
        return torch.stack(self.pixels, dim=-1).to(torch.uint8).cpu()

    @property
    def event(self) -> dict[str, Any]:
        """T x N x C bytes of the images that are shown, and where in the raster they begin."""
        values = encode(torch.stack(self.pixels)[:, : self.shown])
        return {"event": "pixels", "first": self.first, "values": values}

    def log_prob(self) -> list[Tensor]:
        """Nats of every value by the model, `(N, C, T)`; if guided, those without examples too."""
        parameters = torch.stack(self.parameters, dim=-1)[:, :, None]
        x = torch.stack(self.pixels, dim=-1)[:, :, None]
        likelihood, parts = self.p.likelihood, (parameters,)
        if isinstance(likelihood, Guided):
            likelihood, parts = likelihood.base, likelihood.apart(parameters)
        return [likelihood.log_prob(part, x)[:, :, 0].float().cpu() for part in parts]
