"""What the server computes besides drawing, as jobs: answers, with turns of others in between."""

from __future__ import annotations

import io
import math
import zipfile
from contextlib import suppress

import torch
from PIL import Image as PILImage
from torch import Tensor

from ilk.data import cut_apart, read_image
from ilk.data.drawing import of_drawings
from ilk.data.picture import open_picture
from ilk.models import Model
from ilk.reads import grid, inside
from ilk.render import enlarge, pixels, sheet
from ilk.trace import trace

from .attention import read_weights
from .given import Slices, images_of, limit, scored, support_of
from .limits import Limits
from .wire import Classify, Look, Pack, Score, costs, encode, tensor_of

__all__ = ["attention", "classify", "pack", "read", "score"]


def score(request: Score, model: Model, limits: Limits) -> Slices:
    """Nats of images given examples and, if there are any, what these gained."""
    support = yield from support_of(request.support, model, limits)
    x = yield from images_of(request.images, model, "images", limits.images, limits)
    each = yield from scored(model, support, x)
    alone = None
    if support is not None and len(support):
        alone = (yield from scored(model, None, x)).sum(dim=(1, 2, 3))
    yield {"images": costs(each, alone, request.surprise)}


def classify(request: Classify, model: Model, limits: Limits) -> Slices:
    """Nats of images under each kind, and the posterior when all kinds are as likely at first."""
    limit("kinds", len(request.kinds), limits.kinds)
    x = yield from images_of(request.images, model, "images", limits.images, limits)
    found: list[Tensor] = []
    for i, kind in enumerate(request.kinds):
        support = yield from support_of(kind, model, limits, f"kinds.{i}")
        found.append((yield from scored(model, support, x)))
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
    support = yield from support_of(request.support, model, limits)
    x = tensor_of(request.image, model, "image", limits.pixels)
    where = grid(model)
    if where is None or support is None or not len(support):
        raise ValueError("model: without support images that it reads there is nothing to show")
    limit("attention: numbers", math.prod((*where, len(support), *x.shape[1:])), limits.reading)
    weights = read_weights(model(support), x)
    seen = inside(weights, where, model.config.get("margin", 0))
    nothing, images = seen.nothing, seen.patches.flatten(1)
    yield {
        "grid": where,
        "support": len(support),
        "nothing": [round(v, 4) for v in nothing.tolist()],
        "weights": encode((255 * images / images.amax(dim=1, keepdim=True)).round()),
    }


def read(file: bytes, model: Model, limits: Limits) -> Slices:
    """A picture file brought to what the model knows, and apart what seem several drawings."""
    picture = open_picture(file, limits.pixels)
    image = read_image(picture, model.shape, model.levels)
    apart: list[Tensor] = []
    if of_drawings(model.shape, model.levels):
        with suppress(ValueError):
            apart = [
                read_image(one, model.shape, model.levels)
                for one in cut_apart(picture)[: limits.images]
            ]
    yield {"pixels": encode(image), "apart": list(map(encode, apart)) if len(apart) > 1 else []}


def pack(request: Pack, model: Model, limits: Limits) -> Slices:
    """A sheet as PNG, an archive of PNG files of the model's size, or one image as PNG or SVG."""
    if request.form in ("png", "svg"):
        limit(f"images, for {request.form}", len(request.images), 1)
    x = yield from images_of(request.images, model, "images", limits.images, limits)
    _, height, width = model.shape
    limit("size: pixels", len(x) * (request.size or 0) ** 2 * width // height, limits.pixels)
    if request.form == "svg":
        yield trace(x[0], model.levels).encode()
    elif request.form == "png":
        yield _file(enlarge(pixels(x[0], model.levels), request.size or height))
    elif request.form == "sheet":
        scale = request.size and max(1, round(request.size / height))
        yield _file(sheet(x, model.levels, scale=scale))
    else:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            for i, image in enumerate(x):
                picture = enlarge(pixels(image, model.levels), height)
                archive.writestr(f"{i + 1:02d}.png", _file(picture))
        yield file.getvalue()


def _file(picture: PILImage.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, format="PNG")
    return file.getvalue()
