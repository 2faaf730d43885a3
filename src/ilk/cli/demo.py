"""`ilk demo`: the main job, on a model and drawings that come with the package."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from .common import (
    Device,
    Seed,
    check_picture,
    generator,
    load_model,
    parse,
    screen,
    write_picture,
)
from .pictures import picture_files, read_pictures

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

    from ilk.models import Model

__all__ = ["demo", "main"]

DRAWINGS = Path(__file__).parents[1] / "assets" / "drawings"
SHOTS, HELD_OUT = 4, 8


def demo(
    out: Annotated[Path, tyro.conf.arg(help="Picture to write.")] = Path("demo.png"),
    kind: Annotated[
        str | None, tyro.conf.arg(help="Which drawings; all that come with the package.")
    ] = None,
    model: Annotated[str, tyro.conf.arg(help="A shipped name or a directory.")] = "omniglot",
    seed: Seed = 0,
    device: Device = "cpu",
) -> None:
    """Show the model four drawings of a character that it has never seen; get sixteen more.

    Writes a picture of the support sets, of samples and of where held-out drawings surprise, and
    prints what these cost with and without the support set.
    """
    from rich.table import Table

    check_picture(out, "--out")
    begin = time.perf_counter()
    loaded = load_model(model, device)
    kinds = {path.name: path for path in sorted(DRAWINGS.iterdir()) if path.is_dir()}
    if kind is not None and kind not in kinds:
        raise ValueError(f"--kind must be one of {', '.join(kinds)}, got {kind!r}")
    table = Table("character", box=None, title="nats/dim of held-out drawings")
    for name in ("without a support set", f"with {SHOTS} drawings", "saved"):
        table.add_column(name, justify="right")
    rows = []
    for name in [kind] if kind else list(kinds):
        drawings = _read(kinds[name], loaded)
        row = _Row(loaded, name, drawings, generator(seed))
        rows.append(row)
        saved = 1 - row.given / row.alone
        table.add_row(name, f"{row.alone:.4f}", f"{row.given:.4f}", f"{saved:.0%}")
    write_picture(out, _picture(rows))
    screen().print(table)
    print(f"{out}: drawn and scored in {time.perf_counter() - begin:.1f} s")


class _Row:
    """What the model makes of one character."""

    def __init__(self, model: Model, name: str, drawings: Tensor, random: object) -> None:
        import torch

        self.name, self.levels = name, model.levels
        self.support = drawings[:SHOTS]
        held_out = drawings[SHOTS : SHOTS + HELD_OUT]
        with torch.inference_mode():
            p = model(self.support)
            self.samples = p.sample((16,), random)  # type: ignore[arg-type]
            self.given = -float(p.log_prob(held_out).mean()) / model.dims
            self.alone = -float(model().log_prob(held_out).mean()) / model.dims
            self.shown = held_out[:2]
            self.surprise = p.log_prob_per_dim(self.shown)


def _read(folder: Path, model: Model) -> Tensor:
    return read_pictures(picture_files([folder], "--kind"), model, "--kind")


def _picture(rows: list[_Row]) -> Image.Image:
    from ilk.render import Panel, figure, pixels, stack, surprise_map

    figures = []
    for row in rows:
        support = [pixels(x, row.levels) for x in row.support]
        samples = [pixels(x, row.levels) for x in row.samples]
        held = [pixels(x, row.levels) for x in row.shown]
        maps = [
            surprise_map(s, x, row.levels) for s, x in zip(row.surprise, row.shown, strict=True)
        ]
        last = row is rows[-1]
        figures.append(
            figure(
                [
                    Panel(row.name, "shown to the model", support, 2),
                    Panel("samples", "sixteen more of the kind", samples, 8),
                    Panel(
                        "surprise",
                        "where held-out drawings surprise",
                        [held[0], maps[0], held[1], maps[1]],
                        2,
                        most=3.0 if last else None,
                    ),
                ]
            )
        )
    return stack(figures)


def main(arguments: Sequence[str]) -> None:
    """Runs `ilk demo`."""
    parse(demo, "demo", arguments)
