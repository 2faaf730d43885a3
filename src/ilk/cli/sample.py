"""`ilk sample`: draw more of a kind."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from .common import (
    Device,
    JsonFlag,
    ModelName,
    Seed,
    SupportPaths,
    check_picture,
    generator,
    load_model,
    parse,
    read_support,
    to_picture,
    write_json,
    write_picture,
)

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

__all__ = ["main", "sample"]


def sample(
    model: Annotated[ModelName, tyro.conf.Positional],
    support: SupportPaths = (),
    n: Annotated[int, tyro.conf.arg(aliases=["-n"], help="How many to draw.")] = 16,
    out: Annotated[Path, tyro.conf.arg(help="Picture to write: .png, .jpg, .webp.")] = Path(
        "sheet.png"
    ),
    temperature: Annotated[
        float, tyro.conf.arg(help="Below 1 is more cautious; only 1 draws from the model.")
    ] = 1.0,
    each: Annotated[
        Path | None, tyro.conf.arg(help="Folder for a picture of each, numbered as in the sheet.")
    ] = None,
    seed: Seed = 0,
    device: Device = "cpu",
    json: JsonFlag = False,
) -> None:
    """Draw more of a kind, given a few examples, and write them as one sheet.

    Drawings of any size, stroke and polarity are brought to the model's size; the sheet shows the
    examples as the model reads them, and then what it drew.

    Example: ilk sample omniglot --support my_drawings/ -n 16 --out sheet.png
    """
    if n < 1:
        raise ValueError(f"-n must be at least 1, got {n}")
    random = generator(seed)
    check_picture(out, "--out")
    if each is not None:
        check_picture(each / "01.png", "--each")
    loaded = load_model(model, device)
    given = read_support(support, loaded)
    p = loaded(given)
    x = p.sample((n,), random, temperature)
    write_picture(out, _picture(given, x, loaded.levels))
    if each is not None:
        for i, image in enumerate(x):
            write_picture(each / f"{i + 1:02}.png", to_picture(image, loaded.levels))
    nats = (-p.log_prob(x) / loaded.dims).tolist()
    mean = sum(nats) / n
    if json:
        write_json({"out": str(out), "seed": seed, "nats_per_dim": nats})
    else:
        print(f"{out}: {n} drawn, {mean:.4f} nats/dim on average")


def _picture(given: Tensor | None, x: Tensor, levels: int) -> Image.Image:
    from ilk.render import Panel, figure, pixels, sheet

    if given is None or not len(given):
        return sheet(x, levels)
    shown, drawn = ([pixels(image, levels) for image in images] for images in (given, x))
    few = f"{len(given)} example{'s' * (len(given) > 1)}"
    return figure(
        [
            Panel(few, "as the model reads them", shown, min(2, len(shown))),
            Panel("drawn", "more of the kind", drawn, max(4, round(len(drawn) ** 0.5))),
        ]
    )


def main(arguments: Sequence[str]) -> None:
    """Runs `ilk sample`."""
    parse(sample, "sample", arguments)
