"""Traced drawings are the drawings: their outlines, filled, give the pixels back."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
import torch
from PIL import Image, ImageChops, ImageDraw
from skimage.measure import label
from torch import Tensor

from ilk.trace import trace

Point = tuple[float, float]
SCALE = 16  # of the outlines, places a pixel


def outlines(path: str) -> list[list[Point]]:
    """The closed lines of an SVG path of M, L, C and Z, curves as 8 pieces each."""
    found: list[list[Point]] = []
    for letter, text in re.findall(r"([MLCZ])([^MLCZ]*)", path):
        numbers = [float(n) for n in re.findall(r"-?[\d.]+", text)]
        points = list(zip(numbers[::2], numbers[1::2], strict=True))
        if letter == "M":
            found.append(points)
        elif letter == "L":
            found[-1] += points
        elif letter == "C":
            for i in range(0, len(points), 3):
                a, (b, c, d) = found[-1][-1], points[i : i + 3]
                for t in (k / 8 for k in range(1, 9)):
                    shares = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
                    curve = zip(a, b, c, d, strict=True)
                    x, y = (sum(s * v for s, v in zip(shares, at, strict=True)) for at in curve)
                    found[-1].append((x, y))
    return found


def filled(svg: str, height: int, width: int) -> Tensor:
    """What an SVG of ink shows on its fine grid, boolean."""
    canvas = Image.new("1", (width * SCALE, height * SCALE), 0)
    for path in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}path"):
        dx, dy = (float(n) for n in re.findall(r"-?[\d.]+", path.get("transform", "")))
        for line in outlines(path.get("d", "")):
            one = Image.new("1", canvas.size, 0)
            ImageDraw.Draw(one).polygon([(x + dx, y + dy) for x, y in line], fill=1)
            canvas = ImageChops.logical_xor(canvas, one)
    return torch.tensor(list(canvas.convert("L").tobytes())).view(height * SCALE, -1) > 0


def drawing(seed: int) -> Tensor:
    """Strokes one and two pixels wide, dots and holes."""
    page = Image.new("L", (26, 26), 0)
    draw, random = ImageDraw.Draw(page), torch.Generator().manual_seed(seed)
    for width in (1, 2, 1, 2):
        points = torch.randint(1, 25, (3, 2), generator=random).tolist()
        draw.line([tuple(p) for p in points], fill=255, width=width)
    x = torch.tensor(list(page.tobytes())).view(1, 26, 26) > 0
    x[0, 12:16, 12:16] = True
    x[0, 13, 13] = False
    x[0, :3, :3] = False
    x[0, 1, 1] = True
    return x.to(torch.uint8)


@pytest.mark.parametrize("seed", range(8))
def test_every_pixel_keeps_its_value(seed: int) -> None:
    x = drawing(seed)
    svg = trace(x, 2)
    assert 'viewBox="0 0 26 26"' in svg and 'fill="#181a1f"' in svg
    shown = filled(svg, 26, 26)
    centres = shown[SCALE // 2 :: SCALE, SCALE // 2 :: SCALE]
    assert int((centres != x[0].bool()).sum()) <= 6  # of 676: a fitted curve cuts a corner
    assert centres[1, 1] and not centres[13, 13]


@pytest.mark.parametrize("seed", range(8))
def test_strokes_stay_whole_and_apart(seed: int) -> None:
    """Pixels that touch at a corner are one stroke."""
    x = drawing(seed)
    strokes = label(x[0].numpy(), connectivity=2).max()
    assert label(filled(trace(x, 2), 26, 26).numpy(), connectivity=2).max() == strokes


def test_a_blank_drawing_has_no_outline() -> None:
    assert "<path" not in trace(torch.zeros(1, 26, 26), 2)


def test_colours_stay() -> None:
    x = torch.zeros(3, 16, 16, dtype=torch.uint8)
    x[0, :, :8], x[2, :, 8:] = 255, 255
    colours = re.findall(r'fill="#(..)(..)(..)"', trace(x, 256))
    assert colours
    shown = {tuple(int(c, 16) for c in colour) for colour in colours}
    assert any(r > 230 and b < 25 for r, _, b in shown)
    assert any(b > 230 and r < 25 for r, _, b in shown)
