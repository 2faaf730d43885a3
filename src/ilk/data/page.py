"""Several drawings on one page, told apart by the gaps between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from .drawing import EXTENT, NoInkError, grey, shrunk
from .grouping import boxes, group
from .ink import find_ink
from .omniglot import SIDE
from .order import reading_order
from .picture import open_picture
from .printed import cells, without_binding, without_edges, without_rules
from .sheet import find_sheet, straightened

if TYPE_CHECKING:
    from PIL import Image as PILImage

    from ilk.data.picture import Source

__all__ = ["Page", "cut_apart", "read_page"]

SPECK = 0.01
MOST = 400
UNEVEN = 3
COLOURS = ("#c0281f", "#1f7a33", "#2448c8", "#a35a00", "#8a1fb0", "#00757d")


@dataclass(frozen=True)
class Page:
    """A page, and the drawings on it.

    Attributes:
        paper: Grey values of what was looked at, uint8 `(H, W)`: the sheet, upright.
        dark: How much each pixel differs from the paper around it, uint8 `(H, W)`.
        pieces: The piece of ink that each pixel belongs to, 1 to N; 0 elsewhere, `(H, W)`.
        owner: The drawing that each piece belongs to, 1 to `count` in reading order; 0 for pieces
            of none, `(N,)`.
        corners: Where the sheet lay in the picture, see `ilk.data.sheet`; None if that is all.
        form: Whether the places of a printed form told the drawings apart.
    """

    paper: np.ndarray
    dark: np.ndarray
    pieces: np.ndarray
    owner: np.ndarray
    corners: np.ndarray | None
    form: bool

    @property
    def count(self) -> int:
        """How many drawings there are."""
        return int(self.owner.max())

    @property
    def label(self) -> np.ndarray:
        """The drawing that each pixel of ink belongs to, 1 to `count`; 0 elsewhere, `(H, W)`."""
        return np.concatenate([[0], self.owner])[self.pieces]

    @property
    def groups(self) -> list[list[int]]:
        """The pieces, counted from 1, of each drawing."""
        return [(1 + np.flatnonzero(self.owner == k)).tolist() for k in range(1, self.count + 1)]

    def grouped(self, groups: Sequence[Sequence[int]]) -> Page:
        """The same page with other drawings, put in reading order; pieces of none are left out.

        Arguments:
            groups: The pieces, counted from 1, of each drawing.

        Raises:
            ValueError: If there is no such piece, one is named twice, or a drawing has none.
        """
        named, total = [i for own in groups for i in own], len(self.owner)
        if not all(groups) or not groups:
            raise ValueError("groups: wanted one piece or more in each, and one group or more")
        if not all(1 <= i <= total for i in named) or len(set(named)) < len(named):
            raise ValueError(f"groups: wanted pieces from 1 to {total}, each once, got {named}")
        owner = np.zeros(total, dtype=int)
        for k, own in enumerate(groups, 1):
            owner[np.array(own) - 1] = k
        page = replace(self, owner=owner)
        order = 1 + reading_order(*boxes(page.label))
        return replace(page, owner=_numbered(order, owner))

    def split(self, i: int) -> Page:
        """The same page with a drawing, counted from 0, taken apart at its widest gap.

        Raises:
            ValueError: If there is no such drawing, or it is in one piece.
        """
        if not 0 <= i < self.count:
            raise ValueError(f"split: wanted 0 to {self.count - 1}, got {i}")
        own = self.groups[i]
        if len(own) < 2:
            raise ValueError("split: this drawing is in one piece")
        label = np.where(self.mask(i), self.pieces, 0)
        part = group(np.searchsorted(own, label) * (label > 0) + (label > 0), 1.0, 2)
        parts = [[p for p, at in zip(own, part, strict=True) if at == k] for k in (0, 1)]
        return self.grouped([*self.groups[:i], *parts, *self.groups[i + 1 :]])

    def mask(self, i: int) -> np.ndarray:
        """Where the ink of a drawing is, counted from 0, bool `(H, W)`."""
        return np.concatenate([[False], self.owner == i + 1])[self.pieces]

    @property
    def uneven(self) -> list[int]:
        """The drawings, counted from 0, that are several times as long as most, or as short."""
        extents = np.subtract(*boxes(self.label)[::-1]).max(axis=1)
        usual = np.median(extents)
        return np.flatnonzero((extents * UNEVEN < usual) | (extents > UNEVEN * usual)).tolist()

    def overview(self, first: int = 1) -> PILImage.Image:
        """The page in RGB with its drawings coloured, boxed and numbered, from `first` on."""
        from PIL import Image, ImageColor, ImageDraw, ImageFont

        colours = np.array([ImageColor.getrgb(name) for name in COLOURS], dtype=np.uint8)
        label = self.label
        own = colours[(label - 1) % len(COLOURS)]
        grey = self.paper[..., None].repeat(3, axis=2)
        image = Image.fromarray(np.where(label[..., None] > 0, own, grey))
        draw, font = ImageDraw.Draw(image), ImageFont.load_default(max(self.paper.shape) // 50)
        for i, (low, high) in enumerate(zip(*boxes(label), strict=True)):
            colour = COLOURS[i % len(COLOURS)]
            top, left, bottom, right = (*(low - 4).tolist(), *(high + 3).tolist())
            draw.rectangle((left, top, right, bottom), outline=colour, width=2)
            draw.text((left, top - 2), str(first + i), fill=colour, font=font, anchor="lb")
        return image

    def drawings(self) -> list[PILImage.Image]:
        """Each drawing in the middle of a white page, all of one size, black on white."""
        label = self.label
        low, high = boxes(label)
        side = round((high - low).max() * SIDE / EXTENT)
        return [self._alone(label == i + 1, low[i], high[i], side) for i in range(len(low))]

    def _alone(
        self, ink: np.ndarray, low: np.ndarray, high: np.ndarray, side: int
    ) -> PILImage.Image:
        from PIL import Image
        from scipy import ndimage

        where = tuple(map(slice, np.maximum(low - 2, 0), high + 2))
        own = ndimage.binary_dilation(ink[where], np.ones((3, 3)), iterations=2)
        values = np.where(own, 255 - self.dark[where], 255).astype(np.uint8)
        page = Image.new("L", (side, side), 255)
        left, top = ((side - np.array(values.shape[::-1])) // 2).tolist()
        page.paste(Image.fromarray(values), (left, top))
        return page


def cut_apart(source: Source, count: int | None = None) -> list[PILImage.Image]:
    """The drawings on a page, each on a square page of its own, black on white, in reading order.

    See `read_page`. All pages have one size, so that a small drawing beside a large one stays
    small.

    Arguments:
        source: A path, the bytes of a file, or a Pillow image.
        count: How many drawings there are.

    Raises:
        FileNotFoundError: If there is no such file.
        ImageError: If it is damaged, not a picture, too large to decode safely, or (`NoInkError`)
            without ink.
        ValueError: If there are fewer pieces of ink than drawings, or hundreds of them.

    Example:
        >>> from PIL import Image, ImageDraw
        >>> page = Image.new("L", (600, 200), 255)
        >>> for x in (100, 300, 500):
        ...     ImageDraw.Draw(page).line((x, 50, x, 150), fill=0, width=9)
        >>> len(cut_apart(page)), len(cut_apart(page, count=2))
        (3, 2)
    """
    return read_page(source, count).drawings()


def read_page(source: Source, count: int | None = None) -> Page:
    """A page and the drawings on it.

    Arguments:
        source: A path, the bytes of a file, or a Pillow image.
        count: How many drawings there are; told from gaps and sizes, or the places of a printed
            form, if not given.

    Raises:
        FileNotFoundError: If there is no such file.
        ImageError: If it is damaged, not a picture, too large to decode safely, or (`NoInkError`)
            without ink.
        ValueError: If there are fewer pieces of ink than drawings, or hundreds of them.
    """
    if count is not None and count < 1:
        raise ValueError(f"count must be at least 1, got {count}")
    values = shrunk(grey(open_picture(source)))
    corners = find_sheet(values)
    if corners is not None:
        try:
            return _read(straightened(values, corners), corners, count)
        except NoInkError:
            pass
    return _read(values, None, count)


def _read(values: np.ndarray, corners: np.ndarray | None, count: int | None) -> Page:
    ink = find_ink(values)
    places = cells(ink.faint, without_binding(without_edges(ink.mask)))
    if places is not None:
        pieces = _pieces(ink.mask & (places > 0))
        place = np.zeros(int(pieces.max()) + 1, dtype=int)
        place[pieces] = places
        used, owner = np.unique(place[1:], return_inverse=True)
        if count in (None, len(used)):
            # Places have an order; what is written in them need not stand in the middle.
            order = reading_order(*(side[used - 1] for side in boxes(places)))
            owner = _numbered(order + 1, owner + 1)
            return Page(values, ink.dark, pieces, owner, corners, True)
    own = without_rules(ink.mask, ink.faint)
    pieces = _pieces(without_binding(without_edges(own)))
    if pieces.max() > MOST:
        raise ValueError(f"the ink is in {pieces.max()} pieces, too many to be drawings")
    owner = 1 + group(pieces, ink.stroke, count)
    order = 1 + reading_order(*boxes(np.concatenate([[0], owner])[pieces]))
    return Page(values, ink.dark, pieces, _numbered(order, owner), corners, False)


def _pieces(ink: np.ndarray) -> np.ndarray:
    """What hangs together, numbered from 1 on; a hundredth of the largest or less is none.

    Raises:
        NoInkError: If there is none.
    """
    from skimage import measure

    pieces = measure.label(ink, connectivity=2)
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    if not sizes.any():
        raise NoInkError("no ink: all of it is as bright as the paper")
    keep = sizes >= SPECK * sizes.max()
    return np.where(keep, keep.cumsum(), 0)[pieces]


def _numbered(order: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Labels numbered anew from 1 on, in an order."""
    number = np.zeros(int(label.max()) + 1, dtype=int)
    number[order] = np.arange(1, len(order) + 1)
    return number[label]
