"""Several drawings on one page, told apart by the gaps between them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
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

__all__ = ["Page", "cut_apart", "read_page"]

SPECK = 0.01
MOST = 400
UNEVEN = 3
COLOURS = ("#c0281f", "#1f7a33", "#2448c8", "#a35a00", "#8a1fb0", "#00757d")


@dataclass
class Page:
    """A page, and the drawings on it.

    Attributes:
        paper: Grey values of what was looked at, uint8 `(H, W)`: the sheet, upright.
        dark: How much each pixel differs from the paper around it, uint8 `(H, W)`.
        label: The drawing that each pixel of ink belongs to, 1 to `count` in reading order; 0
            elsewhere, `(H, W)`.
        corners: Where the sheet lay in the picture, see `ilk.data.sheet`; None if that is all.
        form: Whether the places of a printed form told the drawings apart.
    """

    paper: np.ndarray
    dark: np.ndarray
    label: np.ndarray
    corners: np.ndarray | None
    form: bool

    @property
    def count(self) -> int:
        """How many drawings there are."""
        return int(self.label.max())

    def mask(self, i: int) -> np.ndarray:
        """Where the ink of a drawing is, counted from 0, bool `(H, W)`."""
        return self.label == i + 1

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
        own = colours[(self.label - 1) % len(COLOURS)]
        grey = self.paper[..., None].repeat(3, axis=2)
        image = Image.fromarray(np.where(self.label[..., None] > 0, own, grey))
        draw, font = ImageDraw.Draw(image), ImageFont.load_default(max(self.paper.shape) // 50)
        for i, (low, high) in enumerate(zip(*boxes(self.label), strict=True)):
            colour = COLOURS[i % len(COLOURS)]
            top, left, bottom, right = (*(low - 4).tolist(), *(high + 3).tolist())
            draw.rectangle((left, top, right, bottom), outline=colour, width=2)
            draw.text((left, top - 2), str(first + i), fill=colour, font=font, anchor="lb")
        return image

    def drawings(self) -> list[PILImage.Image]:
        """Each drawing in the middle of a white page, all of one size, black on white."""
        low, high = boxes(self.label)
        side = round((high - low).max() * SIDE / EXTENT)
        return [self._alone(i, low[i], high[i], side) for i in range(len(low))]

    def _alone(self, i: int, low: np.ndarray, high: np.ndarray, side: int) -> PILImage.Image:
        from PIL import Image
        from scipy import ndimage

        low, high = np.maximum(low - 2, 0), high + 2
        where = tuple(map(slice, low, high))
        own = ndimage.binary_dilation(self.label[where] == i + 1, np.ones((3, 3)), iterations=2)
        values = np.where(own, 255 - self.dark[where], 255).astype(np.uint8)
        page = Image.new("L", (side, side), 255)
        page.paste(Image.fromarray(values), tuple((side - np.array(values.shape[::-1])) // 2))
        return page


def cut_apart(
    source: str | Path | bytes | PILImage.Image, count: int | None = None
) -> list[PILImage.Image]:
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


def read_page(source: str | Path | bytes | PILImage.Image, count: int | None = None) -> Page:
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
    places = cells(ink.faint, ink.mask)
    if places is not None:
        own = _pieces(ink.mask & (places > 0)) > 0
        used = np.unique(places[own])
        if count in (None, len(used)):
            # Places have an order; what is written in them need not stand in the middle.
            order = reading_order(*(side[used - 1] for side in boxes(places)))
            return Page(values, ink.dark, _numbered(used[order], places * own), corners, True)
    own = without_rules(ink.mask, ink.faint)
    pieces = _pieces(without_binding(without_edges(own)))
    if pieces.max() > MOST:
        raise ValueError(f"the ink is in {pieces.max()} pieces, too many to be drawings")
    found = np.concatenate([[0], 1 + group(pieces, ink.stroke, count)])[pieces]
    order = 1 + reading_order(*boxes(found))
    return Page(values, ink.dark, _numbered(order, found), corners, False)


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
