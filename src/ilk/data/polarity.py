"""Which of two shades is ink: dark on light paper, or light on dark."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from .threshold import otsu, separability

__all__ = ["Polarity", "check_polarity", "edge_of", "ink_is_dark", "lighter", "two_shades"]

Polarity = Literal["auto", "dark", "light"]
LOOKED_AT = 128
EDGE, THICKNESS, AREA, PIECES, USUAL = 11.0, 8.0, 7.0, 4.0, 1.0
MOST_TIMES = 3.0  # that a ratio of areas or of pieces is told apart from a larger one
MOST_WITHIN = 0.15  # of the variance of two clean shades, within the two
FITS = 4


def check_polarity(ink: str) -> None:
    """Refuses what is no polarity.

    Raises:
        ValueError: If `ink` is not `"auto"`, `"dark"` or `"light"`.
    """
    if ink not in get_args(Polarity):
        raise ValueError(f"ink: wanted auto, dark or light, got {ink!r}")


def ink_is_dark(light: np.ndarray, ink: Polarity = "auto") -> bool:
    """Whether the dark pixels are the ink, of which pixels are light, bool `(H, W)`.

    Four signs are weighed. Paper is the shade of the edge. Ink is long for its width: its
    thickness, the radius of the largest disc that it holds, is small for its area. A stroke
    encloses and parts paper more often than paper parts strokes: paper has more pieces. And dark
    ink is the usual one. The weights are those of a logistic regression on drawings, digits and
    letters, cropped at random and in both polarities (`python -m benchmarks.ink`).

    Arguments:
        light: Which pixels are the lighter ones.
        ink: `"dark"` and `"light"` decide; nothing is weighed then.

    Raises:
        ValueError: If there is no such polarity.

    Example:
        >>> letter = np.ones((28, 28), dtype=bool)  # an H that fills its crop
        >>> letter[:, :8] = letter[:, 20:] = letter[10:18] = False
        >>> ink_is_dark(letter), ink_is_dark(~letter), ink_is_dark(letter, "light")
        (True, False, False)
    """
    check_polarity(ink)
    if ink != "auto":
        return ink == "dark"
    if light.all() or not light.any():
        return bool(light.all())
    edge = edge_of(light).mean() - edge_of(~light).mean()
    small = _small(light)
    thickness = np.log(_thickness(small) / _thickness(~small))
    area, pieces = (
        np.log(np.clip(ratio, 1 / MOST_TIMES, MOST_TIMES))
        for ratio in (light.sum() / (~light).sum(), _pieces(small) / _pieces(~small))
    )
    weight = EDGE * edge + THICKNESS * thickness - AREA * area + PIECES * pieces
    return bool(weight + USUAL > 0)


def lighter(values: np.ndarray) -> np.ndarray:
    """Which pixels of a grey picture `(H, W)`, uint8, are the lighter ones, bool `(H, W)`.

    By Otsu's threshold; where that parts the values badly, as in uneven light, a small copy is
    divided by the quadratic surface that fits most of it, and parted then.
    """
    if two_shades(values):
        return values > otsu(values)[0]
    small = _thumbnail(values).astype(np.float64) + 1
    y, x = (np.linspace(-1, 1, n) for n in small.shape)
    x, y = np.meshgrid(x, y)
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1).reshape(-1, 6)
    logs, most = np.log(small.ravel()), np.ones(small.size, dtype=bool)
    for _ in range(FITS):
        weights, *_ = np.linalg.lstsq(terms[most], logs[most], rcond=None)
        left = logs - terms @ weights
        most = np.abs(left - np.median(left)) <= 2 * np.median(np.abs(left - np.median(left)))
    flat = np.clip(128 * np.exp(left), 0, 255).reshape(small.shape).astype(np.uint8)
    return flat > otsu(flat)[0]


def two_shades(values: np.ndarray) -> bool:
    """Whether grey values, uint8, differ little within the lighter ones and within the others."""
    return 1 - separability(values) <= MOST_WITHIN


def edge_of(values: np.ndarray) -> np.ndarray:
    """The values at the edge of a picture `(H, W)`, a fiftieth of its shorter side wide."""
    t = max(1, round(0.02 * min(values.shape)))
    sides = (values[:t], values[-t:], values[:, :t], values[:, -t:])
    return np.concatenate([side.ravel() for side in sides])


def _thumbnail(values: np.ndarray) -> np.ndarray:
    from PIL import Image

    image = Image.fromarray(values)
    image.thumbnail((LOOKED_AT, LOOKED_AT), Image.Resampling.BOX, reducing_gap=None)
    return np.asarray(image)


def _small(mask: np.ndarray) -> np.ndarray:
    return mask if max(mask.shape) <= LOOKED_AT else _thumbnail(mask * np.uint8(255)) > 127


def _thickness(mask: np.ndarray) -> float:
    """The radius of the largest disc in a mask, at least 1, in pixels; the edge bounds it."""
    from scipy import ndimage

    return max(1.0, float(ndimage.distance_transform_edt(np.pad(mask, 1)).max()))


def _pieces(mask: np.ndarray) -> int:
    """How many pieces a mask has, at least 1; corners touch."""
    from scipy import ndimage

    return max(1, ndimage.label(mask, np.ones((3, 3)))[1])
