"""Several drawings on one page, told apart by the gaps between them."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .drawing import EXTENT, NoInkError, contrast, grey, shrunk
from .omniglot import SIDE
from .picture import open_picture
from .pieces import pieces
from .sheet import cut_out
from .threshold import otsu

if TYPE_CHECKING:
    from PIL import Image as PILImage

__all__ = ["cut_apart"]

CELLS = 256
LEAST_GAP = 2.5
SPECK = 0.01
LEAST_CONTRAST = 24


class Group(NamedTuple):
    """Cells of ink `(N, 2)` that are one drawing, and their box."""

    cells: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def extent(self) -> int:
        """The longer side of the box, in cells."""
        return int((self.high - self.low).max())


def cut_apart(
    source: str | Path | bytes | PILImage.Image, count: int | None = None
) -> list[PILImage.Image]:
    """The drawings on a page, each on a square page of its own, black on white, in reading order.

    Of a photograph the sheet is cut out first (`ilk.data.sheet`). Pieces of ink are joined, the
    nearest first, until `count` drawings are left or, if that is not given, where the next gap is
    much wider than the last and what is joined is of one size. All pages have one size, so that a
    small drawing beside a large one stays small.

    Arguments:
        source: A path, the bytes of a file, or a Pillow image.
        count: How many drawings there are.

    Raises:
        FileNotFoundError: If there is no such file.
        ImageError: If it is damaged, not a picture, too large to decode safely, or (`NoInkError`)
            without ink.
        ValueError: If there are fewer pieces of ink than drawings.

    Source: single linkage, Sneath, The application of computers to taxonomy, 1957.

    Example:
        >>> from PIL import Image, ImageDraw
        >>> page = Image.new("L", (600, 200), 255)
        >>> for x in (100, 300, 500):
        ...     ImageDraw.Draw(page).line((x, 50, x, 150), fill=0, width=9)
        >>> len(cut_apart(page)), len(cut_apart(page, count=2))
        (3, 2)
    """
    if count is not None and count < 1:
        raise ValueError(f"count must be at least 1, got {count}")
    values = shrunk(grey(open_picture(source)))
    sheet = cut_out(values)
    values = values if sheet is None else sheet
    dark = contrast(values)
    threshold, distance = otsu(dark)
    if distance < LEAST_CONTRAST:
        raise NoInkError("no ink: all of it is as bright as the paper")
    ink, cell = dark > threshold, -(-max(values.shape) // CELLS)
    groups = _in_reading_order(_groups(_pooled(ink, cell), count))
    side = round(max(g.extent for g in groups) * cell * SIDE / EXTENT)
    return [_page(dark, ink, g, cell, side) for g in groups]


def _pooled(ink: np.ndarray, cell: int) -> np.ndarray:
    """Cells of so many pixels each way, ink where any of theirs is."""
    high, wide = (-n % cell for n in ink.shape)
    padded = np.pad(ink, ((0, high), (0, wide)))
    rows, columns = padded.shape[0] // cell, padded.shape[1] // cell
    return padded.reshape(rows, cell, columns, cell).max(axis=(1, 3))


def _groups(ink: np.ndarray, count: int | None) -> list[Group]:
    cells = np.argwhere(ink)
    _, piece, sizes = np.unique(pieces(ink)[ink], return_inverse=True, return_counts=True)
    kept = np.flatnonzero(sizes >= SPECK * sizes.max())
    parts = [cells[piece == k] for k in kept]
    if count is not None and len(parts) < count:
        raise ValueError(f"count: wanted {count} drawings, the ink is in {len(parts)} pieces")
    levels = _joined(parts)
    owner = levels[len(parts) - count][1] if count is not None else _natural(parts, levels)
    groups = [np.concatenate(own) for own in _by_owner(parts, owner)]
    return [Group(cells, *_box(cells)) for cells in groups]


def _joined(parts: list[np.ndarray]) -> list[tuple[float, np.ndarray]]:
    """The widest gap joined so far, and the group of each part: from none joined to all in one."""
    gaps = _gaps(parts)
    owner = np.arange(len(parts))
    levels = [(0.0, owner)]
    while len(np.unique(owner)) > 1:
        apart = np.where(owner[:, None] == owner, np.inf, gaps)
        a, b = np.unravel_index(apart.argmin(), apart.shape)
        owner = np.where(owner == owner[b], owner[a], owner)
        levels.append((float(apart[a, b]), owner))
    return levels


def _gaps(parts: list[np.ndarray]) -> np.ndarray:
    """The distances `(N, N)` of the nearest cells of each two parts."""
    cells, first = np.concatenate(parts), np.cumsum([0, *map(len, parts[:-1])])
    rows = []
    for part in parts:
        nearest = np.full(len(cells), np.inf)
        for some in np.array_split(part, -(-len(part) // 256)):
            squares = ((cells[:, None] - some) ** 2).sum(axis=-1).min(axis=1)
            nearest = np.minimum(nearest, squares)
        rows.append(np.minimum.reduceat(nearest, first))
    return np.sqrt(np.array(rows))


def _natural(parts: list[np.ndarray], levels: list[tuple[float, np.ndarray]]) -> np.ndarray:
    """The groups before the step that is largest, in proportion, among groups of one size."""
    best, most = levels[-1][1], 0.0
    for (gap, owner), (wider, _) in pairwise(levels):
        boxes = [np.array(_box(np.concatenate(own))) for own in _by_owner(parts, owner)]
        extents = [float((high - low).max()) for low, high in boxes]
        alike = min(extents) / float(np.median(extents))
        score = alike * wider / max(gap, LEAST_GAP)
        if score > most:
            best, most = owner, score
    return best


def _by_owner(parts: list[np.ndarray], owner: np.ndarray) -> list[list[np.ndarray]]:
    return [[parts[i] for i in np.flatnonzero(owner == k)] for k in np.unique(owner)]


def _box(cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return cells.min(axis=0), cells.max(axis=0) + 1


def _in_reading_order(groups: list[Group]) -> list[Group]:
    """Row by row, and from left to right; a row is what begins above the middle of its first."""
    rest = sorted(groups, key=lambda g: int(g.low[0] + g.high[0]))
    rows: list[list[Group]] = []
    for group in rest:
        first = rows[-1][0] if rows else None
        if first is not None and group.low[0] < (first.low[0] + first.high[0]) / 2:
            rows[-1].append(group)
        else:
            rows.append([group])
    return [g for row in rows for g in sorted(row, key=lambda g: int(g.low[1] + g.high[1]))]


def _page(dark: np.ndarray, ink: np.ndarray, group: Group, cell: int, side: int) -> PILImage.Image:
    """A drawing in the middle of a white page, without the ink of others."""
    from PIL import Image

    own = np.zeros(-(-np.array(dark.shape) // cell) + 2, dtype=bool)
    for dy, dx in np.ndindex(3, 3):
        own[tuple((group.cells + (dy, dx)).T)] = True
    mask = own[1:-1, 1:-1].repeat(cell, 0).repeat(cell, 1)[: dark.shape[0], : dark.shape[1]]
    shown = np.pad(np.where(mask, 255 - dark, 255).astype(np.uint8), side, constant_values=255)
    low, high = _box(np.argwhere(ink & mask))
    top, left = (low + high + side) // 2
    return Image.fromarray(shown[top : top + side, left : left + side])
