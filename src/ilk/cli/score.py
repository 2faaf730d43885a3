"""`ilk score`: how likely are pictures, given a few examples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import tyro

from .common import (
    WHOLE,
    Device,
    InkShade,
    JsonFlag,
    ModelName,
    SupportPaths,
    check_writable,
    load_model,
    note_known,
    parse,
    read_judged,
    read_support,
    screen,
    write_json,
    write_surprise,
)

__all__ = ["main", "score"]


def score(
    model: Annotated[ModelName, tyro.conf.Positional],
    files: Annotated[
        tuple[Path, ...],
        tyro.conf.Positional,
        tyro.conf.arg(metavar="FILES|FOLDER", help="Pictures to score, or folders of these."),
    ],
    support: SupportPaths = (),
    surprise: Annotated[
        Path | None, tyro.conf.arg(help="Folder for a map of surprise of each picture.")
    ] = None,
    sort: Annotated[bool, tyro.conf.arg(help="The most likely first.")] = False,
    ink: InkShade = "auto",
    device: Device = "cpu",
    json: JsonFlag = False,
) -> None:
    """How likely are pictures given a few examples, in nats, and how much the examples help.

    A picture's cost is -ln p, in nats (1 nat is 1.44 bits): lower is likelier. nats/dim is the
    cost divided by the number of pixels. The gain is how many nats the examples save.

    Example: ilk score omniglot other.png third.png --support my_drawings/ --surprise maps/
    """
    import torch

    if surprise is not None:
        check_writable(surprise / "map.png", "--surprise")
    loaded = load_model(model, device)
    found, x = read_judged(files, loaded, "score", ink)
    given = read_support(support, loaded, ink=ink, fit=WHOLE)
    note_known(x, given)
    with torch.inference_mode():
        each = loaded(given).log_prob_per_dim(x)
        nats = -each.sum(dim=(1, 2, 3))
        few_shot = given is not None and len(given) > 0
        alone = -loaded().log_prob(x) if few_shot else None
    rows = [
        {
            "file": str(file),
            "nats": float(nats[i]),
            "nats_per_dim": float(nats[i]) / loaded.dims,
            "bits": float(nats[i]) / math.log(2),
            **({"gain_nats": float(alone[i] - nats[i])} if alone is not None else {}),
        }
        for i, file in enumerate(found)
    ]
    if surprise is not None:
        for i, row in enumerate(rows):
            note = f"{row['nats']:.1f} nats, {row['nats_per_dim']:.4f} nats/dim"
            path = surprise / f"{i:03d}-{found[i].stem}.png"
            row["surprise"] = write_surprise(
                path, found[i].name, note, x[i], each[i], loaded.levels
            )
    if sort:
        rows.sort(key=lambda row: row["nats"])
    if json:
        write_json(rows)
    else:
        _print(rows)


def _print(rows: list[dict[str, float | str]]) -> None:
    from rich.table import Table

    table = Table("picture", box=None)
    names = {"nats": "nats", "nats_per_dim": "nats/dim", "bits": "bits"}
    names |= {"gain_nats": "gained by the examples, nats"} if "gain_nats" in rows[0] else {}
    for name in names.values():
        table.add_column(name, justify="right")
    for row in rows:
        cells = [f"{row[k]:.4f}" if k == "nats_per_dim" else f"{row[k]:.1f}" for k in names]
        table.add_row(str(row["file"]), *cells)
    screen().print(table)


def main(arguments: Sequence[str]) -> None:
    """Runs `ilk score`."""
    parse(score, "score", arguments)
