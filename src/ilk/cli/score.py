"""`ilk score`: how likely are pictures, given a few examples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from ilk.processes import first

from .common import (
    Device,
    InkShade,
    JsonFlag,
    ModelName,
    SupportPaths,
    check_writable,
    load_model,
    parse,
    screen,
    write_json,
    write_surprise,
)
from .pictures import WHOLE, Judged, Keep, Strict, judge, read_again, read_support

if TYPE_CHECKING:
    from torch import Tensor

    from ilk.data.files import Picture
    from ilk.data.polarity import Polarity
    from ilk.models import Model

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
    strict: Strict = False,
    keep: Keep = None,
    device: Device = "cpu",
    json: JsonFlag = False,
) -> None:
    """How likely are pictures, in nats, given a few examples; and how much the examples gained.

    Fewer nats a dimension are likelier. The gain is what a picture costs less, in nats, than
    without any example. Started by torchrun, several processes share the pictures out.

    Example: ilk score omniglot other.png third.png --support my_drawings/ --surprise maps/
    """
    if surprise is not None:
        check_writable(surprise / "map.png", "--surprise")
    loaded = load_model(model, device)
    given = read_support(support, loaded, strict=strict, fit=WHOLE, ink=ink)
    judged = judge(
        files,
        loaded,
        "score",
        lambda found, x: _rows(loaded, given, found, x),
        support=given,
        options=(),
        ink=ink,
        strict=strict,
        keep=keep,
    )
    if not first():
        return
    if surprise is not None:
        _draw(judged, loaded, given, surprise, ink)
    if sort:
        judged.rows.sort(key=lambda row: row["nats"])
    if json:
        write_json({"pictures": judged.rows, "files": judged.facts})
    else:
        _print(judged.rows)


def _rows(
    model: Model, given: Tensor | None, files: Sequence[Picture], x: Tensor
) -> list[dict[str, Any]]:
    import torch

    with torch.inference_mode():
        nats = -model(given).log_prob(x)
        few_shot = given is not None and len(given) > 0
        alone = -model().log_prob(x) if few_shot else None
    return [
        {
            "file": str(file),
            "nats": float(nats[i]),
            "nats_per_dim": float(nats[i]) / model.dims,
            "bits": float(nats[i]) / math.log(2),
            **({"gain_nats": float(alone[i] - nats[i])} if alone is not None else {}),
        }
        for i, file in enumerate(files)
    ]


def _draw(judged: Judged, model: Model, given: Tensor | None, folder: Path, ink: Polarity) -> None:
    """A map of surprise for every row, which names it."""
    import torch

    for i, (file, row) in enumerate(zip(judged.files, judged.rows, strict=True)):
        (x,) = read_again([file], model, ink)
        with torch.inference_mode():
            each = model(given).log_prob_per_dim(x)
        note = f"{row['nats']:.1f} nats, {row['nats_per_dim']:.4f} nats/dim"
        path = folder / f"{i:03d}-{file.stem}.png"
        row["surprise"] = write_surprise(path, file.name, note, x, each, model.levels)


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
