r"""Archives: many pictures of a kind in one file, `.ilk`, with the support set that describes it.

| bytes | what |
| --- | --- |
| 8 | `\x89ilk\r\n\x1a\n`: a transfer as text or with 7 bits destroys it, and is noticed |
| 4, 4 | length and CRC-32 of the header |
| | the header, JSON in zlib: `Header` |
| | the support set, a blob, each image told of those before it, if there is one |
| | chunks of pictures, each a blob with a checksum of its own |

Pictures of a kind are examples for one another (`Turns`): those of the first chunk are told of the
support set and of those before them, all others of the support set and of the first ones, up to as
many as the model was meant for. Where that would not make the file smaller, as where pictures are
of several kinds, all are told of the support set alone, and the header says so.

A damaged chunk costs its own pictures alone, but for the first one, where others were told of it.
Without the header or the support set nothing can be read. In format 1 none was told of pictures.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate, pairwise
from typing import Any

import torch
from torch import Tensor

from ..models import Model
from ..models.identity import fingerprint
from . import blob
from .arithmetic import MOST_THREADS, Platform, arithmetic
from .errors import CodingError
from .turns import Turns

__all__ = ["CHUNK", "Archive", "DamagedArchive", "Header", "pack", "read_header", "unpack"]

MAGIC, FORMAT = b"\x89ilk\r\n\x1a\n", 2
CHUNK = 512
# Pictures by whose score it is decided whether they are examples for one another.
_TRIED = 64
_FRONT = struct.Struct("<8sII")
_MOST_HEADER = 1 << 26


@dataclass(frozen=True)
class Header:
    """What the header of an archive holds.

    Attributes:
        format: Of the file.
        model: Name or directory of the model, as it was given.
        fingerprint: Of the model's config and weights.
        shape: Of a picture, `(C, H, W)`.
        levels: Values of a pixel.
        machine, libraries, threads: Where probabilities were computed (`Platform`).
        support: Number of support images, None for a model that takes none.
        chunks: Number of images and bytes of every blob, the support set's first if it has images.
        names: Of the pictures, in order.
        in_turn: Whether the first pictures are examples for the rest.
    """

    format: int
    model: str
    fingerprint: str
    shape: tuple[int, int, int]
    levels: int
    machine: str
    libraries: str
    threads: int
    support: int | None
    chunks: tuple[tuple[int, int], ...]
    names: tuple[str, ...]
    in_turn: bool = False

    @property
    def platform(self) -> Platform:
        """Where probabilities were computed."""
        return Platform(self.machine, self.libraries)


@dataclass(frozen=True, eq=False)
class Archive:
    """What was read of an archive.

    Attributes:
        images: `(N, C, H, W)`.
        names: One for each.
        support: The support set, `(K, C, H, W)`, None for a model that takes none.
        lost: What could not be read, and why; empty unless asked for a part.
    """

    images: Tensor
    names: tuple[str, ...]
    support: Tensor | None
    lost: tuple[str, ...] = ()


class DamagedArchive(CodingError):
    """An archive of which a part can't be read.

    Attributes:
        readable: Names of the pictures that still can be.
    """

    def __init__(self, lost: Sequence[str], readable: tuple[str, ...], total: int) -> None:
        self.readable = readable
        left = f"{len(readable)} of {total} pictures can still be read"
        if readable:
            left += f" ({_span(readable)}): ask for a part (--partial)"
        super().__init__(f"archive: {'; '.join(lost)}; {left}")


def pack(
    model: Model,
    images: Tensor,
    names: Sequence[str],
    support: Tensor | None = None,
    name: str = "",
    chunk: int = CHUNK,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> bytes:
    """Pictures of one kind as an archive.

    Arguments:
        model: What knows the kind, given a few of it.
        images: Integers `(N, C, H, W)`.
        names: One for each, all different.
        support: Integers `(K, C, H, W)`; it becomes part of the archive.
        name: By which `ilk.load` finds the model.
        chunk: Images coded together; more are quicker and smaller, and are lost together.
        on_progress: Called with the pictures that are done, and all.

    Raises:
        ValueError: If images, names or support do not fit.

    Example:
        >>> import ilk
        >>> model = ilk.models.ConditionalPixelCNN((1, 4, 4), width=8, depth=2, summary=8)
        >>> x = torch.randint(2, (5, 1, 4, 4), dtype=torch.uint8)
        >>> archive = pack(model, x, list("abcde"), support=x[:2])
        >>> read = unpack(archive, model)
        >>> torch.equal(read.images, x), read.names, len(read.support)
        (True, ('a', 'b', 'c', 'd', 'e'), 2)
    """
    if images.dim() != 4 or len(names) != len(images):
        got = f"{tuple(images.shape)} and {len(names)} names"
        raise ValueError(f"images must be (N, C, H, W) with N names, got {got}")
    if len(set(names)) != len(names):
        twice = next(n for n in names if list(names).count(n) > 1)
        raise ValueError(f"names must be different, got {twice!r} twice")
    if chunk < 1:
        raise ValueError(f"chunk must be at least 1, got {chunk}")
    device = model.device
    threads = min(torch.get_num_threads(), MOST_THREADS)
    with torch.inference_mode(), arithmetic(threads, device):
        blobs, counts = [], []
        if support is not None and len(support):
            told = Turns.of(model, None, len(support))
            blobs.append(blob.encode(told, support.to(device), (len(support),)))
            counts.append(len(support))
        in_turn, done = _helps(model, support, images[: min(chunk, _TRIED)]), 0
        for part in images.split(chunk) if len(images) else ():
            first = images[:chunk] if done else _none(model)
            turns = _turns(model, support, in_turn, first, len(part))
            blobs.append(blob.encode(turns, part.to(device), (len(part),)))
            counts.append(len(part))
            done += len(part)
            on_progress(done, len(images))
    here = Platform.here(device)
    header = Header(
        FORMAT,
        name,
        fingerprint(model),
        model.shape,
        model.levels,
        here.machine,
        here.libraries,
        threads,
        None if support is None else len(support),
        tuple(zip(counts, map(len, blobs), strict=True)),
        tuple(names),
        in_turn,
    )
    text = json.dumps(asdict(header), separators=(",", ":"), ensure_ascii=False).encode()
    packed = zlib.compress(text, 9)
    return b"".join([_FRONT.pack(MAGIC, len(packed), zlib.crc32(packed)), packed, *blobs])


def read_header(content: bytes) -> Header:
    """What the header of an archive holds.

    Raises:
        CodingError: If it is no archive, of a later format, or damaged there.
    """
    if content[:8] != MAGIC[: len(content)] or not content:
        raise CodingError("archive: not an archive of ilk; nothing can be read")
    if len(content) < _FRONT.size:
        raise CodingError("archive: cut short before its header; nothing can be read")
    _, length, checksum = _FRONT.unpack_from(content)
    packed = content[_FRONT.size : _FRONT.size + length]
    if len(packed) < length:
        raise CodingError(
            f"archive: cut short in its header, {len(packed):,} of {length:,} bytes are there (or"
            " that number is damaged); nothing can be read"
        )
    if zlib.crc32(packed) != checksum:
        raise CodingError("archive: the header is damaged; nothing can be read")
    try:
        fields = json.loads(zlib.decompressobj().decompress(packed, _MOST_HEADER))
        return _header(fields)
    except CodingError:
        raise
    except (
        zlib.error,
        ArithmeticError,
        LookupError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        raise CodingError(f"archive: the header makes no sense: {error!r}") from None


def unpack(
    content: bytes,
    model: Model,
    partial: bool = False,
    elsewhere: bool = False,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Archive:
    """Reads an archive.

    Arguments:
        content: The file.
        model: The one that it was made with.
        partial: Read what is whole of a damaged archive.
        elsewhere: Try on another platform than it was made on; images that come out changed are
            refused.
        on_progress: Called with the pictures that are done, and all.

    Raises:
        DamagedArchive: If a part is damaged or missing; it says what can still be read.
        CodingError: If nothing can be read, or something else made it; it says what.
    """
    header = read_header(content)
    device = model.device
    _check(header, model, Platform.here(device), elsewhere)
    told, chunks, after = _split(header, content)
    bound = header.in_turn and (header.support or 0) < model.shots  # to the first chunk
    whole, lost = [], [f"{after:,} bytes follow its end"] if after else []
    for chunk in chunks:
        why = chunk.damage()
        if not why and bound and chunk.number > 1 and not whole:
            why = chunk.orphaned()
        whole += [] if why else [chunk]
        lost += [why] if why else []
    if lost and not partial:
        raise DamagedArchive(lost, _names(whole), len(header.names))
    first, parts, read = _none(model), [_none(model)], []
    with torch.inference_mode(), arithmetic(header.threads, device):
        support = None if header.support is None else _none(model)
        if told is not None:
            support = _support(model, told, header, elsewhere)
        for chunk in whole:
            if bound and chunk.number > 1 and not read:
                lost.append(chunk.orphaned())
                continue
            turns = _turns(model, support, header.in_turn, first, len(chunk.names))
            try:
                x = blob.decode(turns, blob.parse(chunk.blob), device, elsewhere)
                parts.append(x.cpu())
            except CodingError as error:
                lost.append(f"{chunk}: {error}")
            else:
                first = parts[-1] if chunk.number == 1 else first
                read.append(chunk)
            on_progress(len(_names(read)), len(header.names))
    if lost and not partial:
        raise DamagedArchive(lost, _names(read), len(header.names))
    images = torch.cat(parts).clone()
    return Archive(images, _names(read), None if support is None else support.clone(), tuple(lost))


@dataclass(frozen=True)
class _Chunk:
    """Pictures that were coded together, and as much of their blob as is there."""

    number: int
    first: int
    names: tuple[str, ...]
    size: int
    blob: bytes

    def __str__(self) -> str:
        several = f"pictures {self.first + 1} to {self.first + len(self.names)}"
        which = several if len(self.names) > 1 else f"picture {self.first + 1}"
        return f"chunk {self.number} ({which}, {_span(self.names)})"

    def orphaned(self) -> str:
        """What is said where it was told of pictures that can't be read."""
        return f"{self} was told of the first chunk's pictures"

    def damage(self) -> str:
        """What is wrong with it, if anything can be seen from outside."""
        if len(self.blob) < self.size:
            return f"{self} is cut short, {len(self.blob):,} of {self.size:,} bytes"
        try:
            code = blob.parse(self.blob)
        except CodingError as error:
            return f"{self} is damaged ({error})"
        if code.sample_shape != (len(self.names),):
            return f"{self} holds {code.sample_shape} pictures"
        return ""


