"""How often ink is told from paper: `python -m benchmarks.ink`.

All drawings of Omniglot, on their page and cropped with a margin of 0 to 29 pixels, their strokes
widened by up to 6; the test digits of MNIST; letters of fonts, if `fonts_64.npz` lies beside
`omniglot.npz`, all cropped to their box with a margin of 0 to 2. Each is shown as dark ink on
light paper and as light on dark. Printed: the share that is decided right, beside that of the
edge alone; whether drawings of 105 x 105 and of 26 x 26 give their own bits; how long `read_image`
takes; and which share of drawings, blurred and with noise, and of photographs is taken for
drawings.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from ilk.data import load, max_pool, read_image, reduce_drawing
from ilk.data.drawing import read_picture
from ilk.data.omniglot import SETS, SIDE
from ilk.data.polarity import edge_of, ink_is_dark
from ilk.data.store import locate


def cropped(ink: np.ndarray, margin: int) -> np.ndarray:
    """Ink in its box, with a margin of paper."""
    ys, xs = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    return np.pad(ink[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1], margin)


def widened(ink: np.ndarray, by: int) -> np.ndarray:
    """Ink with strokes wider by twice as many pixels."""
    image = Image.fromarray(ink * np.uint8(255))
    return np.asarray(image.filter(ImageFilter.MaxFilter(2 * by + 1))) > 0 if by else ink


def drawings(rows: np.ndarray, every: int) -> Iterator[np.ndarray]:
    """Drawings `(105, 105)`, true is ink."""
    for row in rows[::every]:
        yield np.unpackbits(row, count=SIDE * SIDE).reshape(SIDE, SIDE) > 0


def letters(path: Path, every: int) -> Iterator[np.ndarray]:
    """Glyphs of fonts `(64, 64)`."""
    with np.load(path) as z:
        for name in sorted(key for key in z.files if key.startswith("sheet")):
            sheet = np.asarray(Image.open(io.BytesIO(z[name].tobytes())))
            rows, columns = sheet.shape[0] // 64, sheet.shape[1] // 64
            glyphs = sheet.reshape(rows, 64, columns, 64).swapaxes(1, 2).reshape(-1, 64, 64)
            yield from (glyph > 127 for glyph in glyphs[::every])


def decided(name: str, inks: Iterator[np.ndarray]) -> None:
    """Prints the share that is decided right, in both polarities, and by the edge alone."""
    right = [
        (ink_is_dark(~ink), not ink_is_dark(ink), edge_of(~ink).mean() > 0.5)
        for ink in inks
        if ink.any() and not ink.all()
    ]
    dark, light, edge = np.mean(right, axis=0)
    print(
        f"{name:34} {len(right):7,} dark {dark:7.2%} light {light:7.2%} (edge alone {edge:7.2%})",
        flush=True,
    )


def of_omniglot(rows: np.ndarray, every: int) -> None:
    """Prints how its drawings fare."""
    random = np.random.default_rng(0)
    exact, count = 0, 0
    for ink in drawings(rows, every):
        small = max_pool(ink)
        shown = [Image.fromarray(x) for x in (ink, ~ink, small > 0, small == 0)]
        exact += sum(np.array_equal(reduce_drawing(x.convert("L"))[0], small) for x in shown)
        count += len(shown)
    print(
        f"Omniglot, 105 x 105 and 26 x 26: {exact:,} of {count:,} give their own bits", flush=True
    )
    decided("Omniglot, its page", drawings(rows, every))
    decided(
        "Omniglot, bold, margin 0 to 29",
        (
            cropped(widened(ink, int(random.integers(0, 4))), int(random.integers(0, 30)))
            for ink in drawings(rows, every)
            if ink.any()
        ),
    )
    decided(
        "Omniglot, bold, margin 0",
        (
            cropped(widened(ink, int(random.integers(0, 4))), 0)
            for ink in drawings(rows, every)
            if ink.any()
        ),
    )


def speed(rows: np.ndarray) -> None:
    """Prints how long it takes to read a drawing, in pictures of several sizes."""
    for scale in (2, 4, 8):
        took = []
        for ink in drawings(rows, len(rows) // 40):
            picture = Image.fromarray(np.kron(~ink, np.full((scale, scale), 255, np.uint8)))
            start = time.process_time()
            read_image(picture, (1, 26, 26), 2)
            took.append(time.process_time() - start)
        print(f"read_image, {scale * SIDE} pixels: {1000 * np.median(took):.1f} ms of a processor")


def photographed(inks: Iterator[np.ndarray]) -> Iterator[Image.Image]:
    """Drawings blurred, with noise, dark grey on light grey."""
    random = np.random.default_rng(2)
    for ink in inks:
        shade = Image.fromarray(np.where(ink, 50, 230).astype(np.uint8)).resize((400, 400))
        soft = np.asarray(shade.filter(ImageFilter.GaussianBlur(5)), dtype=np.float64)
        noisy = np.clip(soft + random.normal(0, 8, soft.shape), 0, 255)
        yield Image.fromarray(noisy.astype(np.uint8))


def taken(name: str, pictures: Iterator[Image.Image]) -> None:
    """Prints the share of pictures that is taken for drawings."""
    drawn = [read_picture(picture, (1, 26, 26), 2).drawn for picture in pictures]
    print(f"{name:34} {len(drawn):7,} taken for drawings {np.mean(drawn):7.2%}", flush=True)


def colours(name: str, every: int) -> Iterator[Image.Image]:
    """Test photographs of a data set."""
    for image in load(name, part="test").images[::every].numpy():
        yield Image.fromarray(image.transpose(1, 2, 0))


def main() -> None:
    """Prints all figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--every", type=int, default=1, help="only every so many pictures")
    every = parser.parse_args().every
    path = locate("omniglot-26", SETS["omniglot-26"], None)[0]
    if path.suffix != ".npz":
        parser.error(f"wanted omniglot.npz, which has all of 105 x 105, found {path}")
    with np.load(path) as z:
        rows = z["images"]
    speed(rows)
    taken("Omniglot, blurred, with noise", photographed(drawings(rows, 40 * every)))
    taken("CIFAR-10", colours("cifar10", 20 * every))
    taken("groceries", colours("grocery-64", every))
    of_omniglot(rows, every)
    random = np.random.default_rng(1)
    digits = load("mnist", part="test").images[::every, 0].numpy() > 127
    decided("MNIST, its page", iter(digits))
    decided(
        "MNIST, margin 0 to 2",
        (cropped(ink, int(random.integers(0, 3))) for ink in digits if ink.any()),
    )
    fonts = path.with_name("fonts_64.npz")
    if fonts.exists():
        decided(
            "letters of fonts, margin 0 to 2",
            (
                cropped(ink, int(random.integers(0, 3)))
                for ink in letters(fonts, every)
                if ink.any()
            ),
        )


if __name__ == "__main__":
    main()
