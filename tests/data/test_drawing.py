"""Drawings: thinning is Zhang and Suen's, and any rendering of a drawing reduces to the same."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from ilk.data import ImageError, max_pool, read_image, read_mask, reduce_drawing, thin
from ilk.data.drawing import EXTENTS, OFFSET
from ilk.data.omniglot import SIDE

from .pictures import overlap, scribble, thicken


def picture(ink: np.ndarray, dark: int = 0, light: int = 255) -> Image.Image:
    return Image.fromarray(np.where(ink, dark, light).astype(np.uint8))


def enlarged(ink: np.ndarray, extra: float = 0, scale: int = 4) -> np.ndarray:
    big = np.kron(ink, np.ones((scale, scale))) > 0
    return thicken(big, extra) if extra else big


def naive_thin(ink: np.ndarray) -> np.ndarray:
    """Zhang and Suen's two conditions, pixel by pixel as the paper states them."""
    x = np.pad(ink.astype(int), 1)
    changed = True
    while changed:
        changed = False
        for step in (0, 1):
            marked = []
            for i in range(1, x.shape[0] - 1):
                for j in range(1, x.shape[1] - 1):
                    p = [x[i - 1, j], x[i - 1, j + 1], x[i, j + 1], x[i + 1, j + 1]]
                    p += [x[i + 1, j], x[i + 1, j - 1], x[i, j - 1], x[i - 1, j - 1]]
                    turns = sum(p[k] == 0 and p[(k + 1) % 8] == 1 for k in range(8))
                    n, e, s, w = p[0], p[2], p[4], p[6]
                    ends = (n * e * s, e * s * w) if step == 0 else (n * e * w, n * s * w)
                    if x[i, j] and 2 <= sum(p) <= 6 and turns == 1 and not any(ends):
                        marked.append((i, j))
            for i, j in marked:
                x[i, j] = 0
                changed = True
    return x[1:-1, 1:-1].astype(bool)


@pytest.mark.parametrize("seed", range(4))
def test_thinning_equals_the_paper_pixel_by_pixel(seed):
    ink = scribble(seed)[20:85, 20:85]
    assert np.array_equal(thin(ink), naive_thin(ink))


def test_thinning_is_idempotent_and_keeps_every_part():
    ink = scribble(9)
    assert np.array_equal(thin(thin(ink)), thin(ink))
    for side in range(1, 14):
        dots = np.zeros((40, 40), dtype=bool)
        dots[2 : 2 + side, 2 : 2 + side] = dots[20 : 20 + side, 20 : 20 + side] = True
        line = thin(dots)
        assert line[:18].any() and line[20:].any(), side
    assert not thin(np.zeros((5, 5))).any()


def test_a_drawing_of_omniglots_size_is_only_pooled():
    for seed in range(5):
        ink = scribble(seed)
        expected = max_pool(ink)[None]
        for image in (picture(ink), picture(~ink), picture(ink, 3, 40), picture(ink).convert("1")):
            assert np.array_equal(reduce_drawing(image), expected)


def test_a_drawing_of_the_models_size_passes():
    small = max_pool(scribble(1))
    for image in (picture(small > 0), picture(small == 0), Image.fromarray(small)):
        assert np.array_equal(read_image(image, (1, 26, 26), 2)[0].numpy(), small)


RENDERINGS = {
    "same stroke": lambda ink: picture(enlarged(ink)),
    "thick stroke": lambda ink: picture(enlarged(ink, 8)),
    "light on dark": lambda ink: picture(enlarged(ink, 8), 255, 0),
    "small and smooth": lambda ink: picture(ink).resize((64, 64), Image.Resampling.BOX),
    "blurred": lambda ink: picture(ink).filter(ImageFilter.GaussianBlur(0.7)),
    "blue on yellow": lambda ink: Image.fromarray(
        np.where(enlarged(ink, 5)[..., None], (20, 20, 160), (250, 240, 150)).astype(np.uint8)
    ),
    "dark on nothing": lambda ink: Image.merge(
        "LA", (Image.new("L", (420, 420), 30), picture(enlarged(ink, 5), 255, 0))
    ),
    "light on nothing": lambda ink: Image.merge(
        "LA", (Image.new("L", (420, 420), 230), picture(enlarged(ink, 5), 255, 0))
    ),
}


