"""Paint the little landscape of the documentation: ``python tools/make_scene.py FOLDER``.

24 x 24 pixels, `scene.png`, and `mirrored.png`, its mirror image: what a model that was trained to
turn photographs round is shown.
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image, ImageDraw, ImageOps

SIDE, SUPERSAMPLING = 24, 16


def scene() -> Image.Image:
    """Sun over a hill, a house with a red roof, a tree, a path."""
    size = SIDE * SUPERSAMPLING
    sky = Image.linear_gradient("L").resize((size, size))
    image = ImageOps.colorize(sky, (64, 120, 190), (244, 214, 170))
    draw = ImageDraw.Draw(image)

    def at(*points: float) -> list[float]:
        return [p * size for p in points]

    draw.ellipse(at(0.10, 0.10, 0.34, 0.34), (252, 226, 120))
    draw.ellipse(at(-0.30, 0.52, 0.90, 1.60), (86, 134, 74))
    draw.ellipse(at(0.35, 0.62, 1.40, 1.80), (62, 108, 66))
    draw.polygon(at(0.30, 1.0, 0.48, 0.62, 0.54, 0.62, 0.50, 1.0), (206, 180, 132))
    draw.rectangle(at(0.60, 0.44, 0.88, 0.72), (226, 214, 196))
    draw.polygon(at(0.55, 0.46, 0.74, 0.26, 0.93, 0.46), (164, 54, 44))
    draw.rectangle(at(0.66, 0.52, 0.74, 0.62), (70, 84, 112))
    draw.rectangle(at(0.15, 0.50, 0.19, 0.74), (92, 66, 44))
    draw.ellipse(at(0.06, 0.36, 0.28, 0.60), (44, 84, 48))
    return image.resize((SIDE, SIDE), Image.Resampling.BOX)


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    folder.mkdir(parents=True, exist_ok=True)
    scene().save(folder / "scene.png")
    ImageOps.mirror(scene()).save(folder / "mirrored.png")
    print(f"{folder / 'scene.png'}, {folder / 'mirrored.png'}")
