"""Pictures of objects drawn by program: examples for models of photographs, of any size."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from PIL import Image, ImageDraw, ImageFilter
from torch import Tensor

from ilk.data import read_image

__all__ = ["KINDS", "picture"]

SIDE = 256
Colour = tuple[int, int, int]


def picture(kind: str, number: int, shape: tuple[int, int, int], levels: int) -> Tensor:
    """One of a kind as a model's pixels, `(C, H, W)`; the same number is the same picture.

    Example:
        >>> picture("cup", 1, (3, 32, 32), 256).shape
        torch.Size([3, 32, 32])
    """
    chance = random.Random(f"{kind} {number}")
    light = chance.randint(226, 246)
    page = Image.new("RGB", (SIDE, SIDE), (light, light, light - 4))
    middle, foot = SIDE / 2 + chance.uniform(-14, 14), SIDE * chance.uniform(0.74, 0.8)
    _shadow(page, middle, foot, SIDE * 0.3)
    KINDS[kind](page, chance, middle, foot)
    return read_image(page.filter(ImageFilter.GaussianBlur(1.2)), shape, levels)


def _cup(page: Image.Image, chance: random.Random, middle: float, foot: float) -> None:
    colour = _colour(chance)
    wide, high = chance.uniform(46, 58), chance.uniform(92, 120)
    top = foot - high
    draw = ImageDraw.Draw(page)
    grip = (middle + wide - 22, top + high * 0.2, middle + wide + 36, top + high * 0.75)
    draw.ellipse(grip, outline=_shade(colour, 0.8), width=13)
    _round(page, colour, foot, high, lambda t: (middle, wide * (0.86 + 0.14 * t)))
    draw.ellipse((middle - wide, top - 13, middle + wide, top + 13), fill=_shade(colour, 1.12))
    draw.ellipse((middle - wide + 8, top - 8, middle + wide - 8, top + 10), fill=(62, 42, 32))


def _bottle(page: Image.Image, chance: random.Random, middle: float, foot: float) -> None:
    colour = _colour(chance)
    wide, high = chance.uniform(28, 36), chance.uniform(150, 172)

    def outline(t: float) -> tuple[float, float]:
        shoulder = 1 / (1 + math.exp(26 * (t - 0.66)))
        return middle, wide * (0.36 + 0.64 * shoulder)

    _round(page, colour, foot, high, outline)
    paper, ink = (246, 240, 226), _shade(colour, 0.7)
    body = high * 0.56
    _round(page, paper, foot - body * 0.28, body * 0.5, lambda t: (middle, wide))
    _round(page, ink, foot - body * 0.44, body * 0.1, lambda t: (middle, wide))
    _round(page, (52, 50, 54), foot - high + 4, 18, lambda t: (middle, wide * 0.42))


KINDS: dict[str, Callable[[Image.Image, random.Random, float, float], None]] = {
    "cup": _cup,
    "bottle": _bottle,
}


def _round(
    page: Image.Image,
    colour: Colour,
    foot: float,
    high: float,
    outline: Callable[[float], tuple[float, float]],
) -> None:
    """A body turned on a wheel, lit from the left: rows from its foot up, `outline` of 0 to 1."""
    draw = ImageDraw.Draw(page)
    for row in range(int(high)):
        middle, wide = outline(row / high)
        y = foot - row
        for column in range(-int(wide), int(wide) + 1):
            across = column / wide
            lit = 0.62 + 0.5 * math.sqrt(max(0.0, 1 - (across + 0.35) ** 2 / 1.9))
            draw.point((middle + column, y), fill=_shade(colour, lit))


def _shadow(page: Image.Image, middle: float, foot: float, wide: float) -> None:
    dark = Image.new("L", page.size, 0)
    box = (middle - wide, foot - 10, middle + wide * 1.3, foot + 14)
    ImageDraw.Draw(dark).ellipse(box, fill=120)
    page.paste((70, 68, 66), mask=dark.filter(ImageFilter.GaussianBlur(9)))


def _colour(chance: random.Random) -> Colour:
    colours = [(196, 64, 48), (52, 106, 168), (58, 138, 92), (222, 168, 56), (226, 222, 214)]
    return chance.choice([*colours, (104, 72, 140)])


def _shade(colour: Colour, by: float) -> Colour:
    red, green, blue = (min(255, round(v * by)) for v in colour)
    return red, green, blue
