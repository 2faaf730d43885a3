"""What the server computes, as jobs: parts of an answer, with turns of others in between."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Generator, Iterator, Sequence
from typing import Any

import torch
from PIL import Image as PILImage
from torch import Tensor

from ilk.distributions import Autoregressive
from ilk.models import Model
from ilk.render import pixels, sheet

from .attention import grid, read_weights
from .limits import Limits
from .wire import (
    Classify,
    Complete,
    Image,
    Look,
    Pack,
    Sample,
    Score,
    costs,
    encode,
    mask_of,
    tensor_of,
)

__all__ = ["attention", "classify", "draw", "pack", "read", "score"]

Slices = Iterator[Any]
SLICE = 0.015  # seconds of drawing in one turn
TOGETHER = 8  # images scored in one turn


def draw(request: Sample, model: Model, limits: Limits) -> Slices:
    """Samples or completions: a start, pixels as they come, and what the images cost."""
    _limit("count", request.count, limits.images)
    began = time.perf_counter()
    support = yield from _support(request.support, model, limits)
    x = torch.zeros(request.count, *model.shape, dtype=torch.uint8)
    known = None
    if isinstance(request, Complete):
        x = x + tensor_of(request.image, model, "image", limits.pixels)
        known = mask_of(request.known, model).expand_as(x)
    seed = int(torch.randint(2**31, ())) if request.seed is None else request.seed
    _, height, width = model.shape
    yield {"event": "start", "count": request.count, "seed": seed, "steps": height * width}
    p = model(support)
    generator = torch.Generator().manual_seed(seed)
    chunk, chunks = _Chunk(p), []
    for pixel, parameters in p.trace(x, known, generator, request.temperature):
        chunk.add(pixel, parameters)
        # The first pixel leaves at once: it is what a person waits for.
        if not chunks or chunk.age > SLICE:
            chunks.append(chunk)
            yield chunk.event
            chunk = _Chunk(p, chunk.end)
    if chunk.pixels:
        chunks.append(chunk)
        yield chunk.event
    image = torch.cat([c.values for c in chunks], dim=-1).view(x.shape)
    each = torch.cat([c.log_prob() for c in chunks], dim=-1).view(x.shape)
    rows = [{"pixels": encode(i), **row} for i, row in zip(image, costs(each), strict=True)]
    seconds = round(time.perf_counter() - began, 3)
    yield {"event": "done", "seed": seed, "seconds": seconds, "images": rows}


class _Chunk:
    """Pixels that were drawn in one turn, and the parameters of what they were drawn from."""

    def __init__(self, p: Autoregressive, first: int = 0) -> None:
        self.p, self.first, self.began = p, first, time.perf_counter()
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
        """T x N x C bytes, and where in the raster they begin."""
        values = encode(torch.stack(self.pixels))
        return {"event": "pixels", "first": self.first, "values": values}

    def log_prob(self) -> Tensor:
        """Nats of every value, `(N, C, T)`."""
        parameters = torch.stack(self.parameters, dim=-1)[:, :, None]
        x = torch.stack(self.pixels, dim=-1)[:, :, None]
        return self.p.likelihood.log_prob(parameters, x)[:, :, 0].float().cpu()


def score(request: Score, model: Model, limits: Limits) -> Slices:
    """Nats of images given examples and, if there are any, what these gained."""
    support = yield from _support(request.support, model, limits)
    x = yield from _images(request.images, model, "images", limits.images, limits)
    each = yield from _each(model, support, x)
    alone = None
    if support is not None and len(support):
        alone = (yield from _each(model, None, x)).sum(dim=(1, 2, 3))
    yield {"images": costs(each, alone, request.surprise)}


def classify(request: Classify, model: Model, limits: Limits) -> Slices:
    """Nats of images under each kind, and the posterior when all kinds are as likely at first."""
    _limit("kinds", len(request.kinds), limits.kinds)
    x = yield from _images(request.images, model, "images", limits.images, limits)
    found: list[Tensor] = []
    for i, kind in enumerate(request.kinds):
        support = yield from _support(kind, model, limits, f"kinds.{i}")
        found.append((yield from _each(model, support, x)))
    posterior = torch.stack([each.sum(dim=(1, 2, 3)) for each in found], dim=1).softmax(dim=1)
    rows = [[costs(each[i : i + 1])[0] for each in found] for i in range(len(x))]
    yield {
        "images": [
            {"kinds": row, "posterior": shares.tolist()}
            for row, shares in zip(rows, posterior, strict=True)
        ]
    }


def attention(request: Look, model: Model, limits: Limits) -> Slices:
    """Shares of attention at every pixel, in 255ths of the largest at that pixel."""
    support = yield from _support(request.support, model, limits)
    x = tensor_of(request.image, model, "image", limits.pixels)
    where = grid(model)
    if where is None or support is None or not len(support):
        raise ValueError("model: without support images that it reads there is nothing to show")
    weights = read_weights(model(support), x)
    nothing, images = weights[:, 0], weights[:, 1:]
    yield {
        "grid": where,
        "support": len(support),
        "nothing": [round(v, 4) for v in nothing.tolist()],
        "weights": encode((255 * images / images.amax(dim=1, keepdim=True)).round()),
    }


def read(file: bytes, model: Model, limits: Limits) -> Slices:
    """A picture file brought to what the model knows."""
    from ilk.data import read_image
    from ilk.data.picture import open_picture

    image = read_image(open_picture(file, limits.pixels), model.shape, model.levels)
    yield {"pixels": encode(image)}


def pack(request: Pack, model: Model, limits: Limits) -> Slices:
    """A sheet as PNG, or an archive of PNG files of the model's size."""
    x = yield from _images(request.images, model, "images", limits.images, limits)
    file = io.BytesIO()
    if request.form == "sheet":
        sheet(x, model.levels).save(file, format="PNG")
    else:
        with zipfile.ZipFile(file, "w") as archive:
            for i, image in enumerate(x):
                archive.writestr(f"{i + 1:02d}.png", _png(image, model))
    yield file.getvalue()


def _png(image: Tensor, model: Model) -> bytes:
    file = io.BytesIO()
    PILImage.fromarray(pixels(image, model.levels)).save(file, format="PNG")
    return file.getvalue()


def _limit(name: str, got: int, most: int) -> None:
    if got > most:
        raise ValueError(f"{name}: wanted at most {most}, got {got}")


def _images(
    images: Sequence[Image], model: Model, name: str, most: int, limits: Limits
) -> Generator[Any, None, Tensor]:
    _limit(name, len(images), most)
    found = []
    for i, image in enumerate(images):
        found.append(tensor_of(image, model, f"{name}.{i}", limits.pixels))
        if image.file is not None:
            yield None
    empty = torch.zeros(0, *model.shape, dtype=torch.uint8)
    return torch.stack(found) if found else empty


def _support(
    images: Sequence[Image], model: Model, limits: Limits, name: str = "support"
) -> Generator[Any, None, Tensor | None]:
    if model.conditioning == "none":
        if images:
            raise ValueError(f"{name}: this model takes no examples")
        return None
    return (yield from _images(images, model, name, limits.support, limits))


def _each(model: Model, support: Tensor | None, x: Tensor) -> Generator[Any, None, Tensor]:
    """Log-probabilities of values `(N, C, H, W)`, a few images a turn."""
    p, found = model(support), []
    for part in x.split(TOGETHER):
        found.append(p.log_prob_per_dim(part).float().cpu())
        yield None
    return torch.cat(found)
