"""Examples to begin with: the drawings that come with the package, pictures drawn by program, and
requests that are made of them."""

from __future__ import annotations

import base64
import functools
import io
from pathlib import Path
from typing import Any

import torch
from PIL import Image as PILImage
from torch import Tensor

from ilk.cli.common import to_picture
from ilk.cli.demo import DRAWINGS
from ilk.data import read_image

from . import objects
from .shelf import Shelf
from .wire import encode

__all__ = ["body", "examples"]

SHAPE, LEVELS = (1, 26, 26), 2
FIRST = ("heron", "kettle")  # What the page begins with.


def examples(shelf: Shelf) -> dict[str, dict[str, list[str]]]:
    """Kinds of examples by the sizes of models, `C,H,W,levels`, as pixels.

    Drawings are of 26 x 26; models of colour pictures of any size have objects.
    """
    found = {}
    for model in shelf.values():
        size = ",".join(map(str, (*model.shape, model.levels)))
        if (model.shape, model.levels) == (SHAPE, LEVELS):
            found[size] = _drawings()
        elif model.shape[0] == 3:
            found[size] = _objects(model.shape, model.levels)
    return found


def _objects(shape: tuple[int, int, int], levels: int) -> dict[str, list[str]]:
    return {
        kind: [encode(objects.picture(kind, i, shape, levels)) for i in range(1, 7)]
        for kind in objects.KINDS
    }


def _drawings() -> dict[str, list[str]]:
    kinds = sorted(path for path in DRAWINGS.iterdir() if path.is_dir())
    kinds.sort(key=lambda kind: kind.name not in FIRST)
    return {
        kind.name: [encode(_read(file)) for file in sorted(kind.glob("*.png"))] for kind in kinds
    }


def body(path: str) -> dict[str, Any]:
    """What OpenAPI says of a request beside its fields: one that works."""
    heron = [_file("heron", i) for i in range(1, 4)]
    given: dict[str, Any] = {"support": heron[:2]}
    known = torch.arange(676).view(26, 26) < 400
    bodies: dict[str, dict[str, Any]] = {
        "sample": {**given, "count": 4},
        "complete": {**given, "count": 4, "image": heron[2], "known": encode(known)},
        "score": {**given, "images": heron[2:]},
        "classify": {"kinds": [heron[:1], [_file("kettle", 1)], []], "images": heron[2:]},
        "attention": {**given, "image": heron[2]},
        "encode": {**given, "images": heron[2:]},
        "decode": {**given, "blob": "what encode answered"},
        "pack": {"images": heron},
        "cut": {"image": _sheet("heron", 3)},
    }
    return {"requestBody": {"content": {"application/json": {"example": bodies[path]}}}}


def _read(file: Path) -> Tensor:
    return read_image(file, SHAPE, LEVELS)


@functools.cache
def _file(kind: str, number: int) -> dict[str, str]:
    """A drawing as a small file."""
    image, file = _read(DRAWINGS / kind / f"{number:02d}.png"), io.BytesIO()
    to_picture(image, LEVELS).save(file, format="PNG")
    return {"file": base64.b64encode(file.getvalue()).decode()}


@functools.cache
def _sheet(kind: str, count: int) -> dict[str, str]:
    """Drawings side by side on a page, as a small file."""
    images, file = _drawings()[kind][:count], io.BytesIO()
    rows = [torch.frombuffer(bytearray(base64.b64decode(i)), dtype=torch.uint8) for i in images]
    page = torch.cat([row.view(SHAPE[1:]) for row in rows], dim=1)
    large = page.repeat_interleave(8, 0).repeat_interleave(8, 1)
    PILImage.fromarray(255 * (1 - large.numpy())).save(file, format="PNG")
    return {"file": base64.b64encode(file.getvalue()).decode()}
