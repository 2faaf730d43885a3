"""Images grouped by kind: what every data set is, once it is in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

__all__ = ["PARTS", "Kinds", "first_by_hash"]

PARTS = ("train", "valid", "train+valid", "test", "all")


@dataclass(frozen=True, eq=False)
class Kinds:
    """Images in memory, grouped by kind (class).

    Arguments:
        images: Pixels, uint8 `(N, C, H, W)`, values in `0..levels-1`.
        kind: The kind of each image, int64 `(N,)`, ascending; each of `0..len(names)-1` occurs.
        names: A name for each kind.
        levels: The number of values that a pixel can take, 2 to 256.
        name: What the images are, such as `"omniglot-26/30-20/test"`; printed beside every figure.

    Raises:
        ValueError: If shapes, types or values are not as above.

    Example:
        >>> images = torch.zeros(5, 1, 2, 2, dtype=torch.uint8)
        >>> kinds = Kinds(images, torch.tensor([0, 0, 0, 1, 1]), ("cat", "dog"), 2, "pets")
        >>> len(kinds), kinds.shape, kinds.of(1).shape
        (2, (1, 2, 2), torch.Size([2, 1, 2, 2]))
    """

    images: Tensor
    kind: Tensor
    names: tuple[str, ...]
    levels: int
    name: str

    def __post_init__(self) -> None:
        images, kind = self.images, self.kind
        if images.dtype != torch.uint8 or images.ndim != 4:
            raise ValueError(
                f"images: wanted uint8 (N, C, H, W), got {images.dtype} {tuple(images.shape)}"
            )
        if kind.dtype != torch.int64 or kind.shape != images.shape[:1]:
            raise ValueError(
                f"kind: wanted int64 ({len(images)},), got {kind.dtype} {tuple(kind.shape)}"
            )
        if not 2 <= self.levels <= 256:
            raise ValueError(f"levels: wanted 2 to 256, got {self.levels}")
        if not torch.equal(kind.unique_consecutive(), torch.arange(len(self.names))):
            raise ValueError(
                f"kind: wanted 0 to {len(self.names) - 1} in ascending order, one for each of"
                f" the {len(self.names)} names, none left out"
            )
        if len(images) and int(images.max()) >= self.levels:
            raise ValueError(
                f"images: wanted values 0 to {self.levels - 1}, got {int(images.max())}"
            )

    def __len__(self) -> int:
        """The number of kinds."""
        return len(self.names)

    def __repr__(self) -> str:
        return (
            f"Kinds({self.name!r}: {len(self)} kinds, {len(self.images)} images"
            f" {self.shape}, {self.levels} levels)"
        )

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of an image, `(C, H, W)`."""
        c, h, w = self.images.shape[1:]
        return c, h, w

    @cached_property
    def counts(self) -> np.ndarray:
        """The number of images of each kind, int64."""
        return np.bincount(self.kind.numpy(), minlength=len(self)).astype(np.int64)

    @cached_property
    def starts(self) -> np.ndarray:
        """The index of the first image of each kind, int64."""
        return np.cumsum(self.counts) - self.counts

    def of(self, kind: int) -> Tensor:
        """The images of one kind, `(n, C, H, W)`.

        Raises:
            IndexError: If there is no such kind.
        """
        if not 0 <= kind < len(self):
            raise IndexError(f"kind: wanted 0 to {len(self) - 1}, got {kind}")
        start = int(self.starts[kind])
        return self.images[start : start + int(self.counts[kind])]

    def subset(self, kinds: Sequence[int], name: str | None = None) -> Kinds:
        """Some of the kinds, in the order given and numbered anew.

        Raises:
            IndexError: If there is no such kind.
        """
        parts = [self.of(int(k)) for k in kinds]
        counts = torch.tensor([len(p) for p in parts], dtype=torch.int64)
        return Kinds(
            images=torch.cat(parts) if parts else self.images[:0],
            kind=torch.arange(len(parts)).repeat_interleave(counts),
            names=tuple(self.names[int(k)] for k in kinds),
            levels=self.levels,
            name=self.name if name is None else name,
        )

    def rotated(self) -> Kinds:
        """Four times the kinds: each turned by 0, 90, 180 and 270 degrees is a kind of its own.

        Kind `k` turned by `90 r` degrees counter-clockwise is kind `r * len(self) + k`, named
        `"name@90"` and so on; `r = 0` keeps its name. Source: Santoro et al., Meta-Learning with
        Memory-Augmented Neural Networks, 2016.

        Raises:
            ValueError: If the images are not square.

        Example:
            >>> images = torch.tensor([[[[0, 1], [0, 0]]]], dtype=torch.uint8)
            >>> turned = Kinds(images, torch.tensor([0]), ("dot",), 2, "dots").rotated()
            >>> turned.names[1], turned.of(1).tolist()
            ('dot@90', [[[[1, 0], [0, 0]]]])
        """
        _, height, width = self.shape
        if height != width:
            raise ValueError(f"images: only square ones can be turned, got {height} x {width}")
        suffixes = ("", "@90", "@180", "@270")
        return Kinds(
            images=torch.cat([torch.rot90(self.images, r, (2, 3)) for r in range(4)]),
            kind=torch.cat([self.kind + r * len(self) for r in range(4)]),
            names=tuple(n + s for s in suffixes for n in self.names),
            levels=self.levels,
            name=f"{self.name}/rotated",
        )

    def mirrored(self) -> Kinds:
        """Twice the kinds: the mirror image of each, left for right, is a kind of its own.

        Kind `k` mirrored is kind `len(self) + k`, named `"name@mirror"`.

        Example:
            >>> images = torch.tensor([[[[0, 1]]]], dtype=torch.uint8)
            >>> both = Kinds(images, torch.tensor([0]), ("dot",), 2, "dots").mirrored()
            >>> both.names[1], both.of(1).tolist()
            ('dot@mirror', [[[[1, 0]]]])
        """
        return Kinds(
            images=torch.cat([self.images, self.images.flip(3)]),
            kind=torch.cat([self.kind, self.kind + len(self)]),
            names=self.names + tuple(f"{n}@mirror" for n in self.names),
            levels=self.levels,
            name=f"{self.name}/mirrored",
        )

    def digest(self) -> str:
        """SHA-256 of pixels, shape, levels, kinds and names, in hexadecimal.

        The name of the set does not count: equal images have equal digests.
        """
        h = hashlib.sha256(repr((tuple(self.images.shape), self.levels)).encode())
        h.update(self.kind.numpy().astype("<i8").tobytes())
        h.update("\0".join(self.names).encode())
        h.update(np.ascontiguousarray(self.images.numpy()).data)
        return h.hexdigest()


def first_by_hash(
    names: Sequence[str], count: int, among: Sequence[int] | None = None
) -> list[int]:
    """The numbers of the first `count` names in the order of `SHA-256(name)`, ascending.

    So a choice of kinds depends on their names alone, not on their order or a library's random
    numbers.

    Arguments:
        names: Names of kinds.
        count: How many to choose.
        among: The numbers to choose from; all by default.

    Example:
        >>> first_by_hash(("dog", "cat", "bee", "ant"), 2)
        [2, 3]
    """
    numbers = range(len(names)) if among is None else among
    order = sorted(numbers, key=lambda k: hashlib.sha256(names[k].encode()).digest())
    return sorted(order[:count])
