"""Drawings on a page are told apart by the gaps between them."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from ilk.data import ImageError, cut_apart, read_page
from ilk.data.drawing import EXTENT
from ilk.data.grouping import boxes
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


def letters(*lines: str, slope: float = 0.0, dark: int = 40) -> Image.Image:
    """Shapes at even distances on a page, each an L whose foot grows along the line."""
    image = Image.new("L", (1000, 160 * len(lines) + 80), 236)
    draw = ImageDraw.Draw(image)
    for row, line in enumerate(lines):
        for i in range(len(line)):
            x, y = 110 + 110 * i, 80 + 160 * row + slope * 110 * i
            draw.line((x, y, x, y + 70, x + 20 + 4 * i, y + 70), fill=dark, width=7)
    return image


def feet(source: Image.Image) -> list[int]:
    """How wide each drawing is, in reading order."""
    low, high = boxes(read_page(source).label)
    return (high - low)[:, 1].tolist()


@pytest.mark.parametrize("side", range(4))
def test_a_soft_shadow_along_a_margin_is_no_drawing_and_hides_none(side):
    image = letters("abcdefgh", "abcdefgh", "abcdefgh")
    light = np.ones((image.height, image.width))
    turned = np.rot90(light, side)
    turned *= 1 - 0.5 * np.clip(1 - np.arange(turned.shape[1]) / 130, 0, 1)
    shaded = Image.fromarray((np.asarray(image) * light).astype(np.uint8))
    assert feet(shaded) == pytest.approx(feet(image), abs=2) and len(feet(image)) == 24


@pytest.mark.parametrize("slope", [-0.14, 0.14])
def test_lines_askew_are_read_one_after_the_other(slope):
    widths = feet(letters("abcdefgh", "abcdefgh", "abcde", slope=slope))
    for line in (widths[:8], widths[8:16], widths[16:]):
        assert line == sorted(line) and len(set(line)) == len(line)


def test_ruled_lines_are_no_drawings_and_leave_those_they_cross_whole():
    plain = letters("abcdefgh", "abcdefgh")
    ruled = plain.copy()
    for y in range(30, plain.height, 38):
        ImageDraw.Draw(ruled).line((0, y, plain.width, y + 12), fill=90, width=2)
    ruled.paste(40, mask=plain.point(lambda v: 255 * (v < 100)))
    wanted, found = read_page(plain), read_page(ruled)
    assert found.count == wanted.count == 16
    for i in range(16):
        assert overlap(found.mask(i), wanted.mask(i)) > 0.9


@pytest.mark.parametrize("gap", [0, 18])
def test_boxes_of_a_form_tell_drawings_apart_and_their_order(gap):
    """Whether they share sides or not, whatever is printed below them."""
    image = Image.new("L", (840, 460), 240)
    draw = ImageDraw.Draw(image)
    for i in range(8):
        x, y = 20 + 200 * (i % 4), 20 + 210 * (i // 4)
        draw.rectangle((x, y, x + 200 - gap, y + 210 - 2 * gap), outline=60, width=3)
        if gap:
            draw.line((x + 70, y + 200, x + 110, y + 200), fill=30, width=6)
        if i == 5:
            continue  # nothing is written there
        up = 30 * (i % 2)  # two strokes far from each other
        draw.line((x + 40, y + 40 + up, x + 40, y + 100 + up), fill=40, width=7)
        draw.line((x + 120, y + 40 + up, x + 120 + 5 * i, y + 100 + up), fill=40, width=7)
    page = read_page(image)
    assert page.form and page.count == 7
    widths = [np.ptp(np.argwhere(page.mask(i))[:, 1]) for i in range(7)]
    assert widths == sorted(widths) and widths[0] == pytest.approx(86, abs=4)
    assert max(np.argwhere(page.mask(i))[:, 0].max() for i in range(4)) < 180


def test_a_spiral_binding_is_no_drawing():
    image = letters("abcdefgh", "abcdefgh")
    wanted = feet(image)
    bound = Image.new("L", (image.width, image.height + 60), 236)
    bound.paste(image, (0, 60))
    draw = ImageDraw.Draw(bound)
    for x in range(12, image.width, 30):
        draw.ellipse((x - 8, 24, x + 8, 40), fill=50)
        draw.line((x - 3, 30, x - 6, 0), fill=90, width=4)
    assert feet(bound) == wanted


def test_two_drawings_that_come_near_each_other_once_are_two():
    image = Image.new("L", (1000, 200), 240)
    draw = ImageDraw.Draw(image)
    for x in (60, 220, 380, 484, 644, 804):  # 30 from the third to the fourth, 86 elsewhere
        draw.arc((x, 60, x + 60, 140), 40, 320, fill=40, width=7)
        draw.line((x + 70, 60, x + 70, 140), fill=40, width=7)
    page = read_page(image)
    assert page.count == 6 and {len(own) for own in page.groups} == {2}


def test_pieces_can_be_joined_parted_and_left_out_by_hand():
    page = read_page(letters("abcd"))
    joined = page.grouped([page.groups[0] + page.groups[1], page.groups[3]])
    assert joined.count == 2 and joined.groups[0] == sorted(page.groups[0] + page.groups[1])
    parted = joined.split(0)
    assert parted.groups == [page.groups[0], page.groups[1], page.groups[3]]
    assert [np.asarray(d).min() < 128 for d in parted.drawings()] == [True] * 3
    assert len(np.unique(np.asarray(page.overview()))) > 10
    with pytest.raises(ValueError, match="this drawing is in one piece"):
        page.split(0)
    for groups in ([], [[]], [[1], [1]], [[9]], [[0]]):
        with pytest.raises(ValueError, match="groups: wanted"):
            page.grouped(groups)
    with pytest.raises(ValueError, match="split: wanted 0 to 3"):
        page.split(4)


def test_drawings_much_larger_or_smaller_than_most_are_told():
    assert read_page(letters("abcde")).uneven == []
    image = letters("abcde")
    ImageDraw.Draw(image).line((800, 140, 815, 150), fill=40, width=7)
    assert read_page(image, count=6).uneven == [5]


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
