"""A sheet on a table is found and straightened; what is no sheet is left as it is."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from ilk.data import max_pool, reduce_drawing
from ilk.data.sheet import cut_out

from .pictures import overlap, photograph, scribble, thicken


def page_of(ink: np.ndarray, dark: int = 40, light: int = 230) -> np.ndarray:
    return np.where(np.kron(ink, np.ones((4, 4))) > 0, dark, light).astype(np.uint8)


def test_a_drawing_on_a_sheet_on_a_table_is_read():
    """Tilted, seen from the side, by uneven light: as the page under the camera would be."""
    found = []
    for seed in range(8):
        ink = scribble(seed)
        image, _ = photograph(page_of(ink), np.random.default_rng(seed))
        found.append(overlap(reduce_drawing(image)[0], max_pool(ink)))
    assert np.mean(found) > 0.7 and min(found) > 0.35, found


def test_a_sheet_comes_out_upright_and_whole():
    """Every mark of a page lies where it lies on the page."""
    marks = np.array([(0.2, 0.2), (0.8, 0.25), (0.5, 0.5), (0.3, 0.8), (0.75, 0.75)])
    page = np.full((420, 420), 230, dtype=np.uint8)
    for x, y in marks * 420:
        page[int(y) - 12 : int(y) + 12, int(x) - 12 : int(x) + 12] = 30
    for seed in range(8):
        image, corners = photograph(page, np.random.default_rng(seed))
        sheet = cut_out(np.asarray(image))
        assert sheet is not None
        lengths = np.hypot(*(np.roll(corners, -1, axis=0) - corners).T)
        assert sheet.shape[1] == pytest.approx(lengths[[0, 2]].mean(), rel=0.05)
        assert sheet.shape[0] == pytest.approx(lengths[[1, 3]].mean(), rel=0.05)
        for x, y in marks * sheet.shape[::-1]:
            around = sheet[int(y) - 3 : int(y) + 3, int(x) - 3 : int(x) + 3]
            assert np.median(around) < 110, (seed, x, y)


def test_a_blank_sheet_on_a_table_is_a_picture_of_the_table_still():
    """A white square on black may be what was drawn."""
    image = np.zeros((400, 400), dtype=np.uint8)
    image[150:250, 150:250] = 255
    assert cut_out(image) is not None
    assert reduce_drawing(Image.fromarray(image)).any()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("extra", [0, 8])
def test_drawings_are_no_sheets(seed, extra):
    ink = np.kron(scribble(seed), np.ones((4, 4))) > 0
    ink = thicken(ink, extra) if extra else ink
    ys, xs = np.nonzero(ink)
    tight = ink[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]
    for shape in (ink, tight):
        for drawing in (shape, ~shape):
            assert cut_out(np.where(drawing, 20, 240).astype(np.uint8)) is None


def test_light_that_fades_is_no_sheets_edge_and_small_pictures_have_none():
    light = np.linspace(0.4, 1, 420)[:, None] * np.linspace(0.6, 1, 420)
    assert cut_out((light * page_of(scribble(1))).astype(np.uint8)) is None
    assert cut_out(np.full((300, 300), 255, dtype=np.uint8)) is None
    image, _ = photograph(page_of(scribble(1)), np.random.default_rng(1))
    assert cut_out(np.asarray(image)) is not None
    assert cut_out(np.asarray(image.resize((160, 120)))) is None


def test_a_picture_that_keeps_its_place_is_not_cut():
    image, _ = photograph(page_of(scribble(2)), np.random.default_rng(3))
    assert overlap(reduce_drawing(image, keep_place=True)[0], reduce_drawing(image)[0]) < 0.5
