"""A computed photograph of a page on a table: `python docs/page.py page.jpg`.

It stands in for a photograph in the documentation: five drawings that come with the package, on a
sheet that lies askew on a dark table, seen a little from the side.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

import ilk
from ilk.data.sheet import projection

DRAWINGS = Path(ilk.__file__).parent / "assets" / "drawings" / "heron"
SIZE = (1200, 900)
SHEET = ((330, 110), (1010, 240), (930, 770), (210, 650))
PAPER = (1050, 800)
PLACES = ((110, 90), (430, 70), (720, 110), (230, 430), (590, 410))
LARGE = 250


def page() -> Image.Image:
    """Five drawings on a sheet of paper."""
    paper = Image.new("L", PAPER, 235)
    for i, place in enumerate(PLACES):
        drawing = Image.open(DRAWINGS / f"{i + 1:02}.png").convert("L")
        large = drawing.resize((LARGE, LARGE), Image.Resampling.BICUBIC)
        paper.paste(50, place, large.point(lambda value: 255 - value))
    return paper


def photograph(paper: Image.Image) -> Image.Image:
    """The sheet on a table."""
    random = np.random.default_rng(0)
    grain = random.normal(0, 1, (SIZE[1] // 60, SIZE[0] // 8)).astype(np.float32)
    wood = 75 + 9 * np.asarray(Image.fromarray(grain).resize(SIZE, Image.Resampling.BICUBIC))
    seen = projection(np.array(SHEET), np.array(PAPER) * ((0, 0), (1, 0), (1, 1), (0, 1)))
    how = SIZE, Image.Transform.PERSPECTIVE, tuple(seen), Image.Resampling.BICUBIC
    there = np.asarray(Image.new("L", PAPER, 255).transform(*how)) / 255
    values = there * np.asarray(paper.transform(*how)) + (1 - there) * wood
    light = np.linspace(1, 0.8, SIZE[0]) * np.linspace(0.85, 1, SIZE[1])[:, None]
    values = values * light + random.normal(0, 3, values.shape)
    image = Image.fromarray(values.clip(0, 255).astype(np.uint8))
    return image.filter(ImageFilter.GaussianBlur(0.7))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"wanted one picture to write, got {len(sys.argv) - 1} arguments\n{__doc__}")
    photograph(page()).save(sys.argv[1])
