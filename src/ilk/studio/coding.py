"""Images as blobs and back, as jobs."""

from __future__ import annotations

import base64
import math
import os

import torch

from ilk.coding import Turns, blob
from ilk.models import Model

from .given import Slices, images_of, limit, scored, support_of, turns
from .limits import Limits
from .wire import Decode, Encode, decode, encode

__all__ = ["pack_blob", "unpack_blob"]


def pack_blob(request: Encode, model: Model, limits: Limits) -> Slices:
    """What `p.encode` returns, and how long the score says that it is."""
    support = yield from support_of(request.support, model, limits)
    x = yield from images_of(request.images, model, "images", limits.images, limits)
    coded = yield from turns(blob.encoding(Turns.one(model(support), len(x)), x, x.shape[:1]))
    nats = -float((yield from scored(model, support, x)).sum())
    text = base64.b64encode(coded).decode()
    yield {"blob": text, "bytes": len(coded), "bits": nats / math.log(2)}


def unpack_blob(request: Decode, model: Model, limits: Limits) -> Slices:
    """The images of a blob, which says itself how many there are.

    Raises:
        ValueError: If that is too many, or they can't be had here.
    """
    support = yield from support_of(request.support, model, limits)
    code = blob.parse(decode(request.blob, "blob"))
    limit("blob: images", math.prod(code.sample_shape), limits.images)
    limit("blob: threads", code.threads, os.cpu_count() or 1)
    device = next(model.parameters(), torch.empty(0)).device
    told = Turns.one(model(support), math.prod(code.sample_shape))
    x = yield from turns(blob.decoding(told, code, device))
    yield {"images": [{"pixels": encode(image)} for image in x]}
