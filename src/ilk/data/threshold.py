"""A threshold that parts ink from paper, or paper from a table."""

from __future__ import annotations

import numpy as np

__all__ = ["otsu", "separability"]


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


def separability(values: np.ndarray) -> float:
    r"""How far values, uint8, are two: the share of their variance between Otsu's two classes.

    .. math:: \eta = w (1 - w) (\mu_1 - \mu_0)^2 / \sigma^2

    with w the share of one class and :math:`\mu_1, \mu_0` the means; 1 for a single value. Source:
    Otsu, 1979, equation 12.

    Example:
        >>> separability(np.array([0, 0, 9], dtype=np.uint8))
        1.0
    """
    from PIL import Image

    count = np.array(Image.fromarray(np.atleast_2d(values)).histogram(), dtype=np.float64)
    above = np.arange(256) > otsu(np.atleast_2d(values))[0]
    total = _deviation(count)
    within = sum(_deviation(count[part]) for part in (above, ~above))
    return 1 - within / total if total else 1.0


def _deviation(count: np.ndarray) -> float:
    """The sum of squared deviations from the mean, of neighbouring whole values by their count."""
    values = np.arange(len(count))
    mean = count @ values / max(count.sum(), 1)
    return float(count @ (values - mean) ** 2)
