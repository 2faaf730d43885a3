"""Images as one stream of a range coder, driven by `step`.

Encoder and decoder are one walk over the pixels, and compute the same probabilities in the same
way; only what happens to a value differs. All images of a batch are in one stream: at every pixel
and channel those of all images, one after the other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor

from ..steps import Steps

if TYPE_CHECKING:
    from ..distributions import Autoregressive

__all__ = ["read", "write"]

# Gives the values `(N,)` of channel c at (i, j), given their masses `(N, levels)`.
_Code = Callable[[int, int, int, np.ndarray], Tensor]


def write(p: Autoregressive, x: Tensor) -> Steps[None, bytes]:
    """Images `(N, C, H, W)` as little-endian words of 32 bits, a pixel a step."""
    stream, family = _coder()
    encoder = stream.queue.RangeEncoder()
    values = x.long().cpu()

    def code(c: int, i: int, j: int, masses: np.ndarray) -> Tensor:
        value = values[:, c, i, j].contiguous()
        encoder.encode(value.int().numpy(), family, masses)
        return value

    yield from _walk(p, len(x), code)
    return encoder.get_compressed().astype("<u4").tobytes()


def read(p: Autoregressive, count: int, words: bytes) -> Steps[None, Tensor]:
    """The reverse of `write`."""
    stream, family = _coder()
    decoder = stream.queue.RangeDecoder(np.frombuffer(words, "<u4").astype(np.uint32))

    def code(c: int, i: int, j: int, masses: np.ndarray) -> Tensor:
        return torch.from_numpy(decoder.decode(family, masses)).long()

    return (yield from _walk(p, count, code))


def _coder() -> tuple[Any, Any]:
    import constriction

    stream = cast(Any, constriction).stream
    return stream, stream.model.Categorical(perfect=False)


def _walk(p: Autoregressive, count: int, code: _Code) -> Steps[None, Tensor]:
    def pixel(i: int, j: int, parameters: Tensor) -> Tensor:
        x = parameters.new_empty((count, 0), dtype=torch.long)
        for c in range(p.event_shape[0]):
            masses = p.likelihood.masses(parameters, x)
            # The coder adds 1 to every mass, and its 24 bits are those of float32: no rounding.
            value = code(c, i, j, (masses - 1).float().cpu().numpy())
            x = torch.cat([x, value.to(x.device)[:, None]], dim=1)
        return x

    pixels = []
    for step in p.walk(count, pixel):
        pixels.append(step[0])
        yield
    return p.gather(zip(pixels, pixels, strict=True))
