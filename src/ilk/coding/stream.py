"""Images as one stream of a range coder, driven by `step`.

Encoder and decoder are one walk over the pixels, and compute the same probabilities in the same
way; only what happens to a value differs. All images are in one stream, turn after turn; in a turn
at every pixel and channel those of all its images, one after the other.
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
    from .turns import Turns

__all__ = ["read", "write"]

# Gives the values `(N,)` of channel c at (i, j), given their masses `(N, levels)`.
_Code = Callable[[int, int, int, np.ndarray], Tensor]


def write(turns: Turns, x: Tensor) -> Steps[None, bytes]:
    """Images `(n, *batch, C, H, W)` as little-endian words of 32 bits, a pixel a step."""
    stream, family = _coder()
    encoder = stream.queue.RangeEncoder()
    start = 0
    for size in turns.sizes:
        p = turns.at(x[:start])
        values = p.flatten(x[start : start + size]).long().cpu()

        def code(c: int, i: int, j: int, masses: np.ndarray, values: Tensor = values) -> Tensor:
            value = values[:, c, i, j].contiguous()
            encoder.encode(value.int().numpy(), family, masses)
            return value

        yield from _walk(p, len(values), code)
        start += size
    return encoder.get_compressed().astype("<u4").tobytes()


def read(turns: Turns, words: bytes) -> Steps[None, Tensor]:
    """The reverse of `write`."""
    stream, family = _coder()
    decoder = stream.queue.RangeDecoder(np.frombuffer(words, "<u4").astype(np.uint32))

    def code(c: int, i: int, j: int, masses: np.ndarray) -> Tensor:
        return torch.from_numpy(decoder.decode(family, masses)).long()

    shape = (*turns.first.batch_shape, *turns.first.event_shape)
    x = torch.zeros(0, *shape, dtype=turns.first.dtype)
    for size in turns.sizes:
        p = turns.at(x)
        flat = yield from _walk(p, size * p.batch_shape.numel(), code)
        part = p.lay_out(flat, torch.empty(size, *shape, device="meta"))
        x = torch.cat([x.to(part), part])
    return x


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
    # As many threads as the code names, those of old codes too.
    for step in p.walk(count, pixel, torch.get_num_threads()):
        pixels.append(step[0])
        yield
    return p.gather(zip(pixels, pixels, strict=True))
