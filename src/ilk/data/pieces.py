"""The pieces of a mask: what hangs together."""

from __future__ import annotations

import numpy as np

__all__ = ["largest", "pieces"]


def pieces(mask: np.ndarray) -> np.ndarray:
    """Numbers `(H, W)`, the same throughout a piece, 0 where nothing is; corners touch.

    Example:
        >>> pieces(np.array([[1, 0, 0, 1], [0, 1, 0, 1]]) > 0).tolist()
        [[6, 0, 0, 8], [0, 6, 0, 8]]
    """
    # Every pixel points at one of its piece, at last all at the same: the last of them.
    label = np.where(mask, np.arange(1, mask.size + 1).reshape(mask.shape), 0)
    while True:
        near = np.pad(label, 1)
        rows = np.maximum(np.maximum(near[:-2], near[1:-1]), near[2:])
        spread = np.maximum(np.maximum(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:])
        spread = np.where(mask, spread.ravel()[spread - 1], 0)
        if np.array_equal(spread, label):
            return label
        label = spread


def largest(mask: np.ndarray) -> np.ndarray:
    """The largest piece of a mask, a mask itself."""
    label = pieces(mask)
    counts = np.bincount(label.ravel())
    counts[0] = 0
    return mask & (label == counts.argmax())
