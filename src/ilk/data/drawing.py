"""Drawings of any size, stroke and polarity, brought to what Omniglot looks like.

Measured on Omniglot at 105 x 105: strokes are 5.1 pixels wide (ink over length of the thinned
line, median; 4.6 to 6.5 for the middle 90 %), the longer side of the ink's box is 67 pixels
(median; 20 to 102 for the middle 99.8 %) and its middle lies within 26 pixels of the page's in
99.9 % of all drawings, at (50, 51) on the median.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ilk.data.omniglot import SIDE, max_pool
from ilk.data.picture import Fit, ImageError, Page, flatten, open_picture, to_pixels
from ilk.data.polarity import Polarity, check_polarity, edge_of, ink_is_dark, lighter, two_shades
from ilk.data.sheet import cut_out
from ilk.data.threshold import otsu, separability

if TYPE_CHECKING:
    from PIL import Image as PILImage

    from ilk.data.picture import Source

__all__ = [
    "NoInkError",
    "Reading",
    "read_image",
    "read_mask",
    "read_picture",
    "reduce_drawing",
    "thin",
]

OMNIGLOT = (1, 26, 26)
STROKE = 5
EXTENT = 68
EXTENTS = (36, 98)
CENTRE = 50.5
OFFSET = 26
LONGEST = 1024
WORKING = 4 * EXTENT
LEAST_CONTRAST = 24
DRAWN = 0.8
SKEW = 0.02
BRUSH = np.argwhere(np.add.outer(np.arange(-2, 3) ** 2, np.arange(-2, 3) ** 2) <= 5) - 2


class NoInkError(ImageError):
    """A picture on which nothing is drawn."""


class Reading(NamedTuple):
    """What was read of a picture.

    Attributes:
        pixels: Those of a model, uint8 `(C, H, W)`.
        dark: Of a drawing, whether it was read as dark ink on light paper; else None.
        size: Width and height of the picture; None where nothing was read.
        drawn: Whether it is a drawing, as far as a model of drawings asks: ink and paper make up
            most of what there is to see (`separability` of at least `DRAWN`).
    """

    pixels: Tensor
    dark: bool | None
    size: tuple[int, int] | None
    drawn: bool = True


def read_image(
    source: Source,
    shape: tuple[int, int, int],
    levels: int,
    fit: Fit = "crop",
    keep_place: bool = False,
    ink: Polarity = "auto",
) -> Tensor:
    """Any drawing or photo as a model's pixels, uint8 `(C, H, W)` in `0..levels-1`.

    For a binary model of 26 x 26, the size of `omniglot-26`, by `reduce_drawing`; for every other
    model by the plain rules of `ilk.data.picture`.

    Arguments:
        source: A path, the bytes of a file, or a Pillow image.
        shape: `(C, H, W)` of the model.
        levels: Of the model.
        fit: What the plain rules do about another aspect ratio.
        keep_place: Of a drawing, see `reduce_drawing`; the plain rules move nothing.
        ink: Of a drawing, see `reduce_drawing`.

    Raises:
        FileNotFoundError: If there is no such file.
        ImageError: If it is damaged, not a picture, too large to decode safely, or (`NoInkError`)
            without ink.
        ValueError: If `shape`, `levels`, `fit` or `ink` is out of range.
    """
    return read_picture(source, shape, levels, fit, keep_place, ink).pixels


def read_picture(
    source: Source,
    shape: tuple[int, int, int],
    levels: int,
    fit: Fit = "crop",
    keep_place: bool = False,
    ink: Polarity = "auto",
) -> Reading:
    """`read_image`, and what was taken for ink."""
    check_polarity(ink)
    image = open_picture(source)
    if not of_drawings(shape, levels):
        return Reading(torch.from_numpy(to_pixels(image, shape, levels, fit)), None, image.size)
    try:
        pixels, dark, drawn = _reduced(image, keep_place, ink)
    except ImageError as error:
        if isinstance(source, str | Path | Page):
            raise type(error)(f"{source}: {error}") from error
        raise
    return Reading(torch.from_numpy(pixels), dark, image.size, drawn)


def read_mask(
    source: Source,
    image: str | Path | bytes | PILImage.Image,
    shape: tuple[int, int, int],
    levels: int,
) -> Tensor:
    """Which pixels of an image a mask covers, bool `(H, W)`: where it is bright on half of one.

    A mask of nothing but 0 and 1 is one too.

    The mask is laid over the image and brought to the model's size the way that `read_image`
    brings the image, with `keep_place`.

    Arguments:
        source: The mask, of the proportions of the image.
        image: What it is laid over.
        shape: `(C, H, W)` of the model.
        levels: Of the model.

    Raises:
        FileNotFoundError: If there is no such file.
        ImageError: If one is damaged, not a picture, or too large to decode safely.
        ValueError: If the mask has other proportions than the image.
    """
    from PIL import ImageOps

    mask, (width, height) = flatten(open_picture(source), colour=False), open_picture(image).size
    if abs(mask.width * height / (mask.height * width) - 1) > SKEW:
        raise ValueError(
            f"mask: wanted the proportions of the image, {width} x {height},"
            f" got {mask.width} x {mask.height}"
        )
    if mask.getextrema()[1] == 1:
        mask = mask.point(lambda value: 255 * value)
    if of_drawings(shape, levels):
        side = max(mask.size)
        mask = ImageOps.pad(mask, (side, side))
    return torch.from_numpy(to_pixels(mask, (1, *shape[1:]), 2))[0] > 0


def of_drawings(shape: tuple[int, int, int], levels: int) -> bool:
    """Whether the model knows drawings, as `reduce_drawing` makes them."""
    return tuple(shape) == OMNIGLOT and levels == 2


def reduce_drawing(
    image: PILImage.Image, keep_place: bool = False, ink: Polarity = "auto"
) -> np.ndarray:
    """A drawing as `omniglot-26` has them: uint8 `(1, 26, 26)`, 1 is ink.

    A two-valued image of 105 x 105 is only pooled, one of 26 x 26 passes. Any other drawing
    becomes 105 x 105 first:

    1. A light sheet before something darker, as on a table, is cut out and straightened
       (`ilk.data.sheet`), and is the picture from then on; not with `keep_place`.
    2. Ink is dark or light as `ilk.data.polarity` weighs it, and what differs from the paper (the
       shade of its edge; uneven light is divided out) by more than Otsu's threshold.
       Transparency is paper.
    3. Strokes are thinned to lines (`thin`) and drawn anew, 5 pixels wide.
    4. On a square canvas place and size stay as they are where Omniglot has their like: the longer
       side of the ink's box 36 to 98 pixels of 105, its middle at most 26 away from the middle of
       the page (98 % of Omniglot). Otherwise, as for a crop that the ink fills or a photograph
       of a large page, the drawing is centred and its longer side scaled to 68 pixels.

    Arguments:
        image: The drawing.
        keep_place: Leave place and size as they are, on a page made square about its middle: for
            a drawing of which a part is missing, whose ink does not tell how large it was.
        ink: Whether ink is `"dark"` or `"light"`; by default that is told from the drawing.

    Raises:
        NoInkError: If there is no ink.
        ValueError: If there is no such `ink`.

    Example:
        >>> from PIL import Image, ImageDraw
        >>> canvas = Image.new("L", (400, 400), 255)
        >>> ImageDraw.Draw(canvas).line((100, 100, 100, 300), fill=0, width=30)
        >>> reduce_drawing(canvas)[0, 12, 3:11].tolist()
        [0, 0, 0, 1, 1, 0, 0, 0]
    """
    return _reduced(image, keep_place, ink)[0]


def _reduced(
    image: PILImage.Image, keep_place: bool, ink: Polarity
) -> tuple[np.ndarray, bool, bool]:
    """A drawing by the rules of `reduce_drawing`, whether its ink is dark, and if it is one."""
    values = grey(image)
    exact = image.size in ((SIDE, SIDE), OMNIGLOT[1:]) and len(np.unique(values)) <= 2
    if exact:
        bits, is_dark = _exact(values, ink)
        return (bits if image.size == OMNIGLOT[1:] else max_pool(bits))[None], is_dark, True
    page = contrast(shrunk(values), ink, sheet=not keep_place)
    drawn, box = _ink(page.dark, page.threshold)
    pixels = max_pool(_redraw(thin(drawn), box, page.dark.shape, keep_place))
    return pixels[None], page.is_dark, separability(page.dark) >= DRAWN


def _exact(values: np.ndarray, ink: Polarity) -> tuple[np.ndarray, bool]:
    """Where a picture of one or two values has ink, uint8, and whether that is dark.

    Nothing but 0 and 1 at the size of the model are its own pixels; a single value is paper.
    """
    low, high = int(values.min()), int(values.max())
    if values.shape == OMNIGLOT[1:] and high <= 1:
        return values.astype(np.uint8), False
    if low == high:
        return np.zeros(values.shape, dtype=np.uint8), low > 127
    light = values == high
    is_dark = ink_is_dark(light, ink)
    return (light != is_dark).astype(np.uint8), is_dark


def thin(ink: np.ndarray) -> np.ndarray:
    """Strokes thinned to lines one pixel wide, bool `(H, W)` to bool `(H, W)`.

    Pixels of the border are peeled off in two alternating directions as long as that neither
    breaks a line nor shortens one that is thin already. A dot keeps a pixel. Source: Zhang and
    Suen, A Fast Parallel Algorithm for Thinning Digital Patterns, 1984.

    Example:
        >>> bar = np.zeros((5, 9), dtype=bool)
        >>> bar[1:4, 1:8] = True
        >>> np.argwhere(thin(bar)).tolist()
        [[2, 2], [2, 3], [2, 4], [2, 5]]
    """
    flat = np.pad(ink.astype(bool), 2).ravel()
    width = ink.shape[1] + 4
    around = np.array([-width, 1 - width, 1, width + 1, width, width - 1, -1, -width - 1])
    code = np.zeros(flat.size, dtype=np.uint8)
    for bit, offset in enumerate(around):
        code |= np.roll(flat, -offset).view(np.uint8) << bit
    code[~flat] = 0
    block = np.add.outer(width * np.arange(-1, 3), np.arange(-1, 3)).ravel()
    before = -1
    while before != (before := int(np.count_nonzero(flat))):
        for table in _PEELED:
            gone = np.flatnonzero(np.frombuffer(code.tobytes().translate(table), dtype=bool))
            # A lone 2 x 2 block would vanish whole; its upper left pixel stays.
            corners = gone[code[gone] == _CORNER]
            lone = corners[flat[corners[:, None] + block].sum(axis=1) == 4]
            gone = np.setdiff1d(gone, lone) if len(lone) else gone
            flat[gone] = False
            code[gone] = 0
            for bit, offset in enumerate(around):
                code[gone - offset] &= 255 - (1 << bit)
    return flat.reshape(-1, width)[2:-2, 2:-2].copy()


def _peeled(step: int) -> bytes:
    """Whether a pixel may go, by its neighbours: clockwise from the upper one, a bit each."""
    around = np.arange(256)[:, None] >> np.arange(8) & 1 > 0
    count = around.sum(axis=1)
    starts = (~around & np.roll(around, -1, axis=1)).sum(axis=1)
    n, e, s, w = around[:, ::2].T
    side = (~e | ~s | (~n & ~w)) if step == 0 else (~n | ~w | (~e & ~s))
    return ((count >= 2) & (count <= 6) & (starts == 1) & side).tobytes()


_PEELED = (_peeled(0), _peeled(1))
_CORNER = 0b00011100  # to the right, below, and between these


def grey(image: PILImage.Image) -> np.ndarray:
    """Grey values; transparency is laid on the shade that the drawing itself does not have."""
    if not image.has_transparency_data:
        return np.asarray(flatten(image, colour=False))
    rgba = image.convert("RGBA")
    alpha, visible = np.asarray(rgba.getchannel("A")), np.asarray(rgba.convert("L"))
    # Without the product of both in memory, which is large for large pictures.
    total = np.einsum("ij,ij->", visible, alpha, dtype=np.float64)
    light = total > 127.5 * alpha.sum(dtype=np.float64)
    return np.asarray(flatten(image, colour=False, paper=0 if light else 255))


class Contrast(NamedTuple):
    """What differs from the paper.

    Attributes:
        dark: How much each pixel differs, 0 to 255, uint8 `(H, W)`.
        threshold: From what on that is ink.
        is_dark: Whether ink is darker than the paper.
    """

    dark: np.ndarray
    threshold: float
    is_dark: bool


def _contrast(values: np.ndarray, is_dark: bool) -> np.ndarray:
    """How much each pixel differs from the paper, 0 to 255."""
    from PIL import Image, ImageFilter
    from scipy import ndimage

    if not is_dark:
        values = 255 - values
    edge = edge_of(values)
    light = edge > otsu(values)[0]
    if light.any() and two_shades(values):
        edge = edge[light]  # ink may fill the rest
    low, paper, high = np.percentile(edge, [5, 50, 95])
    if high - low <= 16:
        return _under(np.arange(256), paper)[values]
    # Uneven light: a closing wider than any stroke leaves the paper.
    small = np.asarray(Image.fromarray(values).resize((64, 64), Image.Resampling.BOX))
    wide = ndimage.maximum_filter(small, 21, mode="nearest")
    wide = ndimage.minimum_filter(wide, 21, mode="nearest")
    small = Image.fromarray(wide).filter(ImageFilter.GaussianBlur(4))
    size = (values.shape[1], values.shape[0])
    return _under(values, np.asarray(small.resize(size, Image.Resampling.BICUBIC), np.float64))


def _under(values: np.ndarray, paper: np.ndarray) -> np.ndarray:
    """How much darker values are than the paper, 0 to 255."""
    return np.clip(255 * (1 - values / np.maximum(paper, 1)), 0, 255).astype(np.uint8)


def shrunk(values: np.ndarray) -> np.ndarray:
    """Grey values, no side longer than `LONGEST`."""
    from PIL import Image

    image = Image.fromarray(values)
    if max(values.shape) > LONGEST:
        image.thumbnail((LONGEST, LONGEST), Image.Resampling.BOX, reducing_gap=None)
    return np.asarray(image)


def contrast(values: np.ndarray, ink: Polarity = "auto", sheet: bool = True) -> Contrast:
    """What of a picture differs from the paper.

    Arguments:
        values: Grey values `(H, W)`, uint8.
        ink: Whether what is `"dark"` or what is `"light"` does; told from the picture otherwise.
        sheet: Look at the sheet alone, if there is one with ink on it in a photograph.

    Raises:
        NoInkError: If there is no ink.
    """
    cut = cut_out(values) if sheet else None
    if cut is not None:
        with suppress(NoInkError):
            return contrast(cut, ink, sheet=False)
    is_dark = ink_is_dark(lighter(values), ink)
    dark = _contrast(values, is_dark)
    threshold, distance = otsu(dark)
    if distance < LEAST_CONTRAST:
        raise NoInkError("no ink: all of it is as bright as the paper")
    return Contrast(dark, threshold, is_dark)


def _ink(dark: np.ndarray, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """The ink cut out, `WORKING` pixels long, and its box `[top, left, bottom, right]` in 0 to 1.

    The unit of the box is the longer side of the page.
    """
    from PIL import Image, ImageFilter

    ys = np.flatnonzero((dark > threshold).any(axis=1))
    xs = np.flatnonzero((dark > threshold).any(axis=0))
    # A margin of one pixel, so that strokes at the edge of the box are smoothed like all others.
    box = np.array([ys[0] - 1, xs[0] - 1, ys[-1] + 2, xs[-1] + 2])
    crop = np.pad(dark, 1)[box[0] + 1 : box[2] + 1, box[1] + 1 : box[3] + 1]
    scale = WORKING / (max(crop.shape) - 2)
    size = (round(crop.shape[1] * scale), round(crop.shape[0] * scale))
    if scale < 1:
        # A thin line must survive: a working pixel is ink where any of its pixels is.
        bits = Image.fromarray((crop > threshold) * np.uint8(255))
        ink = np.asarray(bits.resize(size, Image.Resampling.BOX)) > 0
    else:
        large = Image.fromarray(crop).resize(size, Image.Resampling.BICUBIC)
        smooth = np.asarray(large.filter(ImageFilter.GaussianBlur(0.5 * scale))) > threshold
        # Dots of a pixel each are smoothed away.
        ink = smooth if smooth.any() else np.asarray(large) > threshold
    return ink, box / max(dark.shape)


def _redraw(
    line: np.ndarray, box: np.ndarray, page: tuple[int, ...], keep_place: bool
) -> np.ndarray:
    """Lines on a page of 105 x 105 in Omniglot's stroke, placed as `reduce_drawing` says."""
    points = (np.argwhere(line) + 0.5) / line.shape * (box[2:] - box[:2]) + box[:2]
    extent = SIDE * float((box[2:] - box[:2]).max())
    offset = SIDE * float(np.abs((box[:2] + box[2:]) / 2 - 0.5).max())
    square = max(page) <= 1.1 * min(page)
    at = points * SIDE - 0.5
    if keep_place:
        at += SIDE * (1 - np.array(page) / max(page)) / 2
    elif not (square and EXTENTS[0] <= extent <= EXTENTS[1] and offset <= OFFSET):
        low, high = at.min(axis=0), at.max(axis=0)
        # A dot has no extent of its own: then the box of its ink limits the scale.
        longest = max(float((high - low).max()), 0.25 * extent)
        at = (at - (low + high) / 2) * ((EXTENT - STROKE) / longest) + CENTRE
    drawn = np.zeros((SIDE, SIDE), dtype=np.uint8)
    cells = (np.rint(at).astype(np.int64)[:, None] + BRUSH).reshape(-1, 2)
    inside = ((cells >= 0) & (cells < SIDE)).all(axis=1)
    drawn[cells[inside, 0], cells[inside, 1]] = 1
    return drawn
