"""`ilk sample`: draw more of a kind."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

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

    Drawings of any size, stroke and polarity are brought to the model's size.

    Example: ilk sample omniglot --support my_drawings/ -n 16 --out sheet.png
    """
    from ilk.render import sheet

    if n < 1:
        raise ValueError(f"-n must be at least 1, got {n}")
    random = generator(seed)
    check_picture(out, "--out")
    if each is not None:
        check_picture(each / "01.png", "--each")
    loaded = load_model(model, device)
    p = loaded(read_support(support, loaded))
    x = p.sample((n,), random, temperature)
    write_picture(out, sheet(x, loaded.levels))
    if each is not None:
        for i, image in enumerate(x):
            write_picture(each / f"{i + 1:02}.png", to_picture(image, loaded.levels))
    nats = (-p.log_prob(x) / loaded.dims).tolist()
    mean = sum(nats) / n
    if json:
        write_json({"out": str(out), "seed": seed, "nats_per_dim": nats})
    else:
        print(f"{out}: {n} drawn, {mean:.4f} nats/dim on average")


def main(arguments: Sequence[str]) -> None:
    """Runs `ilk sample`."""
    parse(sample, "sample", arguments)
