"""What `p.encode` returns: a small header, a stream, a checksum.

All numbers are little-endian.

| bytes | what |
| --- | --- |
| 4 | `ilkb` |
| 1 | version of this format, 2 |
| 2, 2, 2, 2 | digests: of the model, its condition, the machine, the libraries |
| 4 | CRC-32 of the images' pixels |
| 1 or more | threads that computed (LEB128, as the next two) |
| 1 or more | number of sample dimensions |
| 1 or more each | the dimensions |
| 4 n | the stream |
| 2 | CRC-16 of all before it |

Digests and the last checksum are short, for they only tell why images can't be had. What says that
they are the images that went in is the checksum of their pixels.
"""

from __future__ import annotations

import binascii
import math
import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import torch
from torch import Tensor

from ..distributions.likelihoods import UNIT
from ..models.identity import digest
from ..steps import Steps, finish
from . import stream
from .arithmetic import MOST_THREADS, Platform, arithmetic
from .errors import CodingError

if TYPE_CHECKING:
    from ..distributions import Autoregressive
    from .turns import Turns

__all__ = ["Code", "decode", "decoding", "encode", "encoding", "parse"]

T = TypeVar("T")

MAGIC, VERSION = b"ilkb", 2
_HEAD = struct.Struct("<4sB2s2s2s2sI")
_CRC = struct.Struct("<H")
_MOST_DIMENSIONS = 64
_MOST_IMAGES = 1 << 40
_NONSENSE = "blob: no code of ilk, though its checksum is right"


class Code(NamedTuple):
    """A blob taken apart.

    Attributes:
        model, condition, machine, libraries: Digests.
        pixels: CRC-32 of the images.
        threads: That computed.
        sample_shape: Of the images, without the batch shape of their distribution.
        words: The stream.
    """

    model: bytes
    condition: bytes
    machine: bytes
    libraries: bytes
    pixels: int
    threads: int
    sample_shape: tuple[int, ...]
    words: bytes

    def pack(self) -> bytes:
        """The blob."""
        *head, threads, shape, words = self
        numbers = b"".join(map(_leb128, (threads, len(shape), *shape)))
        body = _HEAD.pack(MAGIC, VERSION, *head) + numbers + words
        return body + _CRC.pack(binascii.crc_hqx(body, 0))


def parse(blob: bytes) -> Code:
    """Takes a blob apart.

    Raises:
        CodingError: If it is none, of another version, cut short or changed.
    """
    least = _HEAD.size + 2 + _CRC.size
    if blob[:4] != MAGIC[: len(blob)] or not blob:
        raise CodingError(f"blob: not coded by ilk, it begins with {bytes(blob[:4])!r}")
    if len(blob) > 4 and blob[4] != VERSION:
        raise CodingError(f"blob: format {blob[4]}, and this ilk reads format {VERSION}")
    if len(blob) < least:
        raise CodingError(f"blob: cut short, {len(blob)} bytes where at least {least} are wanted")
    body = bytes(blob[: -_CRC.size])
    if _CRC.unpack(blob[-_CRC.size :])[0] != binascii.crc_hqx(body, 0):
        raise CodingError("blob: damaged or cut short, its checksum is another")
    _, _, *marks, pixels = _HEAD.unpack_from(body)
    rest = iter(body[_HEAD.size :])
    threads, dims = _read_leb128(rest), _read_leb128(rest)
    shape = tuple(_read_leb128(rest) for _ in range(min(dims, _MOST_DIMENSIONS + 1)))
    words = bytes(rest)
    if not 1 <= threads <= MOST_THREADS or dims > _MOST_DIMENSIONS or len(words) % 4:
        raise CodingError(_NONSENSE)
    if math.prod(max(n, 1) for n in shape) > _MOST_IMAGES:
        raise CodingError(_NONSENSE)
    model, condition, machine, libraries = marks
    return Code(model, condition, machine, libraries, pixels, threads, shape, words)


