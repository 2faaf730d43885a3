"""Pictures as outlines: SVG that stays smooth at any size. The library vtracer fits the curves."""

from __future__ import annotations

import io
from xml.etree import ElementTree

import numpy as np
from torch import Tensor

from ilk.render import INK, pixels

__all__ = ["trace"]

_FINE = 16  # Places a pixel that edges are smoothed on.
_SOFT, _SHARP = 0.55, 0.35  # Radii of a blur in pixels; the sharp one keeps every pixel its value.
_EDGE = 102  # Of 255, where ink ends in a blur: pixels that touch at a corner stay one stroke.
_SVG = "http://www.w3.org/2000/svg"


def trace(image: Tensor, levels: int) -> str:
    """An image `(C, H, W)` of integers `0..levels-1` as SVG, its `viewBox` in pixels.

    A drawing becomes ink without paper, every pixel's centre as it was; other images become layers
    of flat colour.

    Example:
        >>> import torch
        >>> svg = trace(torch.tensor([[[0, 0, 0], [0, 1, 0], [0, 0, 0]]]), levels=2)
        >>> 'viewBox="0 0 3 3"' in svg, svg.count("<path")
        (True, 1)
    """
    import vtracer
    from PIL import Image

    channels, height, width = image.shape
    ink = channels == 1 and levels == 2
    if ink:
        fine = np.where(_smoothed(image[0].cpu().numpy() > 0), 0, 255).astype(np.uint8)
        picture = Image.fromarray(fine).convert("RGB")
    else:
        size = (width * _FINE, height * _FINE)
        picture = Image.fromarray(pixels(image, levels)).resize(size, Image.Resampling.LANCZOS)
    file = io.BytesIO()
    picture.save(file, format="PNG")
    text = vtracer.convert_raw_image_to_svg(
        file.getvalue(),
        img_format="png",
        colormode="binary" if ink else "color",
        filter_speckle=0 if ink else 4,
        path_precision=2,
    )
    return _in_pixels(text, width, height, "#{:02x}{:02x}{:02x}".format(*INK) if ink else None)


def _smoothed(ink: np.ndarray) -> np.ndarray:
    """Ink `(H, W)` with round edges, on a finer grid."""
    from PIL import Image, ImageFilter

    fine = ink.repeat(_FINE, axis=0).repeat(_FINE, axis=1)
    picture = Image.fromarray(np.where(fine, 255, 0).astype(np.uint8))
    soft, sharp = (
        np.asarray(picture.filter(ImageFilter.GaussianBlur(radius * _FINE))) > _EDGE
        for radius in (_SOFT, _SHARP)
    )
    # A dot and a stroke's end would vanish in the soft one.
    lost = soft[_FINE // 2 :: _FINE, _FINE // 2 :: _FINE] != ink
    return np.where(lost.repeat(_FINE, axis=0).repeat(_FINE, axis=1), sharp, soft)


def _in_pixels(text: str, width: int, height: int, fill: str | None) -> str:
    """SVG of the finer grid, measured in pixels of the image, in one colour if that is given."""
    ElementTree.register_namespace("", _SVG)
    drawn = ElementTree.fromstring(text.encode())
    root = ElementTree.Element(f"{{{_SVG}}}svg", viewBox=f"0 0 {width} {height}")
    group = ElementTree.SubElement(root, f"{{{_SVG}}}g", transform=f"scale({1 / _FINE:g})")
    for path in drawn:
        if fill is not None:
            path.set("fill", fill)
        group.append(path)
    return ElementTree.tostring(root, encoding="unicode") + "\n"
