"""Pictures that the tests of this folder make."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from PIL import Image, ImageFilter


def bomb(width: int = 60_000, height: int = 60_000) -> bytes:
    """A PNG of a few hundred bytes whose header promises a huge picture."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        crc = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc)

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = zlib.compress(bytes(100_000))
    signature = b"\x89PNG\r\n\x1a\n"
    return signature + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def thicken(ink: np.ndarray, radius: float) -> np.ndarray:
    """Ink widened by a disc."""
    r = int(radius)
    disc = np.argwhere(
        np.add.outer(np.arange(-r, r + 1) ** 2, np.arange(-r, r + 1) ** 2) <= radius**2
    )
    padded = np.pad(ink.astype(bool), r)
    out = np.zeros(ink.shape, dtype=bool)
    for dy, dx in disc:
        out |= padded[dy : dy + ink.shape[0], dx : dx + ink.shape[1]]
    return out


def scribble(seed: int = 0, strokes: int = 3) -> np.ndarray:
    """A drawing of 105 x 105 in strokes 5 pixels wide, smooth and well inside the page."""
    rng = np.random.default_rng(seed)
    page = np.zeros((105, 105), dtype=bool)
    t = np.linspace(0, 1, 400)[:, None]
    for _ in range(strokes):
        a, b, c = rng.uniform(22, 83, size=(3, 2))
        at = np.rint((1 - t) ** 2 * a + 2 * t * (1 - t) * b + t**2 * c).astype(int)
        page[at[:, 0], at[:, 1]] = True
    return thicken(page, 5**0.5)


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two binary images."""
    a, b = a.astype(bool), b.astype(bool)
    return float((a & b).sum() / (a | b).sum())


def corners_of_a_sheet(
    rng: np.random.Generator, size: tuple[int, int], share: float
) -> np.ndarray:
    """Where a square sheet lies in a photograph, seen a little from the side: `(4, 2)`, (x, y)."""
    width, height = size
    side, angle = share * min(size), np.deg2rad(rng.uniform(-25, 25))
    square = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * side / 2
    square = square * (1 + rng.uniform(-0.08, 0.08, (4, 2)))
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    room = np.maximum(np.array([width, height]) - 1.4 * side, 0) / 2
    return square @ turn + (width / 2, height / 2) + rng.uniform(-1, 1, 2) * room


def photograph(
    page: np.ndarray, rng: np.random.Generator, size: tuple[int, int] = (800, 600)
) -> tuple[Image.Image, np.ndarray]:
    """A square page on a table with a grain, by uneven light, and where its corners are."""
    corners = corners_of_a_sheet(rng, size, rng.uniform(0.4, 0.8))
    n = page.shape[0]
    rows = []
    for (x, y), (u, v) in zip(corners, [(0, 0), (n, 0), (n, n), (0, n)], strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y, u], [0, 0, 0, x, y, 1, -v * x, -v * y, v]]
    system = np.array(rows)
    seen = tuple(np.linalg.solve(system[:, :8], system[:, 8]))

    def laid(values: np.ndarray) -> np.ndarray:
        how = Image.Transform.PERSPECTIVE, seen, Image.Resampling.BICUBIC
        return np.asarray(Image.fromarray(values).transform(size, *how)).astype(float)

    width, height = size
    grain = rng.normal(0, 1, (height // 40, width // 8)).astype(np.float32)
    table = rng.uniform(30, 120) + 12 * np.asarray(Image.fromarray(grain).resize(size))
    there = laid(np.full_like(page, 255)) / 255
    light = np.linspace(1, 0.75, width) * np.linspace(0.8, 1, height)[:, None]
    values = light * (there * laid(page) + (1 - there) * table) + rng.normal(0, 4, (height, width))
    image = Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))
    return image.filter(ImageFilter.GaussianBlur(0.8)), corners
