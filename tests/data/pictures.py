"""Pictures that the tests of this folder make."""

from __future__ import annotations

import struct
import zlib

import numpy as np


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
