"""Pictures: sheets of images, maps of surprise, and figures made of both. Pillow alone draws.

Binary drawings are shown as ink on paper. Pixels stay crisp squares at any scale.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["Panel", "colours", "enlarge", "figure", "pixels", "sheet", "stack", "surprise_map"]

PAPER, INK, GROUND, FAINT = (255, 255, 255), (24, 26, 31), (246, 245, 241), (120, 120, 118)
_BAR = 72  # Width of a legend's ramp.
# From paper through amber and red to near black: darker is more surprising, in grey too.
_RAMP = np.array(
    [(255, 255, 255), (253, 231, 178), (248, 165, 92), (214, 72, 62), (118, 20, 74), (32, 8, 40)]
)


def colours(values: Tensor, most: float) -> np.ndarray:
    """Colours `(..., 3)` for values from 0 (paper) to `most` (darkest).

    Example:
        >>> colours(torch.tensor([0.0, 9.0]), most=3.0).tolist()
        [[255, 255, 255], [32, 8, 40]]
    """
    share = (values.double() / most).clamp(0, 1).cpu().numpy() * (len(_RAMP) - 1)
    stops = np.arange(len(_RAMP))
    channels = [np.interp(share, stops, _RAMP[:, c]) for c in range(3)]
    return np.stack(channels, axis=-1).round().astype(np.uint8)


def pixels(image: Tensor, levels: int) -> np.ndarray:
    """An image `(C, H, W)` of integers as RGB bytes `(H, W, 3)`; two grey levels are ink on paper.

    Example:
        >>> pixels(torch.tensor([[[0, 1]]]), levels=2).tolist()
        [[[255, 255, 255], [24, 26, 31]]]
    """
    if image.shape[0] == 1 and levels == 2:
        return np.where(image[0].cpu().numpy()[..., None] > 0, INK, PAPER).astype(np.uint8)
    share = image.cpu().numpy().astype(float) / (levels - 1)
    rgb = share[:3] if image.shape[0] >= 3 else share[:1].repeat(3, axis=0)
    return (rgb * 255).round().astype(np.uint8).transpose(1, 2, 0)


def enlarge(picture: np.ndarray, height: int) -> Image.Image:
    """RGB bytes `(H, W, 3)` as a picture that high, each pixel a square of its own.

    Example:
        >>> enlarge(np.zeros((26, 13, 3), np.uint8), 100).size
        (50, 100)
    """
    from PIL import Image

    width = max(1, round(picture.shape[1] * height / picture.shape[0]))
    smaller = height < picture.shape[0]
    method = Image.Resampling.BOX if smaller else Image.Resampling.NEAREST
    return Image.fromarray(picture).resize((width, height), method)


def surprise_map(
    log_prob_per_dim: Tensor, image: Tensor, levels: int, most: float = 3.0
) -> np.ndarray:
    """Where an image surprises, `(H, W, 3)`: nats a pixel from paper (0) to black (`most`).

    Arguments:
        log_prob_per_dim: Nats of every value, `(C, H, W)`.
        image: The image, `(C, H, W)`; its ink is laid under the map as a faint tint.
    """
    heat = colours(-log_prob_per_dim.sum(dim=0), most).astype(float)
    tint = 255 - (255 - pixels(image, levels).astype(float)) * 0.14
    return (heat * tint / 255).round().astype(np.uint8)


def _scale_for(height: int) -> int:
    """Screen pixels per image pixel, so that an image is some 78 high."""
    return max(1, round(78 / height))


def _tiles(images: Sequence[np.ndarray], columns: int, scale: int) -> Image.Image:
    from PIL import Image

    gap, (height, width) = max(4, scale * 2), images[0].shape[:2]
    rows = -(-len(images) // columns)
    size = (columns * (width * scale + gap) - gap, rows * (height * scale + gap) - gap)
    canvas = Image.new("RGB", size, GROUND)
    for i, image in enumerate(images):
        row, column = divmod(i, columns)
        tile = enlarge(image, height * scale)
        canvas.paste(tile, (column * (width * scale + gap), row * (height * scale + gap)))
    return canvas


def _framed(picture: Image.Image, margin: int = 16) -> Image.Image:
    from PIL import Image

    canvas = Image.new("RGB", (picture.width + 2 * margin, picture.height + 2 * margin), GROUND)
    canvas.paste(picture, (margin, margin))
    return canvas


def sheet(
    images: Tensor, levels: int, columns: int | None = None, scale: int | None = None
) -> Image.Image:
    """Images `(N, C, H, W)` in rows.

    Arguments:
        images: Integers `0..levels-1`.
        levels: Values of a pixel.
        columns: Images a row; about a square of them by default.
        scale: Screen pixels per image pixel; by default such that images are some 78 high.

    Raises:
        ValueError: If there is no image.

    Example:
        >>> sheet(torch.zeros(5, 1, 26, 26, dtype=torch.uint8), levels=2, columns=4).size
        (362, 194)
    """
    if images.dim() != 4 or not len(images):
        raise ValueError(f"images must be (N, C, H, W) with N at least 1, got {images.shape}")
    columns = min(len(images), columns or max(4, round(len(images) ** 0.5)))
    arrays = [pixels(image, levels) for image in images]
    return _framed(_tiles(arrays, columns, scale or _scale_for(images.shape[-2])))


@dataclass(frozen=True)
class Panel:
    """A part of a figure: a title, a line on what it shows, tiles with or without captions.

    Attributes:
        title: Its title.
        note: A line below the title.
        tiles: RGB bytes `(H, W, 3)`.
        columns: Tiles a row.
        captions: One below each tile, or none.
        most: If given, the panel has a legend of surprise from 0 to so many nats.
    """

    title: str
    note: str
    tiles: Sequence[np.ndarray]
    columns: int
    captions: Sequence[str] = ()
    most: float | None = None


def figure(panels: Sequence[Panel], gap: int = 44, margin: int = 22) -> Image.Image:
    """Panels side by side on a light ground.

    Example:
        >>> tile = pixels(torch.zeros(1, 26, 26), 2)
        >>> figure([Panel("support", "four drawings", [tile] * 4, 2)]).mode
        'RGB'
    """
    from PIL import Image

    drawn = [_panel(panel) for panel in panels]
    width = sum(p.width for p in drawn) + gap * (len(drawn) - 1) + 2 * margin
    height = max(p.height for p in drawn) + 2 * margin
    canvas, x = Image.new("RGB", (width, height), GROUND), margin
    for picture in drawn:
        canvas.paste(picture, (x, margin))
        x += picture.width + gap
    return canvas


def stack(pictures: Sequence[Image.Image]) -> Image.Image:
    """Pictures below one another."""
    from PIL import Image

    size = max(p.width for p in pictures), sum(p.height for p in pictures)
    canvas, y = Image.new("RGB", size, GROUND), 0
    for picture in pictures:
        canvas.paste(picture, (0, y))
        y += picture.height
    return canvas


def _panel(panel: Panel) -> Image.Image:
    from PIL import Image, ImageDraw, ImageFont

    title, small = ImageFont.load_default(20), ImageFont.load_default(13)
    scale, head, line = _scale_for(panel.tiles[0].shape[0]), 58, 20
    tiles = [_captioned(t, c, scale) for t, c in _with_captions(panel)]
    body = _tiles(tiles, panel.columns, 1)
    widths = [title.getlength(panel.title), small.getlength(panel.note), body.width]
    if panel.most is not None:
        widths.append(_BAR + 8 + small.getlength(_told(panel.most)))
    width = math.ceil(max(widths))
    foot = 0 if panel.most is None else 2 * line + 8
    canvas = Image.new("RGB", (width, head + body.height + foot), GROUND)
    draw = ImageDraw.Draw(canvas)
    draw.text((0, 0), panel.title, INK, title)
    draw.text((0, 29), panel.note, FAINT, small)
    canvas.paste(body, (0, head))
    if panel.most is not None:
        _legend(canvas, head + body.height + 12, panel.most)
    return canvas


def _with_captions(panel: Panel) -> list[tuple[np.ndarray, str]]:
    captions = list(panel.captions) or [""] * len(panel.tiles)
    return list(zip(panel.tiles, captions, strict=True))


def _captioned(tile: np.ndarray, caption: str, scale: int) -> np.ndarray:
    from PIL import Image, ImageDraw, ImageFont

    big = tile.repeat(scale, axis=0).repeat(scale, axis=1)
    if not caption:
        return big
    strip = Image.new("RGB", (big.shape[1], 18), GROUND)
    font = ImageFont.load_default(12)
    place = ((strip.width - font.getlength(caption)) / 2, 2)
    ImageDraw.Draw(strip).text(place, caption, FAINT, font)
    return np.concatenate([big, np.asarray(strip)], axis=0)


def _legend(canvas: Image.Image, top: int, most: float) -> None:
    from PIL import Image, ImageDraw, ImageFont

    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(13)

    bar = colours(torch.linspace(0, most, _BAR).expand(10, -1), most)
    canvas.paste(Image.fromarray(bar), (0, top + 3))
    draw.rectangle((0, top + 3, _BAR - 1, top + 12), outline=FAINT)
    draw.text((_BAR + 8, top), _told(most), FAINT, font)


def _told(most: float) -> str:
    return f"0 to {most:.3g} nats or more"
