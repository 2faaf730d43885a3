"""`ilk reads`: where attention looks while a picture is written."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import tyro

from .common import (
    Device,
    InkShade,
    ModelName,
    SupportPaths,
    check_picture,
    load_model,
    parse,
    write_file,
    write_picture,
)
from .pictures import one_picture, read_pictures, read_support

__all__ = ["main", "reads"]


def reads(
    model: Annotated[ModelName, tyro.conf.Positional],
    picture: Annotated[
        Path, tyro.conf.Positional, tyro.conf.arg(help="The picture that is drawn.")
    ],
    support: SupportPaths = (),
    out: Annotated[
        Path, tyro.conf.arg(help=".gif for an animation; .png, .jpg or .webp for a strip.")
    ] = Path("reads.png"),
    row: Annotated[
        int | None, tyro.conf.arg(help="Moments of the strip along this row; else over all rows.")
    ] = None,
    moments: Annotated[int, tyro.conf.arg(help="Moments of the strip.")] = 8,
    every: Annotated[int, tyro.conf.arg(help="Pixels from one frame of a GIF to the next.")] = 1,
    ink: InkShade = "auto",
    device: Device = "cpu",
) -> None:
    """Show where in the support set a model attends while it draws a picture.

    Shows what is drawn so far, its next pixel in magenta, and the support set, in which more of
    that colour is more attention (mean over heads). You give the picture; attention at a pixel
    depends on the earlier ones.

    Example: ilk reads omniglot fifth.png --support my_drawings/ --out reads.gif
    """
    import ilk.reads as r

    check_picture(out, "--out", ".gif")
    one_picture(picture, "PICTURE")
    if moments < 1 or every < 1:
        raise ValueError(f"--moments and --every: wanted 1 or more, got {moments} and {every}")
    loaded = load_model(model, device)
    if row is not None and not 0 <= row < loaded.shape[1]:
        raise ValueError(f"--row: wanted 0 to {loaded.shape[1] - 1}, got {row}")
    given = read_support(support, loaded, ink=ink)
    if given is None:
        raise ValueError(f"MODEL: {type(loaded).__name__} takes no support set to look at")
    (x,) = read_pictures([picture], loaded, "PICTURE", ink=ink)
    seen = r.looks(loaded, x, given)
    if out.suffix.lower() == ".gif":
        frames = r.animation(x, given, seen, loaded.levels, every)
        first, *rest = (frame.quantize(64) for frame in frames)
        film = io.BytesIO()
        first.save(film, "GIF", save_all=True, append_images=rest, duration=60, loop=0)
        write_file(out, film.getvalue())
    else:
        write_picture(out, r.strip(x, given, seen, loaded.levels, moments, row))
    print(f"{out}: {1 - float(seen.nothing.mean()):.0%} of the attention is on the support set")


def main(arguments: Sequence[str]) -> None:
    """Runs `ilk reads`."""
    parse(reads, "reads", arguments)
