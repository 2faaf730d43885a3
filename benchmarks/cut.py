"""Pages of drawings, photographed by a program, and cut apart: `python -m benchmarks.cut`.

Omniglot's drawings, or without that data those that come with the package, in rows on a page, of
one kind or of many; then what happens to pages: light that fades and soft shadows at margins,
rows askew and a camera held so, paper that curls, printed rules, boxes and forms, a spiral
binding, noise and blur, a table around the sheet, and all of it at once. Printed for each: how
many drawings come out whole (nine tenths of a drawing's ink, and at most a tenth of it foreign),
how many whole and in reading order, of as many as there are or as were found, whichever is more.
"""

from __future__ import annotations

import argparse
import io
from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

import ilk
from ilk.data import read_page
from ilk.data.omniglot import SETS, SIDE
from ilk.data.sheet import straightened
from ilk.data.store import locate

CONDITIONS: dict[str, set[str]] = {
    "as scanned": set(),
    "shade": {"shade"},
    "slant": {"slant"},
    "curl": {"curl"},
    "ruled": {"ruled"},
    "boxes": {"boxes"},
    "grid": {"grid"},
    "spiral": {"spiral"},
    "noise": {"noise"},
    "table": {"table", "slant"},
    "ruled, all": {"shade", "slant", "curl", "ruled", "spiral", "noise"},
    "boxes, all": {"shade", "slant", "curl", "boxes", "spiral", "noise"},
}
PAGE = (1400, 1000)
PHOTO = (1024, 732)
MARGIN = 90
INK, PAPER = 45.0, 235.0
WHOLE = 0.9


class Photograph(NamedTuple):
    """A picture of a page, and where on it each drawing is, in reading order, `(N, H, W)`."""

    image: Image.Image
    masks: np.ndarray


def drawings(random: np.random.Generator, count: int) -> list[np.ndarray]:
    """Drawings of 105 x 105, of one kind in half of all cases, else of one alphabet."""
    kinds, alphabets = _all()
    names = list(kinds)
    if random.random() < 0.5:
        alphabet = alphabets[random.choice(sorted(alphabets))]
        chosen = [kinds[random.choice(alphabet)] for _ in range(count)]
    else:
        chosen = [kinds[names[random.integers(len(names))]]] * count
    return [_unpacked(kind[random.integers(len(kind))]) for kind in chosen]


def _all() -> tuple[dict[str, list[np.ndarray]], dict[str, list[str]]]:
    if not _CACHE:
        try:
            path = locate("omniglot-26", SETS["omniglot-26"], None)[0]
        except FileNotFoundError:
            path = Path()
        _CACHE.append(_omniglot(path) if path.suffix == ".npz" else _shipped())
    return _CACHE[0]


_CACHE: list[tuple[dict[str, list[np.ndarray]], dict[str, list[str]]]] = []


def _omniglot(path: Path) -> tuple[dict[str, list[np.ndarray]], dict[str, list[str]]]:
    with np.load(path) as z:
        images, kind, names = z["images"], z["character"], z["character_names"]
        alphabet = z["alphabet_names"][z["alphabet"]]
    kinds, alphabets = {}, {}
    for k, name in enumerate(names):
        own = np.flatnonzero(kind == k)
        kinds[f"{k} {name}"] = list(images[own])
        alphabets.setdefault(str(alphabet[own[0]]), []).append(f"{k} {name}")
    return kinds, alphabets


def _shipped() -> tuple[dict[str, list[np.ndarray]], dict[str, list[str]]]:
    folder = Path(ilk.__file__).parent / "assets" / "drawings"
    kinds = {
        kind.name: [np.asarray(Image.open(file)) for file in sorted(kind.glob("*.png"))]
        for kind in sorted(folder.iterdir())
    }
    kinds = {name: [np.packbits(~x.astype(bool)) for x in own] for name, own in kinds.items()}
    return kinds, {"shipped": list(kinds)}


def _unpacked(row: np.ndarray) -> np.ndarray:
    return np.unpackbits(row, count=SIDE * SIDE).reshape(SIDE, SIDE)


class Layout(NamedTuple):
    """Where drawings go on a page: the middle of each, and how wide a place is, in pixels."""

    places: np.ndarray
    pitch: float