def _split(header: Header, content: bytes) -> tuple[bytes | None, list[_Chunk], int]:
    """The blob of the support set, the chunks, and how many bytes follow."""
    sizes = [size for _, size in header.chunks]
    start = _FRONT.size + _FRONT.unpack_from(content)[1]
    ends = list(accumulate(sizes, initial=start))
    blobs = [content[a:b] for a, b in pairwise(ends)]
    told = blobs[0] if header.support else None
    pictures = list(zip(header.chunks, blobs, strict=True))[bool(header.support) :]
    chunks, first = [], 0
    for number, ((count, size), data) in enumerate(pictures, 1):
        names = header.names[first : first + count]
        chunks.append(_Chunk(number, first, names, size, data))
        first += count
    return told, chunks, max(0, len(content) - ends[-1])


def _support(model: Model, data: bytes, header: Header, elsewhere: bool) -> Tensor:
    try:
        code, count = blob.parse(data), header.support or 0
        # Before decoding, which takes memory for as many as the blob claims.
        if code.sample_shape != (count,):
            raise CodingError("it holds another number of images")
        turns = Turns.of(model, None, count) if header.format > 1 else Turns.one(model(), count)
        return blob.decode(turns, code, model.device, elsewhere).cpu()
    except CodingError as error:
        raise CodingError(
            f"archive: the support set can't be read, and nothing without it: {error}"
        ) from None


