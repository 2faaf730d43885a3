"""`ilk sample`: draw more of a kind."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from .common import (
    Device,
    InkShade,
    JsonFlag,
    ModelName,
    Seed,
    SupportPaths,
    check_picture,
    check_writable,
    generator,
    load_model,
    note,
    parse,
    to_picture,
    write_file,
    write_json,
    write_picture,
)
from .pictures import Strict, read_support

if TYPE_CHECKING:
    import torch
    from PIL import Image
    from torch import Tensor

    from ilk.distributions import Autoregressive

__all__ = ["main", "sample"]

GUIDANCE = 0.5


def sample(
    model: Annotated[ModelName, tyro.conf.Positional],
    support: SupportPaths = (),
    n: Annotated[
        int, tyro.conf.arg(aliases=["-n", "--pick"], help="How many drawings to write.")
    ] = 16,
    of: Annotated[
        int, tyro.conf.arg(help="Draw so many, and keep the -n that the examples gained most.")
    ] = 0,
    out: Annotated[Path, tyro.conf.arg(help="Picture to write: .png, .jpg, .webp.")] = Path(
        "sheet.png"
    ),
    guidance: Annotated[
        float | None,
        tyro.conf.arg(
            help="How much more the examples weigh: higher is nearer to them, 0 draws from the"
            " model itself. By default 0.5 with examples, 0 without."
        ),
    ] = None,
    temperature: Annotated[
        float,
        tyro.conf.arg(
            help="Below 1 each pixel takes its likeliest value more often, so that strokes get"
            " lost; to come nearer to the examples use --guidance."
        ),
    ] = 1.0,
    each: Annotated[
        Path | None, tyro.conf.arg(help="Folder for a picture of each, numbered as in the sheet.")
    ] = None,
    form: Annotated[
        Literal["png", "svg"],
        tyro.conf.arg(help="What --each writes: pixels, or outlines that any size shows smooth."),
    ] = "png",
    strict: Strict = False,
    seed: Seed = 0,
    ink: InkShade = "auto",
    device: Device = "cpu",
    json: JsonFlag = False,
) -> None:
    """Draw more of a kind, given a few examples, and write them as one sheet.

    Drawings of any size, stroke and polarity are brought to the model's size; the sheet shows the
    examples as the model reads them, and then what it drew. A draw that is blank, or that the
    examples make less likely than it is without any, is named.

    Example: ilk sample omniglot --support my_drawings/ --pick 16 --of 64 --out sheet.png
    """
    from ilk.distributions import flaw

    if n < 1:
        raise ValueError(f"-n must be at least 1, got {n}")
    if of and of < n:
        raise ValueError(f"--of must be at least -n, {n}; got {of}")
    random = generator(seed)
    check_picture(out, "--out")
    if each is not None:
        check_writable(each / f"01.{form}", "--each")
    elif form != "png":
        raise ValueError("--form is for --each: name a folder to write to")
    loaded = load_model(model, device)
    given = read_support(support, loaded, strict=strict, ink=ink)
    p = loaded(given)
    shown = given is not None and len(given) > 0
    guidance = (GUIDANCE if shown else 0.0) if guidance is None else guidance
    if not shown and (guidance or of):
        name = "guidance" if guidance else "of"
        raise ValueError(f"--{name} needs examples to go by: name some with --support")
    x, gain = _drawn(p, n, of, guidance, random, temperature, shown)
    flaws = [flaw(image, nats) for image, nats in zip(x, gain, strict=True)]
    write_picture(out, _picture(given, x, loaded.levels, flaws))
    if each is not None:
        _write_each(each, form, x, loaded.levels)
    nats = (-p.log_prob(x) / loaded.dims).tolist()
    if json:
        facts = {"guidance": guidance, "of": max(n, of), "temperature": temperature}
        write_json({"out": str(out), "seed": seed, **facts, "nats_per_dim": nats, "flaws": flaws})
        return
    print(f"{out}: {n} drawn, {sum(nats) / n:.4f} nats/dim on average")
    if guidance:
        note(f"guided by {guidance:g}; --guidance 0 draws from the model itself")
    for i, what in enumerate(flaws):
        if what:
            note(f"number {i + 1} is {what}")


def _drawn(
    p: Autoregressive,
    n: int,
    of: int,
    guidance: float,
    random: torch.Generator,
    temperature: float,
    shown: bool,
) -> tuple[Tensor, list[float]]:
    """Draws, the best if these are chosen, and what the examples gained each."""
    from ilk.distributions import pick

    x = p.guided(guidance).sample((max(n, of),), random, temperature)
    if not shown:
        return x, [0.0] * len(x)
    gain = p.gain(x)
    if of:
        best = pick(x, gain, n)
        x, gain = x[best], gain[best]
    return x, gain.tolist()


def _write_each(folder: Path, form: str, x: Tensor, levels: int) -> None:
    from ilk.trace import trace

    for i, image in enumerate(x):
        path = folder / f"{i + 1:02}.{form}"
        if form == "svg":
            write_file(path, trace(image, levels).encode())
        else:
            write_picture(path, to_picture(image, levels))


def _picture(given: Tensor | None, x: Tensor, levels: int, flaws: Sequence[str]) -> Image.Image:
    from ilk.render import Panel, figure, pixels, sheet

    if given is None or not len(given):
        return sheet(x, levels)
    shown, drawn = ([pixels(image, levels) for image in images] for images in (given, x))
    few = f"{len(given)} example{'s' * (len(given) > 1)}"
    return figure(
        [
            Panel(few, "as the model reads them", shown, min(2, len(shown))),
            Panel(
                "drawn",
                "more of the kind",
                drawn,
                max(4, round(len(drawn) ** 0.5)),
                [flaw or " " for flaw in flaws] if any(flaws) else (),
            ),
        ]
    )


def main(arguments: Sequence[str]) -> None:
    """Runs `ilk sample`."""
    parse(sample, "sample", arguments)
