"""`ilk classify`: which kind is it, and how sure is that."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from ilk.processes import first

from .common import (
    Device,
    InkShade,
    JsonFlag,
    ModelName,
    load_model,
    note,
    parse,
    screen,
    write_json,
)
from .pictures import WHOLE, Keep, Strict, judge, note_shots

if TYPE_CHECKING:
    from torch import Tensor

    from ilk.data.files import Picture

__all__ = ["classify", "main"]

OTHER = "(other)"


def classify(
    model: Annotated[ModelName, tyro.conf.Positional],
    files: Annotated[
        tuple[Path, ...],
        tyro.conf.Positional,
        tyro.conf.arg(metavar="FILES|FOLDER", help="Pictures to classify, or folders of these."),
    ],
    kinds: Annotated[
        Path, tyro.conf.arg(metavar="FOLDER", help="A folder of folders: each one is a kind.")
    ],
    prior: Annotated[
        tuple[str, ...],
        tyro.conf.arg(metavar="NAME=WEIGHT", help="Prior weights of kinds; 1 if not named."),
    ] = (),
    other: Annotated[
        float,
        tyro.conf.arg(
            help="Prior weight of a kind without examples, none of the others; 0: no such kind."
        ),
    ] = 0.0,
    temperature: Annotated[
        float | Literal["fit"],
        tyro.conf.arg(
            help="1 is Bayes' rule, more is less confident; fit: calibrate on the examples."
        ),
    ] = 1.0,
    directions: Annotated[
        Literal["forward", "both"],
        tyro.conf.arg(
            help="both: score the examples given the picture too. Better, in twice the time."
        ),
    ] = "forward",
    sides: Annotated[
        Literal[1, 4, 8],
        tyro.conf.arg(help="Pixel orders to average over. Better, in so many times the time."),
    ] = 1,
    ink: InkShade = "auto",
    strict: Strict = False,
    keep: Keep = None,
    device: Device = "cpu",
    json: JsonFlag = False,
) -> None:
    """Which kind is each picture? Posterior probabilities, by Bayes' rule on p(x | examples).

    `--temperature fit` calibrates: it chooses the temperature, at least 1, under which the right
    kinds of the examples are most probable, each example scored without itself. `--other` adds a
    kind without examples, for pictures of none of the kinds. `--sides 4 --directions both` makes
    the fewest errors, for models trained on rotated kinds, as `omniglot` was; `--sides 8` is for
    models trained on mirror images as well, as `omniglot` was too.

    Example: ilk classify omniglot new.png --kinds kinds/ --temperature fit
    """
    from ilk.data import read_folder
    from ilk.evaluation import (
        classify_by_likelihood,
        fit_temperature,
        held_out_scores,
        padded,
        posterior,
    )

    if isinstance(temperature, float | int) and not temperature > 0:
        raise ValueError(f"--temperature must be positive or 'fit', got {temperature}")
    if not 0 <= other < math.inf:
        raise ValueError(f"--other must be 0 or more, got {other}")
    if not kinds.expanduser().is_dir():
        raise FileNotFoundError(f"--kinds: wanted a folder of folders, got {kinds}")
    loaded = load_model(model, device)
    if loaded.conditioning != "support":
        raise ValueError(f"MODEL: {type(loaded).__name__} takes no support set")
    unread = "raise" if strict else "skip"
    shown, report = read_folder(
        kinds, loaded.shape, loaded.levels, fit=WHOLE, on_error=unread, ink=ink
    )
    note(str(report))
    names = [*shown.names]
    sets = [shown.of(k) for k in range(len(shown))]
    most = max(range(len(sets)), key=lambda k: len(sets[k]))
    note_shots(len(sets[most]), f"examples of {names[most]!r}", loaded)
    if other:
        names, sets = [*names, OTHER], [*sets, sets[0][:0]]
    if len(sets) < 2:
        raise ValueError(f"--kinds: {kinds} holds one kind, there is nothing to choose from")
    weights = _weights(prior, other, names)
    if temperature == "fit":
        temperature = fit_temperature(*held_out_scores(loaded, sets, directions, sides), weights)
    supports, mask = padded(sets)

    def rows(found: Sequence[Picture], x: Tensor) -> list[dict[str, Any]]:
        nats = classify_by_likelihood(loaded, supports, x, directions, mask=mask, sides=sides)
        chances = posterior(nats.double(), weights, temperature)
        return [_row(file, names, n, c) for file, n, c in zip(found, nats, chances, strict=True)]

    judged = judge(
        files,
        loaded,
        "classify",
        rows,
        support=shown.images,
        options=(names, shown.counts.tolist(), weights.tolist(), temperature, directions, sides),
        ink=ink,
        strict=strict,
        keep=keep,
    )
    if not first():
        return
    if json:
        share = (weights / weights.sum()).tolist()
        facts = {
            name: {"examples": len(s), "prior": p}
            for name, s, p in zip(names, sets, share, strict=True)
        }
        write_json(
            {
                "kinds": facts,
                "temperature": temperature,
                "pictures": judged.rows,
                "files": judged.facts,
            }
        )
    else:
        _print(judged.rows, temperature)


def _weights(prior: Sequence[str], other: float, names: list[str]) -> Tensor:
    """The weight of each kind.

    Raises:
        ValueError: If one is no `NAME=WEIGHT`, or names no kind.
    """
    import torch

    weights = {name: 1.0 for name in names}
    if other:
        weights[OTHER] = other
    for given in prior:
        name, _, weight = given.rpartition("=")
        if name not in weights:
            raise ValueError(f"--prior: no kind {name!r} in {given!r}; kinds: {', '.join(names)}")
        try:
            weights[name] = float(weight)
        except ValueError:
            raise ValueError(f"--prior must be NAME=WEIGHT, got {given!r}") from None
    return torch.tensor([weights[name] for name in names], dtype=torch.float64)


def _row(file: Picture, names: list[str], nats: Tensor, chances: Tensor) -> dict[str, Any]:
    best = int(chances.argmax())
    return {
        "file": str(file),
        "kind": names[best],
        "probability": float(chances[best]),
        "posterior": dict(zip(names, chances.tolist(), strict=True)),
        "nats": dict(zip(names, (-nats).tolist(), strict=True)),
    }


def _print(rows: list[dict[str, Any]], temperature: float) -> None:
    from rich.table import Column, Table

    table = Table(Column("picture", overflow="fold"), "kind", box=None)
    for name in ("probability", "next", "probability", "nats apart"):
        table.add_column(name, justify="left" if name == "next" else "right")
    for row in rows:
        first, second = sorted(row["posterior"], key=row["posterior"].get, reverse=True)[:2]
        apart = row["nats"][second] - row["nats"][first]
        chances = [f"{row['posterior'][name]:.4f}" for name in (first, second)]
        table.add_row(row["file"], first, chances[0], second, chances[1], f"{apart:.1f}")
    shown = screen()
    shown.print(table)
    shown.print(f"temperature {temperature:.3g}")


def main(arguments: Sequence[str]) -> None:
    """Runs `ilk classify`."""
    parse(classify, "classify", arguments)
