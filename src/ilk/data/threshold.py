"""A threshold that parts ink from paper, or paper from a table."""

from __future__ import annotations

import numpy as np

__all__ = ["otsu"]


def otsu(values: np.ndarray) -> tuple[float, float]:
    """The threshold that parts values best in two classes, and the distance of their means.

    Source: Otsu, A Threshold Selection Method from Gray-Level Histograms, 1979.
    """
    from PIL import Image

    histogram = np.array(Image.fromarray(values).histogram(), dtype=np.float64)
    below = histogram.cumsum()
    above = below[-1] - below
    total = (histogram * np.arange(256)).cumsum()
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = (total[-1] - total) / above - total / below
    between = np.nan_to_num(below * above * distance**2)
    # Between two clean values every threshold is as good: the middle one.
    best = np.flatnonzero(between >= between.max() * (1 - 1e-12))
    at = int(best[len(best) // 2])
    return at + 0.5, float(np.nan_to_num(distance[at]))
