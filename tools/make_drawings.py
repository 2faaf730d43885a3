"""Draw the characters that come with the package: ``python tools/make_drawings.py``.

Four characters of no alphabet, each written once by twelve invented people. A person has a
slant, a size, a hand that trembles and habits at the ends of strokes, and keeps them from one
character to the next. The result is fixed by the seed.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

SIDE = 105  # pixels: the size of Omniglot's drawings
SUPERSAMPLING = 8
PEOPLE = 12
SEED = 11

Stroke = list[tuple[float, float]]  # control points (x, y) in the unit square, y down

CHARACTERS: dict[str, list[Stroke]] = {
    "heron": [
        [(0.20, 0.26), (0.42, 0.12), (0.56, 0.26), (0.40, 0.50), (0.56, 0.68), (0.86, 0.56)],
        [(0.52, 0.66), (0.50, 0.96)],
    ],
    "kettle": [
        [(0.34, 0.44), (0.16, 0.66), (0.34, 0.90), (0.62, 0.88), (0.74, 0.64), (0.56, 0.44)]
        + [(0.34, 0.44)],
        [(0.24, 0.34), (0.44, 0.08), (0.66, 0.32)],
        [(0.74, 0.60), (0.96, 0.42)],
    ],
    "sail": [
        [(0.44, 0.06), (0.45, 0.76)],
        [(0.44, 0.08), (0.72, 0.30), (0.80, 0.56), (0.44, 0.56)],
        [(0.10, 0.70), (0.30, 0.90), (0.62, 0.90), (0.88, 0.68)],
    ],
    "comet": [
        [(0.58, 0.40), (0.52, 0.18), (0.74, 0.08), (0.92, 0.26), (0.80, 0.46), (0.58, 0.40)],
        [(0.52, 0.36), (0.10, 0.60)],
        [(0.66, 0.48), (0.36, 0.94)],
    ],
}


@dataclass(frozen=True)
class Person:
    """Someone's hand: what stays the same in everything that they write."""

    slant: float
    turn: float
    width: float
    height: float
    tremor: float
    carelessness: float
    overshoot: float
    pen: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Person:
        size = rng.uniform(0.66, 0.78)
        return cls(
            slant=rng.normal(0.02, 0.09),
            turn=rng.normal(0.0, 0.05),
            width=size * np.exp(rng.normal(0.0, 0.11)),
            height=size * np.exp(rng.normal(0.0, 0.08)),
            tremor=rng.uniform(0.001, 0.004),
            carelessness=rng.uniform(0.008, 0.022),
            overshoot=rng.uniform(0.02, 0.09),
            pen=rng.uniform(4.4, 5.4),
        )


def smooth(points: np.ndarray, steps: int = 24) -> np.ndarray:
    """The centripetal-like Catmull-Rom curve through some points."""
    ends = np.vstack([2 * points[0] - points[1], points, 2 * points[-1] - points[-2]])
    t = np.linspace(0.0, 1.0, steps, endpoint=False)[:, None]
    pieces = []
    for a, b, c, d in zip(ends, ends[1:], ends[2:], ends[3:], strict=False):
        cubic = (3 * b - 3 * c + d - a) * t**3 + (2 * a - 5 * b + 4 * c - d) * t**2
        pieces.append(b + 0.5 * ((c - a) * t + cubic))
    return np.vstack([*pieces, points[-1:]])


def tremble(curve: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """A curve shaken by noise that is smooth along it."""
    noise = rng.normal(size=(len(curve) + 16, 2))
    kernel = np.hanning(17) / np.linalg.norm(np.hanning(17))
    shaken = [np.convolve(noise[:, i], kernel, mode="valid") for i in range(2)]
    return curve + amount * np.stack(shaken, axis=1)


def write(character: list[Stroke], person: Person, rng: np.random.Generator) -> Image.Image:
    """One drawing of a character: 1 bit, ink black on white paper."""
    cos, sin = np.cos(person.turn), np.sin(person.turn)
    shear = np.array([[1.0, -person.slant], [0.0, 1.0]])
    hand = np.array([[cos, -sin], [sin, cos]]) @ shear @ np.diag([person.width, person.height])
    place = 0.5 + rng.normal(0.0, 0.025, size=2)

    side = SIDE * SUPERSAMPLING
    paper = Image.new("L", (side, side), 255)
    pen = ImageDraw.Draw(paper)
    radius = person.pen * SUPERSAMPLING / 2
    for stroke in character:
        points = np.array(stroke) - 0.5
        points = points + rng.normal(0.0, person.carelessness, size=points.shape)
        points += rng.normal(0.0, 0.6 * person.carelessness, size=2)
        for end, inner in ((0, 1), (-1, -2)):
            away = points[end] - points[inner]
            points[end] += away * rng.normal(0.3, 1.0) * person.overshoot / np.linalg.norm(away)
        curve = tremble(smooth(points), person.tremor, rng) @ hand.T + place
        dots = [(float(x), float(y)) for x, y in np.clip(curve, 0.02, 0.98) * side]
        pen.line(dots, fill=0, width=round(2 * radius), joint="curve")
        for x, y in dots:
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=0)
    return paper.resize((SIDE, SIDE), Image.Resampling.BOX).point(lambda v: 255 * (v > 127), "1")


def main() -> None:
    """Write every drawing to ``--out/<character>/<person>.png``."""
    default = Path(__file__).parents[1] / "src" / "ilk" / "assets" / "drawings"
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=default)
    out: Path = parser.parse_args().out
    people = [Person.draw(np.random.default_rng([SEED, i])) for i in range(PEOPLE)]
    for k, (name, character) in enumerate(CHARACTERS.items()):
        (out / name).mkdir(parents=True, exist_ok=True)
        for i, person in enumerate(people):
            drawing = write(character, person, np.random.default_rng([SEED, i, k]))
            drawing.save(out / name / f"{i + 1:02d}.png", optimize=True)


if __name__ == "__main__":
    main()
