"""Drawings as they travel."""

from __future__ import annotations

import base64
import io

import torch
from PIL import Image, ImageDraw


def picture(x: int = 40, form: str = "PNG", size: tuple[int, int] = (105, 105)) -> str:
    """A drawing of a stroke, as a file in base64."""
    page, file = Image.new("L", size, 255), io.BytesIO()
    ImageDraw.Draw(page).line((x, 20, x + 8, 80), fill=0, width=5)
    page.save(file, format=form)
    return base64.b64encode(file.getvalue()).decode()


def examples(count: int = 3) -> list[dict[str, str]]:
    """A support set of files."""
    return [{"file": picture(40 + 5 * i)} for i in range(count)]


def pixels(text: str, shape: tuple[int, ...] = (1, 26, 26)) -> torch.Tensor:
    """An image of an answer."""
    return torch.tensor(list(base64.b64decode(text)), dtype=torch.uint8).view(shape)


def page(count: int = 3) -> str:
    """A page of that many drawings side by side, as a file in base64."""
    sheet, file = Image.new("L", (200 * count, 200), 255), io.BytesIO()
    for i in range(count):
        ImageDraw.Draw(sheet).line((100 + 200 * i, 50, 100 + 210 * i, 150), fill=0, width=9)
    sheet.save(file, format="PNG")
    return base64.b64encode(file.getvalue()).decode()
