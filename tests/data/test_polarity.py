"""Which shade is ink: weighed by edge, area and stroke, whatever the crop, and as one is told."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from ilk.data import read_folder, read_image
from ilk.data.drawing import read_picture
from ilk.data.omniglot import max_pool
from ilk.data.polarity import ink_is_dark, lighter

from .pictures import overlap, scribble, thicken

SHAPE = (1, 26, 26)


def letter(bar: int, margin: int = 0) -> np.ndarray:
    """An H of three bars that fills 28 x 28, as ink."""
    ink = np.zeros((28, 28), dtype=bool)
    ink[:, :bar] = ink[:, -bar:] = ink[14 - bar // 2 : 14 + (bar + 1) // 2] = True
    return np.pad(ink, margin)


def picture(ink: np.ndarray, dark: int = 0, light: int = 255) -> Image.Image:
    return Image.fromarray(np.where(ink, dark, light).astype(np.uint8))


@pytest.mark.parametrize("bar", range(2, 10))
def test_a_letter_that_fills_its_crop_is_the_letter_with_a_margin(bar):
    wanted = read_image(picture(letter(bar, 1)), SHAPE, 2)
    assert overlap(read_image(picture(letter(bar)), SHAPE, 2).numpy(), wanted.numpy()) > 0.7
    assert ink_is_dark(~letter(bar)), bar


@pytest.mark.parametrize("dark", [True, False])
def test_bold_and_tight_drawings_are_read_in_either_polarity(dark):
    for seed in range(12):
        ink = thicken(scribble(seed), seed % 5)
        ys, xs = np.nonzero(ink)
        ink = ink[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]
        assert ink_is_dark(ink != dark) == dark, seed


def test_what_one_says_decides():
    ink = max_pool(scribble(1)) > 0
    for form in (ink, np.kron(ink, np.ones((5, 5))) > 0):
        for said in ("dark", "light"):
            reading = read_picture(picture(form), SHAPE, 2, ink=said)
            assert reading.dark == (said == "dark")
        assert read_picture(picture(form), SHAPE, 2).dark
        assert not read_picture(picture(~form), SHAPE, 2).dark
    light = read_image(picture(ink), SHAPE, 2, ink="light")
    assert np.array_equal(light[0].numpy(), ~ink)
    with pytest.raises(ValueError, match="ink: wanted auto, dark or light, got 'black'"):
        read_image(picture(ink), SHAPE, 2, ink="black")  # type: ignore[arg-type]


@pytest.mark.parametrize("dark", [True, False])
def test_uneven_light_does_not_turn_it(dark):
    shade = np.linspace(0.55, 1, 105)[:, None] * np.linspace(0.75, 1, 105)
    for seed in range(12):
        values = shade * np.where(scribble(seed) != dark, 230, 60)
        values = values + np.random.default_rng(seed).normal(0, 6, values.shape)
        assert ink_is_dark(lighter(values.clip(0, 255).astype(np.uint8))) == dark, seed


def test_a_folder_is_read_as_one_says(tmp_path):
    for kind in "ab":
        (tmp_path / kind).mkdir()
        picture(max_pool(scribble(ord(kind))) > 0).save(tmp_path / kind / "1.png")
    auto = read_folder(tmp_path, SHAPE, 2)[0].images
    assert read_folder(tmp_path, SHAPE, 2, ink="dark")[0].images.equal(auto)
    assert read_folder(tmp_path, SHAPE, 2, ink="light")[0].images.equal(1 - auto)


def test_what_was_taken_for_ink_is_said_once_for_a_folder(tmp_path, capsys):
    from ilk.cli import main

    for i in range(4):
        ink = max_pool(scribble(i)) > 0
        picture(ink != (i == 2)).save(tmp_path / f"{i}.png")
    assert main(["score", "omniglot", str(tmp_path), "--json"]) == 0
    out, said = capsys.readouterr()
    wanted = "FILES: read as dark ink on light paper; 1 of 4 the other way: 2.png"
    assert said.count("read as") == 1 and wanted in said
    assert main(["score", "omniglot", str(tmp_path), "--json", "--ink", "dark"]) == 0
    told, said = capsys.readouterr()
    assert "read as" not in said
    nats = [[row["nats"] for row in json.loads(text)["pictures"]] for text in (out, told)]
    assert nats[1][2] > nats[0][2] + 100 and nats[1][:2] == nats[0][:2]
