"""What `p.encode` returns: a small header, a stream, a checksum.

All numbers are little-endian.

| bytes | what |
| --- | --- |
| 4 | `ilkb` |
| 1 | version of this format, 1 |
| 2 | threads that computed |
| 4, 4, 4, 4 | digests: of the model, its condition, the machine, the libraries |
| 4 | CRC-32 of the images' pixels |
| 1, 4 each | number of sample dimensions, and the dimensions |
| 4 n | the stream |
| 4 | CRC-32 of all before it |
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import torch
from torch import Tensor

from ..steps import Steps, finish
from . import stream
from .errors import CodingError
from .fingerprint import MOST_THREADS, Platform, arithmetic, digest

if TYPE_CHECKING:
    from ..distributions import Autoregressive

__all__ = ["Code", "decode", "decoding", "encode", "encoding", "parse"]

T = TypeVar("T")

MAGIC, VERSION = b"ilkb", 1
_HEAD = struct.Struct("<4sBH4s4s4s4sIB")
_CRC = struct.Struct("<I")


class Code(NamedTuple):
    """A blob taken apart.

    Attributes:
        threads: That computed.
        model, condition, machine, libraries: Digests.
        pixels: CRC-32 of the images.
        sample_shape: Of the images, without the batch shape of their distribution.
        words: The stream.
    """

    threads: int
    model: bytes
    condition: bytes
    machine: bytes
    libraries: bytes
    pixels: int
    sample_shape: tuple[int, ...]
    words: bytes

    def pack(self) -> bytes:
        """The blob."""
        *head, shape, words = self
        body = _HEAD.pack(MAGIC, VERSION, *head, len(shape))
        body += struct.pack(f"<{len(shape)}I", *shape) + words
        return body + _CRC.pack(zlib.crc32(body))


def parse(blob: bytes) -> Code:
    """Takes a blob apart.

    Raises:
        CodingError: If it is none, of a later version, cut short or changed.
    """
    least = _HEAD.size + _CRC.size
    if blob[:4] != MAGIC[: len(blob)] or not blob:
        raise CodingError(f"blob: not coded by ilk, it begins with {bytes(blob[:4])!r}")
    if len(blob) > 4 and blob[4] > VERSION:
        raise CodingError(f"blob: format {blob[4]}; this ilk reads up to {VERSION}: update ilk")
    if len(blob) < least:
        raise CodingError(f"blob: cut short, {len(blob)} bytes where at least {least} are wanted")
    if _CRC.unpack(blob[-4:])[0] != zlib.crc32(blob[:-4]):
        raise CodingError("blob: damaged or cut short, its checksum is another")
    _, version, threads, *marks, pixels, dims = _HEAD.unpack_from(blob)
    model, condition, machine, libraries = marks
    end = _HEAD.size + 4 * dims
    words = bytes(blob[end:-4])
    numbers_fit = version == VERSION and 1 <= threads <= MOST_THREADS
    if not numbers_fit or end + _CRC.size > len(blob) or len(words) % 4:
        raise CodingError("blob: no code of ilk, though its checksum is right")
    shape = struct.unpack_from(f"<{dims}I", blob, _HEAD.size)
    return Code(threads, model, condition, machine, libraries, pixels, shape, words)


def encode(p: Autoregressive, x: Tensor, sample_shape: Sequence[int]) -> bytes:
    """Flat images `(N, C, H, W)` as a blob."""
    return finish(encoding(p, x, sample_shape))


def encoding(p: Autoregressive, x: Tensor, sample_shape: Sequence[int]) -> Steps[None, bytes]:
    """As `encode`, a pixel a step."""
    threads, words = min(torch.get_num_threads(), MOST_THREADS), b""
    if len(x):
        words = yield from _computed(stream.write(p, x), threads, x.device)
    marks, pixels = _marks(p, x.device), zlib.crc32(x.to(p.dtype).cpu().numpy().tobytes())
    return Code(threads, *marks, pixels, tuple(sample_shape), words).pack()


def decode(p: Autoregressive, code: Code, device: torch.device, elsewhere: bool = False) -> Tensor:
    """Flat images `(N, C, H, W)` of a code.

    Raises:
        CodingError: If another model, condition or platform made it, or the images come out
            otherwise than they went in.
    """
    return finish(decoding(p, code, device, elsewhere))


def decoding(
    p: Autoregressive, code: Code, device: torch.device, elsewhere: bool = False
) -> Steps[None, Tensor]:
    """As `decode`, a pixel a step."""
    _compare(code, _marks(p, device), p, device, elsewhere)
    count = math.prod(code.sample_shape) * p.batch_shape.numel()
    x = torch.zeros(0, *p.event_shape, dtype=p.dtype)
    if count:
        try:
            x = yield from _computed(stream.read(p, count, code.words), code.threads, device)
        except (AssertionError, MemoryError, RuntimeError) as error:
            # The coder asserts that its words make sense; memory may not hold what is claimed.
            first = str(error).partition("\n")[0]
            raise CodingError(f"blob: {count:,} images can't be read from it: {first}") from error
    if zlib.crc32(x.cpu().numpy().tobytes()) != code.pixels:
        raise CodingError(
            "blob: other images come out than went in; the probabilities are computed otherwise"
            " here (another platform or support set), and the images can't be had"
        )
    return x


def _computed(steps: Steps[None, T], threads: int, device: torch.device) -> Steps[None, T]:
    """Steps under the same arithmetic each, whatever is computed in between."""
    while True:
        with arithmetic(threads, device):
            try:
                next(steps)
            except StopIteration as end:
                return end.value
        yield


def _marks(p: Autoregressive, device: torch.device) -> tuple[bytes, bytes, bytes, bytes]:
    """Digests of the model, the condition, the machine and the libraries."""
    here = Platform.here(device)
    shapes = f"{tuple(p.batch_shape)} {tuple(p.event_shape)}"
    return (
        digest(p.net.state_dict(), repr(p.likelihood), shapes),
        digest(p.context.tensors()),
        digest({}, here.machine),
        digest({}, here.libraries),
    )


def _compare(
    code: Code,
    marks: tuple[bytes, bytes, bytes, bytes],
    p: Autoregressive,
    device: torch.device,
    elsewhere: bool,
) -> None:
    model, condition, machine, libraries = marks
    if code.model != model:
        raise CodingError(
            f"blob: coded by another model (or batch shape): {code.model.hex()}, not {model.hex()}"
        )
    if elsewhere:
        return
    here = Platform.here(device)
    hint = "; elsewhere=True tries, and refuses images that come out changed"
    if code.machine != machine:
        raise CodingError(f"blob: coded on another machine than this ({here.machine}){hint}")
    if code.libraries != libraries:
        raise CodingError(f"blob: coded with other libraries than here ({here.libraries}){hint}")
    if code.condition != condition:
        raise CodingError(
            "blob: coded under another condition (another support set or label, or one computed"
            f" with another number of threads; {p.context.batch} here){hint}"
        )
