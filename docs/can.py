"""Computed pictures of a striped can before black: `python docs/can.py FOLDER`.

They stand in for photographs in the documentation: `good`, eight views of a can with a blue band;
`parts`, three other views of it and two of a can whose band is green; `views`, six of the first.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

RED, YELLOW, WHITE = (0.85, 0.15, 0.12), (0.95, 0.85, 0.3), (1, 1, 1)
BLUE, GREEN, TIN = (0.15, 0.3, 0.75), (0.2, 0.6, 0.25), (0.75, 0.75, 0.78)
RADIUS, TOP, BOTTOM, LID, SIDE = 0.55, -0.6, 0.7, 0.16, 128


def can(turn: float, band: tuple[float, ...] = BLUE) -> Image.Image:
    """The can turned about its axis by an angle in radians, 64 x 64."""
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE * 2 - 1
    across = x / RADIUS
    depth = np.sqrt((1 - across**2).clip(0))
    edge = TOP + LID * depth
    body = (abs(across) < 1) & (y > edge) & (y < BOTTOM + LID * depth)
    angle, height = np.arcsin(across.clip(-1, 1)) + turn, (y - edge) / (BOTTOM - TOP)
    stripe = np.floor(angle / (np.pi / 3)) % 2 == 0
    paint = np.where(stripe[..., None], RED, YELLOW)
    paint = np.where(((height > 0.35) & (height < 0.6))[..., None], band, paint)
    spot = (np.cos(angle) > 0.95) & (height > 0.7) & (height < 0.85)
    paint = np.where(spot[..., None], WHITE, paint)
    light = 0.35 + 0.65 * (depth * 0.8 - across * 0.5).clip(0, 1)
    picture = np.where(body[..., None], paint * light[..., None], 0)
    lid = across**2 + ((y - TOP) / LID) ** 2 < 1
    picture = np.where(lid[..., None], np.array(TIN) * (0.8 + 0.2 * x[..., None]), picture)
    values = (255 * picture.clip(0, 1)).astype(np.uint8)
    return Image.fromarray(values).resize((64, 64), Image.Resampling.BOX)


def main(folder: Path) -> None:
    """Writes the pictures."""
    pictures = {f"good/{i}": can(0.3 * i) for i in range(8)}
    pictures |= {f"views/{i}": can(0.35 * i) for i in range(6)}
    pictures |= {f"parts/same{i}": can(0.15 + 0.8 * i) for i in range(3)}
    pictures |= {f"parts/other{i}": can(0.15 + 0.8 * i, GREEN) for i in range(2)}
    for name, picture in pictures.items():
        path = folder / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(path)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"wanted one folder to write to, got {len(sys.argv) - 1} arguments\n{__doc__}")
    main(Path(sys.argv[1]))
