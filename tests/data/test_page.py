"""Drawings on a page are told apart by the gaps between them."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from ilk.data import ImageError, cut_apart
from ilk.data.drawing import EXTENT
from ilk.data.omniglot import SIDE

from .pictures import overlap, photograph, scribble

SHAPES = {
    "dotted": lambda draw, x, y: (
        draw.line((x, y + 30, x, y + 90), fill=0, width=7),
        draw.ellipse((x - 5, y, x + 5, y + 10), fill=0),
    ),
    "crossed": lambda draw, x, y: (
        draw.line((x - 30, y, x + 30, y + 90), fill=0, width=7),
        draw.line((x + 30, y, x - 30, y + 90), fill=0, width=7),
    ),
    "beside": lambda draw, x, y: (
        draw.arc((x - 30, y, x - 4, y + 90), 60, 300, fill=0, width=7),
        draw.line((x + 12, y, x + 12, y + 90), fill=0, width=7),
    ),
}


def page(*names: str, columns: int = 5, gap: int = 150) -> Image.Image:
    rows = -(-len(names) // columns)
    image = Image.new("L", (gap * columns, gap * rows), 240)
    for i, name in enumerate(names):
        SHAPES[name](
            ImageDraw.Draw(image), gap // 2 + gap * (i % columns), 30 + gap * (i // columns)
        )
    return image


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("count", [2, 5, 12])
def test_as_many_drawings_come_as_there_are(name, count):
    for image in (page(*[name] * count), page(*[name] * count, gap=200)):
        drawings = cut_apart(image)
        assert len(drawings) == count
        first, *others = (np.asarray(drawing) < 128 for drawing in drawings)
        assert min(overlap(first, other) for other in others) > 0.85


def test_they_come_in_reading_order_to_scale_and_in_the_middle():
    names = ["dotted", "crossed", "beside", "crossed", "dotted"]
    drawings = cut_apart(page(*names, columns=3))
    alone = {name: np.asarray(cut_apart(page(name, name))[0]) for name in SHAPES}
    for name, drawing in zip(names, drawings, strict=True):
        ink = [np.argwhere(np.asarray(d) < 128) for d in (drawing, alone[name])]
        low, high = (np.array([at.min(axis=0), at.max(axis=0)]) for at in ink)
        assert np.abs(np.ptp(low, axis=0) - np.ptp(high, axis=0)).max() <= 2
        assert np.abs(low.sum(axis=0) / 2 - np.array(drawing.size) / 2).max() <= 4
    extents = [np.ptp(np.argwhere(np.asarray(d) < 128), axis=0).max() for d in drawings]
    assert max(extents) == pytest.approx(drawings[0].size[0] * EXTENT / SIDE, abs=5)


def test_a_number_that_is_told_is_kept_to_and_one_that_can_not_be_is_refused():
    image = page("dotted", "dotted", "dotted")
    assert [len(cut_apart(image, count=n)) for n in (1, 2, 3, 6)] == [1, 2, 3, 6]
    with pytest.raises(ValueError, match="count: wanted 7 drawings, the ink is in 6 pieces"):
        cut_apart(image, count=7)
    with pytest.raises(ValueError, match="count must be at least 1"):
        cut_apart(image, count=0)
    with pytest.raises(ImageError, match="no ink"):
        cut_apart(Image.new("L", (300, 300), 230))


def test_a_photograph_of_a_page_is_straightened_first_and_dirt_is_no_drawing():
    ink = np.zeros((420, 420), dtype=bool)
    for i in range(4):
        y, x = divmod(i, 2)
        ink[45 + 180 * y : 150 + 180 * y, 45 + 180 * x : 150 + 180 * x] = scribble(i)
    values = np.where(ink, 40, 230).astype(np.uint8)
    values[210, 210] = values[20, 400] = 60
    for seed in range(3):
        image, _ = photograph(values, np.random.default_rng(seed), (1600, 1200))
        assert len(cut_apart(image)) == 4


@pytest.mark.data
def test_pages_of_real_characters_are_cut_where_one_ends(data_root):
    with np.load(data_root / "omniglot.npz") as z:
        images, kind = z["images"], z["character"]
    right = []
    for n in (4, 5, 8, 12):
        for seed in range(8):
            random = np.random.default_rng([n, seed])
            own = np.flatnonzero(kind == random.integers(kind.max() + 1))
            ink = np.zeros((125 * -(-n // 4), 125 * 4), dtype=bool)
            for i, k in enumerate(random.choice(own, n, replace=False)):
                y, x = np.array(divmod(i, 4)) * 125 + random.integers(0, 21, 2)
                drawing = np.unpackbits(images[k], count=SIDE * SIDE).reshape(SIDE, SIDE)
                ink[y : y + SIDE, x : x + SIDE] |= drawing > 0
            large = np.kron(ink, np.ones((3, 3)))
            right.append(len(cut_apart(Image.fromarray(np.uint8(240 - 200 * large)))) == n)
    assert np.mean(right) > 0.9, np.mean(right)
