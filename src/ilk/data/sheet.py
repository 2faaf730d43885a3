"""A sheet of paper in a photograph: found, and cut out as if the camera had been above it."""

from __future__ import annotations

import numpy as np

from .threshold import otsu

__all__ = ["cut_out", "find_sheet", "projection", "straightened"]

LOOKED_AT = 160
LEAST_SIDE = 200
LEAST_SHARE = 0.05
SURROUND = 0.05
STRAIGHT = 0.12
STEP = 0.6
MOST_INK = 0.2
MOST_LIGHT = 0.25
EDGE = 0.025

Corners = np.ndarray


def cut_out(values: np.ndarray) -> np.ndarray | None:
    """The sheet that lies before something darker, upright; None if there is none.

    What counts as a sheet is light, in one piece, a twentieth of the picture or more, has four
    straight sides where the light changes at once, and ink on a fifth of it at most: so white
    letters on black are none. Whether there is ink on it at all remains to be seen.

    Arguments:
        values: Grey values `(H, W)`, uint8.

    Example:
        >>> table = np.full((300, 400), 60, dtype=np.uint8)
        >>> table[50:250, 80:330] = 240
        >>> table[120:180, 200:210] = 20
        >>> cut_out(table).shape, cut_out(255 - table)
        ((200, 250), None)
    """
    corners = find_sheet(values)
    return None if corners is None else straightened(values, corners)


def find_sheet(values: np.ndarray) -> Corners | None:
    """Where the sheet of `cut_out` lies: corners `(4, 2)` as `(x, y)` in 0 to 1, clockwise from
    the upper left.
    """
    return None if min(values.shape) < LEAST_SIDE else _sheet(_small(values))


def _small(values: np.ndarray) -> np.ndarray:
    from PIL import Image

    image = Image.fromarray(values)
    image.thumbnail((LOOKED_AT, LOOKED_AT), Image.Resampling.BOX, reducing_gap=None)
    return np.asarray(image)


def _sheet(values: np.ndarray) -> Corners | None:
    threshold, distance = otsu(values)
    light = values > threshold
    page = _largest(_opened(_largest(light)))
    area = page.sum()
    edge = np.concatenate([page[0], page[-1], page[:, 0], page[:, -1]])
    if area < LEAST_SHARE * page.size or edge.mean() > 1 - SURROUND:
        return None
    if (page & ~light).sum() > MOST_INK * area or light[~page].mean() > MOST_LIGHT:
        return None
    corners = _corners(page)
    if abs(_area(corners) / area - 1) > STRAIGHT or _step(values, corners) < STEP * distance:
        return None
    return corners / (page.shape[1], page.shape[0])


def _largest(mask: np.ndarray) -> np.ndarray:
    """The largest piece of a mask, without its holes; corners touch."""
    from scipy import ndimage

    label, _ = ndimage.label(mask, np.ones((3, 3)))
    counts = np.bincount(label.ravel())
    counts[0] = 0
    return ndimage.binary_fill_holes(mask & (label == counts.argmax()))


def _opened(mask: np.ndarray) -> np.ndarray:
    """A mask without what is narrower than five pixels."""
    from scipy import ndimage

    wide = ndimage.minimum_filter(mask, 5)
    return mask & ndimage.maximum_filter(wide, 7)


def _corners(page: np.ndarray) -> Corners:
    """The outermost points `(4, 2)` along both diagonals, `(x, y)`, clockwise."""
    y, x = np.nonzero(page)
    # A pixel reaches from its coordinate to the next: its outermost corner counts.
    return np.array(
        [
            (x[i] + right, y[i] + below)
            for i, right, below in (
                ((x + y).argmin(), 0, 0),
                ((x - y).argmax(), 1, 0),
                ((x + y).argmax(), 1, 1),
                ((x - y).argmin(), 0, 1),
            )
        ],
        dtype=np.float64,
    )


def _step(values: np.ndarray, corners: Corners, beyond: float = 3) -> float:
    """How much lighter it is within a side than beyond it, at the side where it is least.

    A side is the median along it. What lies beyond the border of the picture tells nothing.
    """
    steps = []
    for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        out = np.array((b[1] - a[1], a[0] - b[0])) / max(float(np.hypot(*(b - a))), 1)
        along = a + np.linspace(0.1, 0.9, 40)[:, None] * (b - a)
        within, outside = (np.floor(along + s * beyond * out).astype(int) for s in (-1, 1))
        both = np.stack((within, outside))
        there = ((both >= 0) & (both < values.shape[::-1])).all(axis=(0, 2))
        if there.any():
            (x, y), (u, v) = within[there].T, outside[there].T
            steps.append(float(np.median(values[y, x].astype(float) - values[v, u])))
    return min(steps, default=0)


def _area(corners: Corners) -> float:
    x, y = corners.T
    return 0.5 * abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1)))


def straightened(values: np.ndarray, corners: Corners) -> np.ndarray:
    """The quadrilateral as a rectangle of the lengths of its sides, its edge painted over."""
    from PIL import Image

    to = corners * (values.shape[1], values.shape[0])
    length = np.hypot(*(np.roll(to, -1, axis=0) - to).T)
    across, down = (length[0] + length[2]) / 2, (length[1] + length[3]) / 2
    x, y = round(across * EDGE), round(down * EDGE)
    size = (round(across) - 2 * x, round(down) - 2 * y)
    at = np.array([(-x, -y), (size[0] + x, -y), (size[0] + x, size[1] + y), (-x, size[1] + y)])
    image = Image.fromarray(values)
    found = image.transform(
        size, Image.Transform.PERSPECTIVE, tuple(projection(at, to)), Image.Resampling.BICUBIC
    )
    return np.pad(np.asarray(found), ((y, y), (x, x)), mode="edge")


def projection(at: Corners, to: Corners) -> np.ndarray:
    """The projective map that takes four points to four others, as Pillow's eight numbers.

    It takes (x, y) to ((ax + by + c) / (gx + hy + 1), (dx + ey + f) / (gx + hy + 1)).
    """
    rows = []
    for (x, y), (u, v) in zip(at, to, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y])
    return np.linalg.solve(np.array(rows), to.ravel())
