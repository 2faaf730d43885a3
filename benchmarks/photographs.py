"""Pages on tables, computed from real characters: `python -m benchmarks.photographs`.

A character on a square sheet that lies on a table with a grain, tilted by up to 25 degrees, seen
from the side, by uneven light, as JPEG. Printed: how often the sheet is found; how much of what
`reduce_drawing` reads is the character (intersection over union), and of what it reads where it
stands, without looking for a sheet; how often a mere drawing is taken for a sheet with something
on it; and how often the drawings of a page are counted right by `cut_apart`.
"""

from __future__ import annotations

import argparse
import io

import numpy as np
from PIL import Image, ImageFilter

from ilk.data import cut_apart, max_pool, reduce_drawing
from ilk.data.drawing import NoInkError, contrast
from ilk.data.omniglot import SETS, SIDE
from ilk.data.sheet import cut_out, projection
from ilk.data.store import locate

SIZE = (800, 600)


def page_of(ink: np.ndarray, random: np.random.Generator) -> Image.Image:
    """Ink on paper, four pixels for one."""
    dark, light = random.uniform(20, 90), random.uniform(200, 245)
    values = np.where(np.kron(ink, np.ones((4, 4))), dark, light)
    return Image.fromarray(values.astype(np.uint8)).filter(ImageFilter.GaussianBlur(1))


def photograph(page: Image.Image, random: np.random.Generator) -> Image.Image:
    """A square page on a table."""
    side, angle = random.uniform(0.35, 0.8) * min(SIZE), np.deg2rad(random.uniform(-25, 25))
    square = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * side / 2
    square = square * (1 + random.uniform(-0.08, 0.08, (4, 2)))
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    room = np.maximum(np.array(SIZE) - 1.4 * side, 0) / 2
    corners = square @ turn + np.array(SIZE) / 2 + random.uniform(-1, 1, 2) * room
    page_corners = np.array(((0, 0), (1, 0), (1, 1), (0, 1))) * page.size
    seen = tuple(projection(corners, page_corners))
    how = SIZE, Image.Transform.PERSPECTIVE, seen, Image.Resampling.BICUBIC
    there = np.asarray(Image.new("L", page.size, 255).transform(*how)) / 255
    grain = random.normal(0, 1, (SIZE[1] // 40, SIZE[0] // 8)).astype(np.float32)
    table = random.uniform(30, 150) + 12 * np.asarray(Image.fromarray(grain).resize(SIZE))
    right, upper = random.uniform(0.65, 1, 2)
    light = np.linspace(1, right, SIZE[0]) * np.linspace(upper, 1, SIZE[1])[:, None]
    values = light * (there * np.asarray(page.transform(*how)) + (1 - there) * table)
    values = values + random.normal(0, 4, values.shape)
    image = Image.fromarray(values.clip(0, 255).astype(np.uint8))
    file = io.BytesIO()
    image.filter(ImageFilter.GaussianBlur(0.8)).save(file, "JPEG", quality=80)
    return Image.open(file)


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union."""
    return float((a & b).sum() / (a | b).sum())


def sheets(drawings: np.ndarray) -> None:
    """Prints how sheets on tables are read."""
    found, read, whole = [], [], []
    for i, drawing in enumerate(drawings):
        random = np.random.default_rng(i)
        image = photograph(page_of(drawing, random), random)
        found.append(cut_out(np.asarray(image)) is not None)
        character = max_pool(drawing)
        read.append(overlap(reduce_drawing(image)[0], character))
        whole.append(overlap(reduce_drawing(image, keep_place=True)[0], character))
    print(f"{len(found)} sheets on tables: {np.mean(found):.1%} found")
    print(f"overlap with the character {np.mean(read):.3f}, of all of it {np.mean(whole):.3f}")


def mistaken(drawings: np.ndarray) -> None:
    """Prints how often drawings alone are taken for sheets."""
    taken = []
    for drawing in drawings:
        large = Image.fromarray(np.kron(drawing, np.full((4, 4), 255, dtype=np.uint8)))
        for width in (1, 9, 17):
            ink = np.asarray(large.filter(ImageFilter.MaxFilter(width)) if width > 1 else large)
            ys, xs = np.nonzero(ink)
            for values in (ink, ink[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]):
                taken += [_taken(values), _taken(255 - values)]
    print(f"{len(taken)} drawings, dark and light, tight and not: {sum(taken)} taken for a sheet")


def _taken(values: np.ndarray) -> bool:
    sheet = cut_out(values)
    if sheet is None:
        return False
    try:
        contrast(sheet, sheet=False)
    except NoInkError:
        return False
    return True


def pages(drawings: np.ndarray, kind: np.ndarray, each: int) -> None:
    """Prints how often the drawings of one kind on a page are counted right."""
    for count in (4, 5, 8, 12):
        right = []
        for seed in range(each):
            random = np.random.default_rng([count, seed])
            own = np.flatnonzero(kind == random.integers(kind.max() + 1))
            ink = np.zeros((125 * -(-count // 4), 125 * 4), dtype=bool)
            for i, k in enumerate(random.choice(own, count, replace=False)):
                y, x = np.array(divmod(i, 4)) * 125 + random.integers(0, 21, 2)
                ink[y : y + SIDE, x : x + SIDE] |= unpacked(drawings[k : k + 1])[0] > 0
            right.append(len(cut_apart(page_of(ink, random))) == count)
        print(f"{each} pages of {count} drawings: {np.mean(right):.0%} counted right", flush=True)


def unpacked(rows: np.ndarray) -> np.ndarray:
    """Drawings `(N, 105, 105)`, 1 is ink."""
    return np.unpackbits(rows, axis=1, count=SIDE * SIDE).reshape(-1, SIDE, SIDE)


def main() -> None:
    """Prints all figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=120, help="photographs, and kinds of pages")
    count = parser.parse_args().count
    path = locate("omniglot-26", SETS["omniglot-26"], None)[0]
    if path.suffix != ".npz":
        parser.error(f"wanted omniglot.npz, which has all of 105 x 105, found {path}")
    with np.load(path) as z:
        drawings, kind = z["images"], z["character"]
    chosen = np.random.default_rng(5).choice(len(drawings), count, replace=False)
    sheets(unpacked(drawings[chosen]))
    mistaken(unpacked(drawings[chosen]))
    pages(drawings, kind, max(1, count // 4))


if __name__ == "__main__":
    main()
