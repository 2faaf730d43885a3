"""Ink on a page, whatever light falls on it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .drawing import NoInkError
from .threshold import otsu

__all__ = ["Ink", "find_ink"]

LEAST_CONTRAST = 24
STROKES = 5
NARROW, WIDE = 25, 1 / 8
FAINT = 0.45


class Ink(NamedTuple):
    """What is darker than the paper around it, or lighter where ink is light.

    Attributes:
        dark: How much each pixel differs from the paper, uint8 `(H, W)`.
        mask: Where that is ink, bool `(H, W)`.
        faint: Where it may be a printed line, ink included.
        stroke: How wide strokes are, in pixels.
    """

    dark: np.ndarray
    mask: np.ndarray
    faint: np.ndarray
    stroke: float


def find_ink(values: np.ndarray) -> Ink:
    """The ink of a page `(H, W)`, uint8.

    The paper's own shade at each place, which a morphological closing a few strokes wide leaves,
    is divided out, so that neither light that fades nor a soft shadow is ink; then Otsu's
    threshold. How wide strokes are is seen on a first guess by Sauvola's local threshold.

    Raises:
        NoInkError: If there is none.

    Source: Sauvola and Pietikäinen, Adaptive document image binarization, 2000.
    """
    from scipy import ndimage
    from skimage import filters

    high = values - ndimage.uniform_filter(values.astype(np.float32), 61)
    if (high**3).sum() > 0:
        values = 255 - values
    longest = max(values.shape)
    rough = values < filters.threshold_sauvola(values, window_size=longest // 16 * 2 + 1, k=0.15)
    window = round(
        float(np.clip(2 * STROKES * stroke_of(rough[::2, ::2]), NARROW, WIDE * longest))
    )
    smooth = ndimage.gaussian_filter(values.astype(np.float32), 1)
    flat = ndimage.grey_closing(smooth, (window, window), mode="nearest")
    flat = np.maximum(ndimage.uniform_filter(flat, window // 2, mode="nearest"), 1)
    dark = np.clip(255 * (1 - values / flat), 0, 255).astype(np.uint8)
    calm = np.clip(255 * (1 - smooth / flat), 0, 255).astype(np.uint8)
    threshold, distance = otsu(calm)
    if distance < LEAST_CONTRAST:
        raise NoInkError("no ink: all of it is as bright as the paper")
    mask = calm > threshold
    return Ink(dark, mask, calm > FAINT * threshold, stroke_of(mask))


def stroke_of(mask: np.ndarray) -> float:
    """How wide strokes are: twice the median depth of the pixels that lie deepest across them."""
    from scipy import ndimage

    depth = ndimage.distance_transform_edt(mask)
    ridge = (depth > 0) & (depth >= ndimage.maximum_filter(depth, 3))
    return 2 * float(np.median(depth[ridge])) if ridge.any() else 1.0
