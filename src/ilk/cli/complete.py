"""`ilk complete`: what is missing in a picture, drawn several times."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from .common import (
    Device,
    InkShade,
    JsonFlag,
    ModelName,
    Seed,
    SupportPaths,
    bar,
    check_picture,
    generator,
    load_model,
    parse,
    write_json,
    write_picture,
)
from .pictures import Strict, one_picture, read_support

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

    from ilk.distributions import Completions
    from ilk.models import Model

__all__ = ["complete", "main"]

VEIL = (196, 208, 230)


def complete(
    model: Annotated[ModelName, tyro.conf.Positional],
    image: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(help="The picture to complete.")],
    mask: Annotated[
        str,
        tyro.conf.arg(
            metavar="FILE|PART",
            help="What to redraw: top, bottom, left, right, middle, or a picture, bright there.",
        ),
    ],
    support: SupportPaths = (),
    n: Annotated[int, tyro.conf.arg(aliases=["-n"], help="How many completions.")] = 4,
    particles: Annotated[
        int, tyro.conf.arg(help="Draws to choose one from, where known pixels follow the gap.")
    ] = 8,
    passes: Annotated[
        int, tyro.conf.arg(help="How often every block is redrawn; 0: resampling alone.")
    ] = 2,
    block: Annotated[int, tyro.conf.arg(help="Side of a block, in pixels.")] = 6,
    out: Annotated[Path, tyro.conf.arg(help="Picture to write: .png, .jpg, .webp.")] = Path(
        "completions.png"
    ),
    strict: Strict = False,
    seed: Seed = 0,
    ink: InkShade = "auto",
    device: Device = "cpu",
    json: JsonFlag = False,
) -> None:
    """Draw what is missing in a picture, several times, given a few examples of its kind.

    Where nothing known follows the gap (--mask bottom), completions are exact draws. Otherwise
    they are resampled by how well they fit what follows, and redrawn block by block: more
    particles and more passes come closer to exact draws.

    Example: ilk complete omniglot torn.png --mask right --support my_drawings/
    """
    from ilk.data import read_image
    from ilk.distributions import complete_around

    if n < 1:
        raise ValueError(f"-n must be at least 1, got {n}")
    random = generator(seed)
    check_picture(out, "--out")
    one_picture(image, "IMAGE")
    loaded = load_model(model, device)
    unknown = _mask(mask, image, loaded)
    x = read_image(image, loaded.shape, loaded.levels, keep_place=True, ink=ink)
    p = loaded(read_support(support, loaded, strict=strict, ink=ink))
    with bar("completing") as tell:
        done = complete_around(
            p,
            x,
            ~unknown,
            n,
            particles,
            passes,
            block,
            random,
            lambda done, total: tell(done, total, "passes"),
        )
    order = done.nats.argsort(descending=True)
    write_picture(out, _picture(x, unknown, done, order, loaded.levels))
    nats = (-done.nats[order]).tolist()
    if json:
        facts = {"exact": done.exact, "effective": done.effective, "unknown": int(unknown.sum())}
        write_json({"out": str(out), "seed": seed, **facts, "nats": nats})
    else:
        how = "exact draws"
        if not done.exact:
            how = f"{done.effective:.1f} of {particles} draws counted, then {passes} passes"
        print(f"{out}: {n} completions of {int(unknown.sum())} pixels, {how}")
        print(f"nats of the whole: {nats[0]:.1f} to {nats[-1]:.1f}")


def _mask(mask: str, image: Path, model: Model) -> Tensor:
    """Which pixels `(H, W)` of an image to redraw.

    Raises:
        ValueError: If there is no such part or file, or it is not of the image's proportions, or
            no part of it is bright.
    """
    import torch

    from ilk.data import read_mask

    _, height, width = model.shape
    unknown = torch.zeros(height, width, dtype=torch.bool)
    y, x = height // 2, width // 2
    parts = {
        "top": (slice(0, y), slice(None)),
        "bottom": (slice(y, None), slice(None)),
        "left": (slice(None), slice(0, x)),
        "right": (slice(None), slice(x, None)),
        "middle": (
            slice(height // 4, -(-3 * height // 4)),
            slice(width // 4, -(-3 * width // 4)),
        ),
    }
    if mask in parts:
        unknown[parts[mask]] = True
        return unknown
    if not Path(mask).is_file():
        raise ValueError(f"--mask: wanted a picture or one of {', '.join(parts)}, got {mask!r}")
    unknown = read_mask(mask, image, model.shape, model.levels)
    if not unknown.any():
        raise ValueError(f"--mask: no pixel of {mask} is bright, there is nothing to draw")
    return unknown


def _picture(
    x: Tensor, unknown: Tensor, done: Completions, order: Tensor, levels: int
) -> Image.Image:
    from ilk.render import Panel, figure, pixels

    given = pixels(x, levels)
    given[unknown.numpy()] = VEIL
    tiles = [pixels(done.images[i], levels) for i in order]
    captions = [f"{-done.nats[i]:.1f} nats" for i in order]
    columns = min(len(tiles), 4)
    note = "the likeliest first" if done.exact else "the likeliest first; resampled"
    return figure(
        [
            Panel("given", "what to draw is veiled", [given], 1),
            Panel("completions", note, tiles, columns, captions),
        ]
    )


def main(arguments: Sequence[str]) -> None:
    """Runs `ilk complete`."""
    parse(complete, "complete", arguments)
