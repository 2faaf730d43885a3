"""The order in which drawings on a page are read: along lines that may slope and bend."""

from __future__ import annotations

import numpy as np

__all__ = ["reading_order"]

NEAR = 0.5
ANGLES = np.deg2rad(np.arange(-15, 15.1, 0.5))


def reading_order(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The indices of boxes in the order that they are read, line by line, left to right.

    The page's slope is the one under which the boxes fall into the sharpest rows. Then each box,
    from left to right, goes on the line whose last boxes lead to it, or begins a line.

    Arguments:
        low: Upper left corners `(N, 2)`, (y, x).
        high: Lower right corners.

    Example:
        >>> low = np.array([[0, 0], [8, 30], [40, 2], [50, 31]])
        >>> reading_order(low[[3, 0, 1, 2]], low[[3, 0, 1, 2]] + 20).tolist()
        [1, 2, 3, 0]
    """
    if len(low) < 2:
        return np.arange(len(low))
    middle, tall = (low + high) / 2.0, float(np.median((high - low).max(axis=1)))
    slope = _slope(middle, tall)
    level = middle[:, 0] - slope * middle[:, 1]
    reach = NEAR * max(tall, _pitch(level, middle[:, 1]))
    lines: list[list[int]] = []
    for i in np.argsort(middle[:, 1], kind="stable"):
        away = [abs(_led(line, level, middle[:, 1], i) - level[i]) for line in lines]
        best = int(np.argmin(away)) if away else -1
        if best >= 0 and away[best] < reach:
            lines[best].append(int(i))
        else:
            lines.append([int(i)])
    lines.sort(key=lambda line: float(np.mean(level[line])))
    return np.array([i for line in lines for i in line])


def _pitch(level: np.ndarray, across: np.ndarray) -> float:
    """From line to line: how far below a box the next is that is more below it than beside it."""
    down = level - level[:, None]
    below = np.where(down > np.abs(across - across[:, None]), down, np.inf).min(axis=1)
    below = below[np.isfinite(below)]
    return float(np.median(below)) if len(below) else 0.0


def _slope(middle: np.ndarray, tall: float) -> float:
    """How much lines sink to the right: where rows of boxes are sharpest."""
    best, most = 0.0, -1.0
    for angle in ANGLES[np.argsort(np.abs(ANGLES), kind="stable")]:
        level = middle[:, 0] - np.tan(angle) * middle[:, 1]
        apart = (level[:, None] - level) / (0.25 * tall)
        sharp = float(np.exp(-0.5 * apart**2).sum())
        if sharp > most * 1.001:
            best, most = float(np.tan(angle)), sharp
    return best


def _led(line: list[int], level: np.ndarray, across: np.ndarray, i: int) -> float:
    """At which level a line is where a box stands: half way of how its last boxes go on."""
    last = line[-4:]
    if len(last) < 3:
        return float(level[last].mean())
    rise = np.polynomial.polynomial.polyfit(across[last], level[last], 1)
    ahead = float(np.polynomial.polynomial.polyval(across[i], rise))
    return 0.5 * (ahead + float(level[last].mean()))