def laid_out(random: np.random.Generator, what: set[str]) -> Layout:
    """Rows, the last perhaps short, with some unevenness; rows askew with `slant`."""
    rows, columns = random.integers(2, 6), random.integers(3, 9)
    room = np.array(PAGE) - 2 * MARGIN
    pitch = min(room[0] / columns, room[1] / rows, 260)
    count = rows * columns - random.integers(0, columns // 2 + 1)
    order = np.arange(count)
    at = np.stack([order % columns + 0.5, order // columns + 0.5], axis=1) * pitch
    at += (np.array(PAGE) - pitch * np.array((columns, rows))) / 2
    if "boxes" not in what and "grid" not in what:
        at += random.uniform(-0.06, 0.06, at.shape) * pitch
        if "slant" in what:
            slope = np.tan(np.deg2rad(random.uniform(-2, 2, rows)))[order // columns]
            at[:, 1] += slope * (at[:, 0] - PAGE[0] / 2)
    return Layout(at, float(pitch))


def photograph(random: np.random.Generator, what: set[str]) -> Photograph:
    """A page with drawings in rows, and what the condition says happened to it."""
    layout = laid_out(random, what)
    size = layout.pitch / random.uniform(1.15, 1.5)
    found = drawings(random, len(layout.places))
    page, label = _printed(random, what, layout), np.zeros(PAGE[::-1], dtype=np.uint8)
    tone = INK * random.uniform(0.6, 1.8)
    for i, (drawing, place) in enumerate(zip(found, layout.places, strict=True)):
        large = Image.fromarray(drawing * np.uint8(255)).resize(
            (round(size), round(size)), Image.Resampling.BICUBIC
        )
        alpha = np.asarray(large) / 255
        x, y = np.rint(place - size / 2).astype(int)
        part = np.s_[y : y + alpha.shape[0], x : x + alpha.shape[1]]
        page[part] = np.minimum(page[part], PAPER + alpha * (tone - PAPER))
        label[part][alpha > 0.5] = i + 1
    return _seen(random, what, page, label)


def _printed(random: np.random.Generator, what: set[str], layout: Layout) -> np.ndarray:
    """Paper with what is printed on it, or punched into it."""
    image = Image.new("L", PAGE, int(PAPER))
    draw, wide = ImageDraw.Draw(image), int(random.integers(2, 5))
    if "ruled" in what:
        tone, gap = int(random.integers(110, 200)), float(random.uniform(38, 75))
        for y in np.arange(random.uniform(40, 90), PAGE[1], gap):
            draw.line((0, y, PAGE[0], y), fill=tone, width=2)
        if random.random() < 0.5:
            draw.line((70, 0, 70, PAGE[1]), fill=tone, width=2)
    if "boxes" in what or "grid" in what:
        tone, half = int(random.integers(20, 150)), layout.pitch / 2
        inset = 0 if "grid" in what else layout.pitch * random.uniform(0.03, 0.06)
        font = ImageFont.load_default(max(10, round(layout.pitch * 0.08)))
        for i, (x, y) in enumerate(layout.places):
            a = half - inset
            low = y + a - (layout.pitch * 0.1 if "boxes" in what else 0)
            draw.rectangle((x - a, y - a, x + a, low), outline=tone, width=wide)
            if "boxes" in what:
                draw.text((x, low + 3), chr(65 + i), fill=tone, font=font, anchor="mt")
    if "spiral" in what:
        step, r = float(random.uniform(28, 38)), float(random.uniform(7, 11))
        for x in np.arange(step / 2, PAGE[0], step):
            draw.ellipse((x - r, 34 - r, x + r, 34 + r), fill=50)
            draw.line((x - r / 2, 34, x - r / 2 - 3, -10), fill=90, width=5)
    return np.asarray(image).astype(np.float64)


def _seen(
    random: np.random.Generator, what: set[str], page: np.ndarray, label: np.ndarray
) -> Photograph:
    """Through a camera."""
    width, height = PHOTO
    v, u = np.mgrid[:height, :width].astype(np.float64)
    x, y = (u + 0.5) / width - 0.5, (v + 0.5) / height - 0.5
    light = np.ones(PHOTO[::-1])
    if "table" in what:
        x, y = x * random.uniform(1.25, 1.5), y * random.uniform(1.25, 1.5)
    if "slant" in what:
        angle, tilt = np.deg2rad(random.uniform(-7, 7)), random.uniform(-0.12, 0.12, 2)
        depth = (1 + tilt[0] * x + tilt[1] * y) * (1 if "table" in what else 0.97)
        x, y = x * depth, y * depth
        a = height / width
        x, y = (
            x * np.cos(angle) + a * y * np.sin(angle),
            y * np.cos(angle) - x / a * np.sin(angle),
        )
    if "curl" in what:
        phase, turns = random.uniform(0, 2 * np.pi), random.uniform(0.6, 1.2)
        bend = random.uniform(0.01, 0.025)
        y = y + bend * np.sin(2 * np.pi * turns * x + phase)
        light = light * (1 + 5 * bend * np.cos(2 * np.pi * turns * x + phase))
    at = [(y + 0.5) * PAGE[1] - 0.5, (x + 0.5) * PAGE[0] - 0.5]
    mode = "constant" if "table" in what else "nearest"
    smooth = ndimage.gaussian_filter(page, 0.6)
    values = ndimage.map_coordinates(smooth, at, order=1, mode=mode, cval=-1)
    owner = ndimage.map_coordinates(label, at, order=0, mode="constant", cval=0)
    if "table" in what:
        grain = random.normal(0, 1, (height // 40, width // 8)).astype(np.float32)
        table = random.uniform(30, 130) + 12 * np.asarray(Image.fromarray(grain).resize(PHOTO))
        values = np.where(values < 0, table, values)
    if "shade" in what:
        light = light * _shade(random, u / width, v / height)
    rough = "noise" in what
    values = ndimage.gaussian_filter(values * light, random.uniform(0.9, 1.3) if rough else 0.6)
    values = values + random.normal(0, 9 if rough else 3, values.shape)
    file = io.BytesIO()
    image = Image.fromarray(values.clip(0, 255).astype(np.uint8))
    image.save(file, "JPEG", quality=45 if rough else 85)
    masks = np.stack([owner == i for i in range(1, int(label.max()) + 1)])
    return Photograph(Image.open(file), masks)


def _shade(random: np.random.Generator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Light that fades across the page, and a soft shadow along a margin or over a corner."""
    angle = random.uniform(0, 2 * np.pi)
    along = (x - 0.5) * np.cos(angle) + (y - 0.5) * np.sin(angle)
    light = 1 - random.uniform(0.15, 0.4) * (along + 0.7) / 1.4
    from_edge = (x, 1 - x, y, 1 - y, np.hypot(x, y))[random.integers(5)]
    deep, wide = random.uniform(0.3, 0.55), random.uniform(0.02, 0.06)
    return light * (1 - deep / (1 + np.exp((from_edge - random.uniform(0.03, 0.15)) / wide)))


def score(photo: Photograph) -> tuple[int, int, int, int]:
    """Drawings that there are, that were found, that are whole, and whole in order."""
    try:
        page = read_page(photo.image)
    except ValueError:
        return len(photo.masks), 0, 0, 0
    masks = photo.masks
    if page.corners is not None:
        bright = masks * np.uint8(255)
        masks = np.stack([straightened(mask, page.corners) > 127 for mask in bright])
    near = np.stack([ndimage.binary_dilation(mask, iterations=2) for mask in masks])
    order = []
    for i in range(page.count):
        own = page.mask(i)
        around = ndimage.binary_dilation(own, iterations=2)
        shared = (masks & around).sum(axis=(1, 2)) / np.maximum(masks.sum(axis=(1, 2)), 1)
        k = int(shared.argmax())
        if shared[k] >= WHOLE and (own & near[k]).sum() >= WHOLE * own.sum():
            order.append(k)
    whole = len(set(order))
    return len(masks), page.count, whole, _rising(order)


def _rising(numbers: list[int]) -> int:
    """The length of the longest part that rises."""
    ends: list[int] = []
    for n in numbers:
        at = bisect_left(ends, n)
        ends[at : at + 1] = [n]
    return len(ends)


def photographs(what: set[str], name: str, pages: int, seed: int) -> Iterator[Photograph]:
    """So many pages of a condition, each by a seed of its own."""
    for i in range(pages):
        yield photograph(np.random.default_rng([seed, list(CONDITIONS).index(name), i]), what)


def main() -> None:
    """Prints a row a condition."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pages", type=int, default=20, help="of each condition")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", choices=list(CONDITIONS), help="conditions")
    parser.add_argument("--save", type=Path, help="a folder for the photographs")
    arguments = parser.parse_args()
    print(f"{'':12} {'drawings':>9} {'found':>6} {'whole':>7} {'in order':>9}")
    total = np.zeros(5)
    for name in arguments.only or CONDITIONS:
        found = []
        pages = photographs(CONDITIONS[name], name, arguments.pages, arguments.seed)
        for i, photo in enumerate(pages):
            there, cut, whole, order = score(photo)
            found.append((there, cut, whole, order, max(there, cut)))
            if arguments.save:
                arguments.save.mkdir(parents=True, exist_ok=True)
                file = f"{name.replace(', ', '-')}-{i:02}-{there}-{cut}-{order}.png"
                photo.image.save(arguments.save / file)
        rows = np.array(found).sum(axis=0)
        total += rows
        _print(name, rows)
    _print("together", total)


def _print(name: str, row: np.ndarray) -> None:
    there, cut, whole, order, most = row
    print(f"{name:12} {there:9.0f} {cut:6.0f} {whole / most:7.1%} {order / most:9.1%}", flush=True)


if __name__ == "__main__":
    main()