def _turns(
    model: Model, support: Tensor | None, in_turn: bool, first: Tensor, count: int
) -> Turns:
    """So many pictures of a chunk; `first` are those of the first chunk, after which they come."""
    if in_turn and not len(first):
        return Turns.of(model, support, count)
    if in_turn:
        given = _none(model) if support is None else support
        support = torch.cat([given, first[: max(0, model.shots - len(given))]])
    return Turns.one(model() if support is None else model(support), count)


def _helps(model: Model, support: Tensor | None, images: Tensor) -> bool:
    """Whether pictures are likelier if the first of them are examples for the rest."""
    if not len(images) or model.conditioning != "support":
        return False
    alone, told = (_turns(model, support, i, images[:0], len(images)) for i in (False, True))
    return float(told.log_prob(images).sum()) > float(alone.log_prob(images).sum())


def _check(header: Header, model: Model, here: Platform, elsewhere: bool) -> None:
    """Refuses another model or platform."""
    mine = fingerprint(model)
    if header.fingerprint != mine:
        raise CodingError(
            f"archive: made with another model, {header.model!r} with fingerprint"
            f" {header.fingerprint}; this one has {mine}"
        )
    if header.in_turn and model.conditioning != "support":
        raise CodingError("archive: pictures in turn do not fit a model that takes no support set")
    if header.shape != model.shape or header.levels != model.levels:
        raise CodingError(f"archive: pictures of {header.shape} do not fit the model")
    if elsewhere:
        return
    for what, there, wanted in (
        ("machine", header.machine, here.machine),
        ("libraries", header.libraries, here.libraries),
    ):
        if there != wanted:
            raise CodingError(
                f"archive: made on another platform, whose arithmetic may differ; {what}: there"
                f" {there!r}, here {wanted!r}. elsewhere=True (--elsewhere) tries, and refuses"
                " pictures that come out changed"
            )


