"""Which pieces of ink are one drawing: told by reach, by the gaps between them and by size."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

__all__ = ["group"]

LEAST_GAP = 0.2
STROKES = 6
LONG, SHORT = 1.6, 0.45
REACH = 0.3


def group(label: np.ndarray, stroke: float, count: int | None = None) -> np.ndarray:
    """The drawing of each piece, `(N,)`, numbers from 0 on.

    Pieces of which one lies well within the other's convex hull are one. Others are joined, the
    nearest first, until `count` are left or, if that is not given, where the next gap is much
    wider than the last and what is joined is of one size.

    Arguments:
        label: Of each pixel its piece, 1 to N, or 0, `(H, W)`.
        stroke: How wide strokes are, in pixels.
        count: How many drawings there are.

    Raises:
        ValueError: If there are fewer pieces than drawings.

    Source: single linkage, Sneath, The application of computers to taxonomy, 1957.
    """
    low, high = boxes(label)
    pieces = len(low)
    if count is not None and pieces < count:
        raise ValueError(f"count: wanted {count} drawings, the ink is in {pieces} pieces")
    gaps = _gaps(label)
    levels = _joined(gaps)
    if count is not None:
        owner = levels[pieces - count][1]
    else:
        reached = _joined(np.where(_within_reach(label), 0.0, gaps))
        owner = _parted(_natural(reached, low, high, stroke), reached, low, high)
    return np.unique(owner, return_inverse=True)[1]


def boxes(label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The boxes of pieces: `low` and `high`, `(N, 2)`, (y, x)."""
    from scipy import ndimage

    found = ndimage.find_objects(label)
    low = np.array([[side.start for side in box] for box in found])
    return low, np.array([[side.stop for side in box] for box in found])


def _gaps(label: np.ndarray) -> np.ndarray:
    """How far pieces that have no other between them are apart, `(N, N)`; else infinity."""
    from scipy import ndimage

    away, where = ndimage.distance_transform_edt(label == 0, return_indices=True)
    near = label[tuple(where)] - 1
    pieces = int(label.max())
    gaps = np.full((pieces, pieces), np.inf)
    for here, there in ((np.s_[:-1], np.s_[1:]), (np.s_[:, :-1], np.s_[:, 1:])):
        meet = near[here] != near[there]
        a, b = near[here][meet], near[there][meet]
        apart = (away[here] + away[there])[meet]
        np.minimum.at(gaps, (a, b), apart)
        np.minimum.at(gaps, (b, a), apart)
    return gaps


def _within_reach(label: np.ndarray) -> np.ndarray:
    """Which pieces have a good part of the smaller one within the other's hull, `(N, N)` bool."""
    from skimage import measure

    regions = measure.regionprops(label)
    share = np.zeros((len(regions), len(regions)))
    for region in regions:
        inside = label[region.slice][region.image_convex]
        share[region.label - 1] = np.bincount(inside, minlength=len(regions) + 1)[1:]
    share /= np.array([region.area for region in regions])
    reach = share > REACH
    return reach | reach.T


def _joined(gaps: np.ndarray) -> list[tuple[float, np.ndarray]]:
    """The widest gap joined so far, and the group of each piece: from none to all in one."""
    owner = np.arange(len(gaps))
    levels = [(0.0, owner)]
    a, b = np.nonzero(np.triu(np.isfinite(gaps), 1))
    for i in np.argsort(gaps[a, b], kind="stable"):
        if owner[a[i]] != owner[b[i]]:
            owner = np.where(owner == owner[b[i]], owner[a[i]], owner)
            levels.append((float(gaps[a[i], b[i]]), owner))
    return levels


def _natural(
    levels: list[tuple[float, np.ndarray]], low: np.ndarray, high: np.ndarray, stroke: float
) -> np.ndarray:
    """The groups before the step that is largest, in proportion, among groups of one size.

    A gap wider than drawings are long says no more than one as wide, nor does one much narrower
    than they are; and what is hardly longer than a stroke is wide is a dot, and no drawing.
    """
    best, most = levels[-1][1], 0.0
    for (gap, owner), (wider, _) in pairwise(levels):
        extents = _extents(owner, low, high)
        usual = float(np.median(extents))
        even = np.sqrt(extents.min() / usual) * min(1.0, usual / (STROKES * stroke))
        score = even * min(wider, usual) / max(gap, LEAST_GAP * usual)
        if score > most:
            best, most = owner, float(score)
    return best


def _parted(
    owner: np.ndarray, levels: list[tuple[float, np.ndarray]], low: np.ndarray, high: np.ndarray
) -> np.ndarray:
    """Groups much longer than most, taken apart at their widest gap where both parts are usual.

    Then two drawings came near each other there, and nowhere else.
    """
    extents = _extents(owner, low, high)
    usual, parted = float(np.median(extents)), owner.copy()
    todo = [np.flatnonzero(owner == k) for k in np.unique(owner)[extents > LONG * usual]]
    while todo:
        own = todo.pop()
        before = (finer[own] for _, finer in reversed(levels))
        finer = next(part for part in before if len(np.unique(part)) > 1) if len(own) > 1 else own
        parts = [own[finer == k] for k in np.unique(finer)]
        sizes = [_extents(np.zeros_like(part), low[part], high[part])[0] for part in parts]
        if len(parts) > 1 and min(sizes) > SHORT * usual:
            parted[parts[0]] = parted.max() + 1
            todo += [part for part, size in zip(parts, sizes, strict=True) if size > LONG * usual]
    return parted


def _extents(owner: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The longer side of each group's box."""
    own = np.unique(owner, return_inverse=True)[1]
    first = np.full((own.max() + 1, 2), np.iinfo(np.int64).max)
    last = np.zeros_like(first)
    np.minimum.at(first, own, low)
    np.maximum.at(last, own, high)
    return (last - first).max(axis=1)
