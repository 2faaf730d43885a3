"""What is printed on a page or belongs to the paper: rules, boxes, a binding, an edge."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["cells", "without_binding", "without_edges", "without_rules"]

SLOPES = np.tan(np.deg2rad(np.arange(-13.5, 14, 1.5)))
SEGMENT = 0.12
FILLED = 0.85
SPAN = 0.45
ALIKE = 0.7
HOLES, MANY = 8, 20
MARGIN = 0.12
ALONG = 0.08


def without_rules(ink: np.ndarray, faint: np.ndarray) -> np.ndarray:
    """Ink without lines that go along or down half of the page, though they bend a little.

    Where a stroke crosses a line it is kept whole.

    Arguments:
        ink: Bool `(H, W)`.
        faint: The same and what is not quite as dark, where lines are looked for.
    """
    from scipy import ndimage

    across, down = _rules(faint), _rules(faint.T).T
    rest = ink & ~_thin(ink, faint, across) & ~_thin(ink.T, faint.T, down.T).T
    wide = np.ones((5, 5))
    rest &= ~(ndimage.binary_dilation(across, wide) & ndimage.binary_dilation(down, wide))
    return rest if rest.any() else ink


def _rules(ink: np.ndarray) -> np.ndarray:
    """Where lines go across, bool `(H, W)`."""
    from scipy import ndimage

    height, width = ink.shape
    half = np.pad(ink, ((0, height % 2), (0, width % 2)))
    half = half.reshape(-(-height // 2), 2, -(-width // 2), 2).max(axis=(1, 3))
    rows, columns = half.shape
    length = round(SEGMENT * columns)
    wide = ndimage.binary_dilation(half, np.ones((3, 1)))
    found = np.zeros_like(half)
    at = np.arange(columns)
    for slope in SLOPES:
        shift = np.rint(slope * (at - columns / 2)).astype(int)
        source = np.arange(rows)[:, None] + shift
        inside = (source >= 0) & (source < rows)
        sheared = np.where(inside, wide[source.clip(0, rows - 1), at], False)
        full = ndimage.uniform_filter1d(sheared.astype(np.float32), length, axis=1) >= FILLED
        line = ndimage.maximum_filter1d(full, length, axis=1) & sheared
        back = np.arange(rows)[:, None] - shift
        inside = (back >= 0) & (back < rows)
        found |= np.where(inside, line[back.clip(0, rows - 1), at], False)
    found &= wide
    label, count = ndimage.label(ndimage.binary_dilation(found, np.ones((3, 15))))
    keep = np.zeros(count + 1, dtype=bool)
    for i, (_, across) in enumerate(ndimage.find_objects(label), 1):
        keep[i] = across.stop - across.start >= SPAN * max(rows, columns)
    line = keep[label] & found
    return line.repeat(2, 0).repeat(2, 1)[:height, :width]


def _thin(ink: np.ndarray, faint: np.ndarray, line: np.ndarray) -> np.ndarray:
    """Of the ink along lines that go across, what is no thicker than these."""
    along = line & ink
    if not along.any():
        return along
    thick = float(np.median(_runs_down(faint)[line & faint]))
    return along & (_runs_down(ink) <= thick + 0.5)


def _runs_down(ink: np.ndarray) -> np.ndarray:
    """Of each pixel of ink, how many hang together with it above and below, `(H, W)`."""
    padded = np.pad(ink, ((1, 1), (0, 0))).astype(np.int8)
    change = np.diff(padded, axis=0).T
    starts, ends = np.argwhere(change == 1), np.argwhere(change == -1)
    run = np.zeros(ink.shape[::-1], dtype=np.int32)
    run.T[ink] = 0
    lengths = ends[:, 1] - starts[:, 1]
    # Runs, column by column, in the order of the pixels of the transpose.
    run[ink.T] = np.repeat(lengths, lengths)
    return run.T


def cells(faint: np.ndarray, ink: np.ndarray) -> np.ndarray | None:
    """Numbers `(H, W)` of the places of a printed form, 0 elsewhere; None if there is no form.

    A place is a piece of paper that straight lines enclose, of the size of two others or more;
    in half of them or more something is written.
    """
    found = sorted(_places(faint), key=lambda place: -place[1].sum())
    while len(found) >= 3:
        size = found[0][1].sum()
        alike = [(box, own) for box, own in found if own.sum() > ALIKE * size]
        if len(alike) >= 3:
            places = np.zeros(ink.shape, dtype=int)
            for i, (box, own) in enumerate(alike, 1):
                places[box][own] = i
            if _written_in(places, ink):
                return places
        found = found[len(alike) :] if len(alike) >= 3 else found[1:]
    return None


def _places(faint: np.ndarray) -> list[tuple[tuple[slice, slice], np.ndarray]]:
    """Paper that lines enclose: where, and a mask. Of a box that a drawing crosses, all in it."""
    from scipy import ndimage
    from skimage import measure

    lines = ndimage.binary_closing(faint, np.ones((5, 5)))
    found, seen = [], np.zeros(faint.shape, dtype=bool)
    for region in measure.regionprops(measure.label(~lines, connectivity=1)):
        if _rectangular(region, faint.shape):
            own = ndimage.binary_erosion(region.image_convex)
            found.append((region.slice, own))
            seen[region.slice] |= own
    for region in measure.regionprops(measure.label(lines, connectivity=2)):
        if region.area < 0.5 * region.area_filled and _rectangular(region, faint.shape):
            wide = 1 + round(region.area / (2 * sum(region.image.shape)))
            own = ndimage.binary_erosion(region.image_filled, iterations=wide)
            if own.any() and seen[region.slice][own].mean() < 0.5:
                found.append((region.slice, own & ~seen[region.slice]))
    return found


def _written_in(places: np.ndarray, ink: np.ndarray) -> bool:
    """Whether half of the places hold ink, and these half of the ink that is not around them."""
    from scipy import ndimage

    label, _ = ndimage.label(ink, np.ones((3, 3)))
    boxes = ndimage.find_objects(places)
    around = np.array(
        [any(_holds(box, own) for own in boxes) for box in ndimage.find_objects(label)]
    )
    around = np.concatenate([[True], around])
    inside, outside = (places > 0) & ink, (places == 0) & ~around[label] & ink
    return 2 * len(np.unique(places[inside])) >= len(boxes) and inside.sum() >= outside.sum()


def _holds(outer: tuple[slice, slice], inner: tuple[slice, slice]) -> bool:
    """Whether a box holds another."""
    both = zip(outer, inner, strict=True)
    return all(a.start <= b.start and b.stop <= a.stop for a, b in both)


def _rectangular(region: Any, shape: tuple[int, ...]) -> bool:
    """Whether a region has four straight sides within a picture, whatever is written in it."""
    sides = zip(region.slice, shape, strict=True)
    if any(s.start == 0 or s.stop == n or s.stop - s.start < 20 for s, n in sides):
        return False
    if (
        region.area_filled < 0.3 * region.area_bbox
        or region.area_filled < 0.6 * region.area_convex
    ):
        return False
    from scipy import spatial

    points = np.argwhere(region.image_convex)
    corners = points[spatial.ConvexHull(points).vertices].astype(float)
    sides = np.roll(corners, -1, axis=0) - corners
    sides /= np.hypot(*sides.T)[:, None]
    along, across = corners @ sides.T, corners @ np.stack([-sides[:, 1], sides[:, 0]])
    areas = (np.ptp(along, axis=0) + 1) * (np.ptp(across, axis=0) + 1)
    # The outermost points along both diagonals span it all, be it seen askew.
    y, x = corners.T
    ends = corners[[(x + y).argmin(), (x - y).argmax(), (x + y).argmax(), (x - y).argmin()]]
    spanned = spatial.ConvexHull(ends, qhull_options="QJ").volume
    return region.area_convex > 0.75 * areas.min() and spanned > 0.88 * region.area_convex


def without_edges(ink: np.ndarray) -> np.ndarray:
    """Ink without what goes along the border of the picture: shadows, the table, a fold."""
    from scipy import ndimage

    label, count = ndimage.label(ink, np.ones((3, 3)))
    drop = np.zeros(count + 1, dtype=bool)
    for axis in (0, 1):
        deep = np.array(
            [1, *(box[axis].stop - box[axis].start for box in ndimage.find_objects(label))]
        )
        for side in (0, -1):
            edge = label.take(side, axis)
            along = np.bincount(edge, minlength=count + 1)
            drop |= (along > ALONG * len(edge)) | (along >= deep)
    drop[0] = False
    return ink & ~drop[label]


def without_binding(ink: np.ndarray) -> np.ndarray:
    """Ink without a row of like holes at even distances along a side of the page."""
    from scipy import ndimage

    # Holes and the wire through them are one each.
    label, count = ndimage.label(ndimage.binary_closing(ink, np.ones((3, 3))), np.ones((3, 3)))
    if count < HOLES:
        return ink
    boxes = ndimage.find_objects(label)
    low = np.array([[s.start for s in box] for box in boxes])
    high = np.array([[s.stop for s in box] for box in boxes])
    middle, drop = (low + high) / 2, np.zeros(count + 1, dtype=bool)
    for axis in (0, 1):
        across, along = middle[:, axis], middle[:, 1 - axis]
        wide = (high - low)[:, 1 - axis]
        for far in (0, ink.shape[axis]):
            near = np.flatnonzero(np.abs(across - far) < MARGIN * ink.shape[axis])
            row = _even(near, along, across, wide)
            others = np.delete((high - low).max(axis=1), row)
            if not len(row) or not len(others):
                continue
            if len(row) >= MANY or np.median(wide[row]) < 0.6 * np.percentile(others, 75):
                # Those at its ends, cut by the border, and those that hang together.
                level = np.interp(along[near], along[row], across[row])
                on = np.abs(level - across[near]) < 1.5 * np.median((high - low)[row].max(axis=1))
                drop[1 + near[on & (wide[near] < 3 * np.median(wide[row]))]] = True
    return ink & ~drop[label]


def _even(near: np.ndarray, along: np.ndarray, across: np.ndarray, wide: np.ndarray) -> np.ndarray:
    """Those of `near` that are alike, in a row, and evenly spaced, if these are many; or none."""
    for _ in range(2):
        if len(near) < HOLES:
            break
        usual = np.median(wide[near])
        near = near[(wide[near] > 0.5 * usual) & (wide[near] < 2 * usual)]
        if len(np.unique(along[near])) < HOLES:
            return near[:0]
        line = np.polynomial.Polynomial.fit(along[near], across[near], 2)
        near = near[np.abs(line(along[near]) - across[near]) < 2 * usual]
    if len(near) < HOLES:
        return near[:0]
    near = near[np.argsort(along[near])]
    steps = np.diff(along[near])
    even = np.abs(steps - np.median(steps)) < 0.25 * np.median(steps)
    return near if even.mean() > 0.7 and np.median(steps) < 5 * np.median(wide[near]) else near[:0]