def _header(fields: dict[str, Any]) -> Header:
    """A header of what JSON gave.

    Raises:
        ValueError: If it contradicts itself.
    """
    if fields["format"] > FORMAT:
        form = fields["format"]
        raise CodingError(f"archive: format {form}; this ilk reads up to {FORMAT}: update ilk")
    channels, height, width = map(int, fields.pop("shape"))
    chunks = tuple((int(count), int(size)) for count, size in fields.pop("chunks"))
    names = tuple(map(str, fields.pop("names")))
    header = Header(**fields, shape=(channels, height, width), chunks=chunks, names=names)
    numbers = (header.format, header.levels, header.threads, header.support or 0)
    kinds = isinstance(header.model, str) and isinstance(header.in_turn, bool)
    if not kinds or any(type(n) is not int for n in numbers):
        raise ValueError("a name or a number of another type")
    if len(set(names)) != len(names):
        raise ValueError("two pictures of one name")
    if min((n for chunk in chunks for n in chunk), default=1) < 1:
        raise ValueError("a chunk of nothing")
    if sum(count for count, _ in chunks) != len(names) + (header.support or 0):
        raise ValueError("other numbers of pictures and names")
    if header.support and chunks[0][0] != header.support:
        raise ValueError("other numbers of support images")
    if not 1 <= header.threads <= MOST_THREADS:
        raise ValueError(f"{header.threads} threads")
    return header


def _none(model: Model) -> Tensor:
    return torch.zeros(0, *model.shape, dtype=torch.uint8 if model.levels <= 256 else torch.int64)


def _names(chunks: Sequence[_Chunk]) -> tuple[str, ...]:
    return tuple(name for chunk in chunks for name in chunk.names)


def _span(names: Sequence[str]) -> str:
    return repr(names[0]) if len(names) == 1 else f"{names[0]!r} to {names[-1]!r}"
