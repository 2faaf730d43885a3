"""Pictures: right sizes, right pixels, colours that order surprise."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ilk.render import GROUND, INK, Panel, colours, figure, pixels, sheet, stack, surprise_map


def luminance(rgb: np.ndarray) -> np.ndarray:
    return rgb.astype(float) @ np.array([0.2126, 0.7152, 0.0722])


def test_surprise_darkens_all_the_way() -> None:
    ramp = luminance(colours(torch.linspace(0, 3, 200), most=3.0))
    assert (np.diff(ramp) <= 0.5).all() and ramp[0] > 254 and ramp[-1] < 20
    assert np.array_equal(colours(torch.tensor([3.0]), 3.0), colours(torch.tensor([9.0]), 3.0))


def test_a_sheet_shows_every_pixel_of_every_image() -> None:
    images = torch.randint(2, (5, 1, 4, 3), dtype=torch.uint8)
    picture = np.asarray(sheet(images, levels=2, columns=2, scale=10))
    ink = (picture == np.array(INK)).all(-1)
    assert ink.sum() == 100 * int(images.sum())
    gap, margin = 20, 16
    for i, image in enumerate(images):
        top, left = margin + (i // 2) * (40 + gap), margin + (i % 2) * (30 + gap)
        assert np.array_equal(ink[top + 5 : top + 40 : 10, left + 5 : left + 30 : 10], image[0])


def test_a_sheet_needs_an_image() -> None:
    with pytest.raises(ValueError, match="images must be"):
        sheet(torch.zeros(0, 1, 4, 4), 2)
    with pytest.raises(ValueError, match="images must be"):
        sheet(torch.zeros(1, 4, 4), 2)


def test_grey_and_colour_keep_their_values() -> None:
    grey = pixels(torch.tensor([[[0, 5, 10]]]), levels=11)
    assert grey[0].tolist() == [[0, 0, 0], [128, 128, 128], [255, 255, 255]]
    colour = torch.randint(256, (3, 2, 2))
    assert np.array_equal(pixels(colour, 256), colour.permute(1, 2, 0).numpy())


def test_a_map_of_surprise_is_dark_where_it_surprises() -> None:
    nats = torch.zeros(1, 4, 4)
    nats[0, 2, 1] = -2.5
    shown = luminance(surprise_map(nats, torch.zeros(1, 4, 4, dtype=torch.uint8), 2))
    assert np.unravel_index(shown.argmin(), shown.shape) == (2, 1)
    assert (np.delete(shown.ravel(), 9) > 254).all()


def test_a_figure_holds_its_panels_and_clips_no_text() -> None:
    tile = pixels(torch.zeros(1, 26, 26), 2)
    title = "a title that is a good deal wider than the single tile below it"
    panels = [Panel(title, "note", [tile], 1, most=3.0), Panel("b", "c", [tile] * 6, 3, ["x"] * 6)]
    picture = figure(panels)
    array = np.asarray(picture)
    edges = np.concatenate([array[:8].reshape(-1, 3), array[:, -8:].reshape(-1, 3)])
    assert (edges == np.array(GROUND)).all()
    both = stack([picture, picture])
    assert both.size == (picture.width, 2 * picture.height)