def _leb128(number: int) -> bytes:
    """Seven bits a byte, the lowest first; the highest bit says that more follow."""
    head = b""
    while number > 0x7F:
        head += bytes([number & 0x7F | 0x80])
        number >>= 7
    return head + bytes([number])


def _read_leb128(content: Iterator[int]) -> int:
    """The reverse, of at most 63 bits.

    Raises:
        CodingError: If it does not end.
    """
    number = 0
    for shift, byte in zip(range(0, 63, 7), content, strict=False):
        number |= (byte & 0x7F) << shift
        if byte <= 0x7F:
            return number
    raise CodingError(_NONSENSE)


def encode(turns: Turns, x: Tensor, sample_shape: Sequence[int]) -> bytes:
    """Images `(n, *batch, C, H, W)` as a blob that says it holds a sample of a shape."""
    return finish(encoding(turns, x, sample_shape))


def encoding(turns: Turns, x: Tensor, sample_shape: Sequence[int]) -> Steps[None, bytes]:
    """As `encode`, a pixel a step."""
    most = max(turns.sizes, default=0) * turns.first.batch_shape.numel()
    threads, words = min(turns.first.threads_for(most), MOST_THREADS), b""
    if x.numel():
        words = yield from _computed(stream.write(turns, x), threads, x.device)
    marks = _marks(turns.first, x.device)
    return Code(*marks, _pixels(turns, x), threads, tuple(sample_shape), words).pack()


def decode(turns: Turns, code: Code, device: torch.device, elsewhere: bool = False) -> Tensor:
    """Images `(n, *batch, C, H, W)` of a code.

    Raises:
        CodingError: If another model, condition or platform made it, or the images come out
            otherwise than they went in.
    """
    return finish(decoding(turns, code, device, elsewhere))


def decoding(
    turns: Turns, code: Code, device: torch.device, elsewhere: bool = False
) -> Steps[None, Tensor]:
    """As `decode`, a pixel a step."""
    p = turns.first
    _compare(code, _marks(p, device), p, device, elsewhere)
    count = sum(turns.sizes) * p.batch_shape.numel()
    _check_count(code, count, p)
    x = torch.zeros(0, *p.batch_shape, *p.event_shape, dtype=p.dtype)
    if count:
        try:
            x = yield from _computed(stream.read(turns, code.words), code.threads, device)
        except (AssertionError, MemoryError, RuntimeError) as error:
            # The coder asserts that its words make sense; memory may not hold what is claimed.
            first = str(error).partition("\n")[0]
            raise CodingError(f"blob: {count:,} images can't be read from it: {first}") from error
    if _pixels(turns, x) != code.pixels:
        raise CodingError(
            "blob: other images come out than went in; the probabilities are computed otherwise"
            " here (another platform or support set), and the images can't be had"
        )
    return x


def _pixels(turns: Turns, x: Tensor) -> int:
    """CRC-32 of images, those of a turn and a condition next to one another."""
    p, crc = turns.first, 0
    for part in x.split(turns.sizes) if x.numel() else ():
        crc = zlib.crc32(p.flatten(part).to(p.dtype).cpu().numpy().tobytes(), crc)
    return crc


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
        digest(p.net.state_dict(), repr(p.likelihood), shapes, size=2),
        digest(p.context.tensors(), size=2),
        digest({}, here.machine, size=2),
        digest({}, here.libraries, size=2),
    )


def _check_count(code: Code, count: int, p: Autoregressive) -> None:
    """Refuses more images than the stream can hold, before memory is taken for them.

    Even the surest value costs a little: all other levels have a mass of 1 or more.
    """
    least = -math.log2(1 - (p.levels - 1) / UNIT)
    if count * p.event_shape.numel() > 8 * len(code.words) / least:
        held = f"{len(code.words):,} bytes"
        raise CodingError(f"blob: {count:,} images are claimed, more than {held} can hold")


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
