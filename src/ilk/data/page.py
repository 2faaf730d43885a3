"""Several drawings on one page, told apart by the gaps between them."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .drawing import EXTENT, darkness, grey, shrunk
from .omniglot import SIDE
from .picture import open_picture
from .pieces import pieces

if TYPE_CHECKING:
    from PIL import Image as PILImage

__all__ = ["cut_apart"]

CELLS = 256
LEAST_GAP = 2.5
SPECK = 0.01
MOST = 400
# Cells and those below them, and to their right.
_NEXT = ((np.s_[:-1], np.s_[1:]), (np.s_[:, :-1], np.s_[:, 1:]))


class Group(NamedTuple):
    """Cells of ink `(N, 2)` that are one drawing, and their box."""

    cells: np.ndarray
    low: np.ndarray
    high: np.ndarray


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
        ValueError: If there are fewer pieces of ink than drawings, or hundreds of them.

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
    dark, threshold = darkness(shrunk(grey(open_picture(source))))
    ink, cell = dark > threshold, -(-max(dark.shape) // CELLS)
    groups = _in_reading_order(_groups(_pooled(ink, cell), count))
    side = round(max((g.high - g.low).max() for g in groups) * cell * SIDE / EXTENT)
    around = [(cell, cell + -n % cell) for n in ink.shape]
    dark, ink = np.pad(dark, around), np.pad(ink, around)
    return [_page(dark, ink, g, cell, side) for g in groups]


def _pooled(ink: np.ndarray, cell: int) -> np.ndarray:
    """Cells of so many pixels each way, ink where any of theirs is."""
    high, wide = (-n % cell for n in ink.shape)
    padded = np.pad(ink, ((0, high), (0, wide)))
    rows, columns = padded.shape[0] // cell, padded.shape[1] // cell
    return padded.reshape(rows, cell, columns, cell).max(axis=(1, 3))


def _groups(ink: np.ndarray, count: int | None) -> list[Group]:
    label = _without_specks(pieces(ink))
    cells = np.argwhere(label)
    names, part = np.unique(label[label > 0], return_inverse=True)
    if len(names) > MOST:
        raise ValueError(f"the ink is in {len(names)} pieces, too many to be drawings on a page")
    if count is not None and len(names) < count:
        raise ValueError(f"count: wanted {count} drawings, the ink is in {len(names)} pieces")
    levels = _joined(_gaps(label, names))
    if count is not None:
        owner = levels[len(names) - count][1]
    else:
        owner = _natural(levels, *_boxes(cells, part))
    own = owner[part]
    return [Group(cells[own == k], *_box(cells[own == k])) for k in np.unique(owner)]


def _without_specks(label: np.ndarray) -> np.ndarray:
    """The pieces that are a hundredth of the largest or more."""
    sizes = np.bincount(label.ravel())
    sizes[0] = 0
    return np.where(sizes[label] >= SPECK * sizes.max(), label, 0)


def _gaps(label: np.ndarray, names: np.ndarray) -> np.ndarray:
    """How far pieces that have no other between them are apart, in cells, `(N, N)`; else infinity.

    All grow at one pace, sideways and in every direction by turns, until they meet.
    """
    grown, since = np.searchsorted(names, label) + 1, np.zeros(label.shape, dtype=int)
    grown[label == 0] = 0
    step = 0
    while not grown.all():
        step += 1
        near = np.pad(grown, 1)
        rows = np.maximum(near[:-2], near[2:])
        around = np.maximum(rows[:, 1:-1], np.maximum(near[1:-1, :-2], near[1:-1, 2:]))
        if step % 2 == 0:
            around = np.maximum(around, np.maximum(rows[:, :-2], rows[:, 2:]))
        since[(grown == 0) & (around > 0)] = step
        grown = np.where(grown, grown, around)
    gaps = np.full((len(names), len(names)), np.inf)
    for here, there in _NEXT:
        a, b = grown[here] - 1, grown[there] - 1
        meet = a != b
        apart = (since[here] + since[there] + 1)[meet]
        np.minimum.at(gaps, (a[meet], b[meet]), apart)
        np.minimum.at(gaps, (b[meet], a[meet]), apart)
    return gaps


def _joined(gaps: np.ndarray) -> list[tuple[float, np.ndarray]]:
    """The widest gap joined so far, and the group of each piece: from none to all in one."""
    owner = np.arange(len(gaps))
    levels = [(0.0, owner)]
    a, b = np.nonzero(np.triu(np.isfinite(gaps)))
    for i in np.argsort(gaps[a, b], kind="stable"):
        if owner[a[i]] != owner[b[i]]:
            owner = np.where(owner == owner[b[i]], owner[a[i]], owner)
            levels.append((float(gaps[a[i], b[i]]), owner))
    return levels


def _natural(
    levels: list[tuple[float, np.ndarray]], low: np.ndarray, high: np.ndarray
) -> np.ndarray:
    """The groups before the step that is largest, in proportion, among groups of one size."""
    best, most = levels[-1][1], 0.0
    for (gap, owner), (wider, _) in pairwise(levels):
        group = np.unique(owner, return_inverse=True)[1]
        extents = (_boxes(high, group)[1] - _boxes(low, group)[0]).max(axis=1)
        score = extents.min() / np.median(extents) * wider / max(gap, LEAST_GAP)
        if score > most:
            best, most = owner, float(score)
    return best


def _boxes(cells: np.ndarray, owner: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The least and the greatest coordinates of each owner's, `(N, 2)`."""
    low = np.full((owner.max() + 1, 2), np.iinfo(np.int64).max)
    high = np.zeros_like(low)
    np.minimum.at(low, owner, cells)
    np.maximum.at(high, owner, cells)
    return low, high


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

    # Its cells and those around them, of pictures that begin a cell earlier.
    own = np.zeros(group.high - group.low + 2, dtype=bool)
    for step in np.ndindex(3, 3):
        own[tuple((group.cells - group.low + step).T)] = True
    mask = own.repeat(cell, 0).repeat(cell, 1)
    where = tuple(map(slice, group.low * cell, (group.high + 2) * cell))
    low, high = _box(np.argwhere(ink[where] & mask))
    top, left = ((side - low - high) // 2).tolist()
    page = Image.new("L", (side, side), 255)
    page.paste(
        Image.fromarray(np.where(mask, 255 - dark[where], 255).astype(np.uint8)), (left, top)
    )
    return page