@pytest.mark.parametrize("name", RENDERINGS)
def test_every_rendering_of_a_drawing_reduces_to_it(name):
    found = [
        overlap(reduce_drawing(RENDERINGS[name](ink))[0], max_pool(ink))
        for ink in map(scribble, range(12))
    ]
    assert np.mean(found) > 0.85 and min(found) > 0.75, (np.mean(found), min(found))


def test_noise_uneven_light_and_jpeg_do_not_matter_much():
    rng = np.random.default_rng(0)
    light = np.linspace(0.55, 1, 420)[:, None] * np.linspace(0.75, 1, 420)
    found = []
    for ink in map(scribble, range(8)):
        values = light * np.where(enlarged(ink, 5), 60, 230) + rng.normal(0, 6, (420, 420))
        buffer = io.BytesIO()
        Image.fromarray(np.clip(values, 0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=80)
        image = read_image(buffer.getvalue(), (1, 26, 26), 2)
        found.append(overlap(image[0].numpy(), max_pool(ink)))
    assert np.mean(found) > 0.85 and min(found) > 0.75, found


def test_a_tight_crop_a_drawing_in_a_corner_and_one_on_a_large_page_become_alike():
    ink = scribble(3)
    ys, xs = np.nonzero(ink)
    crop = enlarged(ink[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1])
    corner = np.zeros((2400, 1700), dtype=bool)
    corner[2400 - crop.shape[0] :, : crop.shape[1]] = crop
    page = np.zeros((4 * max(crop.shape),) * 2, dtype=bool)
    page[crop.shape[0] : 2 * crop.shape[0], crop.shape[1] : 2 * crop.shape[1]] = crop
    a, b, c = (reduce_drawing(picture(each))[0] for each in (crop, corner, page))
    assert overlap(a, b) > 0.85 and overlap(a, c) > 0.85
    ys, xs = np.nonzero(a)
    extent = max(np.ptp(ys), np.ptp(xs)) + 1
    assert 16 <= extent <= 19
    assert abs(ys.min() + ys.max() - 25) <= 2 and abs(xs.min() + xs.max() - 25) <= 2


@pytest.mark.parametrize("size", [(300, 300), (300, 200), (200, 310)])
def test_a_drawing_that_keeps_its_place_lies_under_its_mask(size):
    """Whatever page a fragment is on: a mask of its ink covers it, one of the rest does not."""
    page = Image.new("L", size, 255)
    box = (20, 30, 60, 70)
    ImageDraw.Draw(page).rectangle(box, outline=0, width=12)
    x = read_image(page, (1, 26, 26), 2, keep_place=True)
    over = Image.new("L", size)
    ImageDraw.Draw(over).rectangle((10, 20, 70, 80), fill=255)
    mask = read_mask(over, page, (1, 26, 26), 2)
    assert 8 <= x.sum() < 40 and not (x[0] > 0)[~mask].any()
    assert mask.sum() < 60
    moved = read_image(page, (1, 26, 26), 2)
    assert (moved[0] > 0)[~mask].any()


def test_a_mask_is_cropped_as_the_picture_is():
    photo, mask = Image.new("RGB", (40, 20), "white"), Image.new("L", (20, 10))
    mask.paste(255, (5, 0, 10, 10))
    covered = read_mask(mask, photo, (3, 10, 10), 256)
    assert covered.tolist() == [[True] * 5 + [False] * 5] * 10
    ones = mask.point(lambda value: value // 255)
    assert ones.getextrema() == (0, 1)
    assert read_mask(ones, photo, (3, 10, 10), 256).equal(covered)
    with pytest.raises(ValueError, match="mask: wanted the proportions of the image, 40 x 20"):
        read_mask(Image.new("L", (20, 20)), photo, (3, 10, 10), 256)


def test_hair_lines_on_a_large_page_survive():
    page = Image.new("L", (3000, 3000), 255)
    ImageDraw.Draw(page).line((600, 700, 2400, 2200), fill=0, width=2)
    drawing = reduce_drawing(page)[0]
    assert drawing.sum() > 20
    rows = np.flatnonzero(drawing.any(axis=1))
    assert np.array_equal(rows, np.arange(rows[0], rows[-1] + 1))


def test_a_dot_stays_a_dot():
    page = Image.new("L", (300, 300), 255)
    ImageDraw.Draw(page).ellipse((135, 135, 165, 165), fill=0)
    assert 1 <= reduce_drawing(page).sum() <= 9


def test_a_page_without_ink_is_refused_by_name(tmp_path):
    Image.new("L", (200, 200), 240).save(tmp_path / "blank.png")
    with pytest.raises(ImageError, match=r"blank\.png: no ink"):
        read_image(tmp_path / "blank.png", (1, 26, 26), 2)
    grain = np.random.default_rng(0).normal(200, 2, (200, 200))
    with pytest.raises(ImageError, match="no ink"):
        reduce_drawing(Image.fromarray(grain.astype(np.uint8)))


def test_other_models_get_the_plain_rules():
    image = Image.fromarray(np.kron(np.eye(2), np.full((26, 26), 255)).astype(np.uint8))
    assert read_image(image, (1, 2, 2), 2)[0].tolist() == [[1, 0], [0, 1]]
    assert read_image(image, (1, 26, 26), 256)[0].max() == 255


@pytest.mark.data
def test_real_drawings_are_recovered_from_thick_enlargements(data_root):
    with np.load(data_root / "omniglot.npz") as z:
        rows = z["images"][np.random.default_rng(5).choice(32_460, 60, replace=False)]
    drawings = np.unpackbits(rows, axis=1, count=105 * 105).reshape(-1, 105, 105)
    found = [overlap(reduce_drawing(picture(enlarged(x, 8)))[0], max_pool(x)) for x in drawings]
    assert np.mean(found) > 0.88 and np.quantile(found, 0.05) > 0.75


@pytest.mark.data
def test_paper_is_told_from_ink_on_all_real_drawings(data_root):
    with np.load(data_root / "omniglot.npz") as z:
        rows = z["images"][::40]
    for x in np.unpackbits(rows, axis=1, count=105 * 105).reshape(-1, 105, 105):
        assert np.array_equal(reduce_drawing(picture(x > 0))[0], max_pool(x))


def test_nearly_all_of_omniglot_keeps_its_place(data_root):
    """98 % of it have the extent and the place that `reduce_drawing` leaves as they are."""
    with np.load(data_root / "omniglot.npz") as z:
        rows = z["images"]
    kept = []
    for x in np.unpackbits(rows, axis=1, count=105 * 105).reshape(-1, 105, 105):
        ys, xs = np.flatnonzero(x.any(1)), np.flatnonzero(x.any(0))
        extent = max(np.ptp(ys), np.ptp(xs)) + 1
        middle = np.array([ys[0] + ys[-1] + 1, xs[0] + xs[-1] + 1]) / 2
        inside = np.abs(middle - SIDE / 2).max() <= OFFSET
        kept.append(EXTENTS[0] <= extent <= EXTENTS[1] and inside)
    assert 0.975 <= np.mean(kept) < 0.995, np.mean(kept)


def test_dots_of_one_pixel_in_a_tiny_picture_are_ink():
    for seed in range(50):
        ink = np.random.default_rng([0, seed]).random((8, 8)) < 0.1
        if ink.any() and not ink.all():
            assert reduce_drawing(picture(ink)).any()
