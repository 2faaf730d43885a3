"""`ilk adapt`: improve a model on one kind, without losing the others."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from .common import (
    Device,
    InkShade,
    JsonFlag,
    ModelName,
    PrecisionName,
    Seed,
    SupportPaths,
    bar,
    check_seed,
    check_writable,
    console,
    load_model,
    note,
    parse,
    write_json,
)
from .pictures import Strict, picture_files, read_pictures

if TYPE_CHECKING:
    from torch import Tensor

    from ilk.training import Adapted, Look

__all__ = ["adapt", "main"]


def adapt(
    model: Annotated[ModelName, tyro.conf.Positional],
    support: SupportPaths,
    out: Annotated[Path, tyro.conf.arg(metavar="DIR", help="Folder of the new model.")],
    steps: Annotated[int, tyro.conf.arg(help="At most so many steps.")] = 60,
    lr: Annotated[float, tyro.conf.arg(help="Peak learning rate.")] = 3e-4,
    rehearsal: Annotated[
        float, tyro.conf.arg(help="Weight of staying near the original model.")
    ] = 4.0,
    own: Annotated[int, tyro.conf.arg(help="Kinds that it samples itself, to rehearse.")] = 48,
    precision: PrecisionName = "auto",
    seed: Seed = 0,
    ink: InkShade = "auto",
    strict: Strict = False,
    device: Device = "cpu",
    overwrite: Annotated[bool, tyro.conf.arg(help="Replace a model that is there.")] = False,
    json: JsonFlag = False,
) -> int:
    """Improve a model on one kind, without losing the others.

    All pictures are of one kind; a fifth of them is held out to tell when to stop. Steps on the
    kind take turns with rehearsal: the model stays near what it was on images that it drew itself.
    Ctrl-C ends it early and keeps the best so far.

    Example: ilk adapt omniglot --support drawings/ --out runs/mine
    """
    from ilk.models.storage import check_place
    from ilk.precision import choose
    from ilk.training import adapt as run
    from ilk.training.adapting import LEAST

    check_seed(seed)
    check_writable(out.parent / f".{out.name}", "--out")
    check_place(out, "--out")
    if not overwrite and out.is_dir() and any(out.iterdir()):
        raise FileExistsError(f"--out: {out} is there; choose another folder or --overwrite")
    loaded = load_model(model, device)
    images = read_pictures(
        picture_files(support, "--support", strict), loaded, "--support", ink=ink
    )
    if len(images) < LEAST:
        raise ValueError(f"--support: wanted {LEAST} pictures or more, got {len(images)}")
    note(f"{len(images)} pictures of one kind; {model} draws {own} kinds of its own to rehearse")
    choice = choose(precision, loaded.device)
    note(str(choice))
    with bar(f"adapting {model}") as tell:
        done = run(
            loaded,
            images,
            steps=steps,
            lr=lr,
            rehearsal=rehearsal,
            own=own,
            precision=choice.precision,
            seed=seed,
            on_look=lambda look: _show(look, tell),
        )
    options = {"steps": steps, "lr": lr, "rehearsal": rehearsal, "own": own}
    options |= {"precision": choice.precision, "seed": seed}
    card = _card(model, support, images, done, options)
    done.model.save(out, card)
    if done.stopped_by:
        note(f"stopped by {done.stopped_by}; the best of {len(done.looks)} looks is kept")
    if done.after.step == 0:
        note(f"no step made the held-out pictures likelier: {out} is a copy of {model}")
    if json:
        write_json(card["figures"])
    else:
        print(f"{out}: the kind {_change(done)}")
    return 130 if done.stopped_by else 0


def _show(look: Look, tell: Any) -> None:
    figures = f"held out {look.held_nats:.4f}, its own {look.own_nats:.4f} nats/dim"
    tell(look.step, look.steps, figures)
    screen = console()
    if not screen.is_terminal:
        screen.print(f"{look.step}/{look.steps}  {figures} ({look.moved_nats:+.4f})")


def _change(done: Adapted) -> str:
    before, after = done.before, done.after
    return (
        f"{before.held_nats:.4f} -> {after.held_nats:.4f} nats/dim (held out),"
        f" its own samples {before.own_nats:.4f} -> {after.own_nats:.4f}, step {after.step}"
    )


def _card(
    model: str, support: Sequence[Path], images: Tensor, done: Adapted, options: dict[str, Any]
) -> dict[str, Any]:
    """Where the model comes from. JSON values."""
    import hashlib

    import ilk
    from ilk.models.storage import card
    from ilk.training.machine import commit, hardware

    weights = next(done.model.parameters())
    return {
        "name": f"{Path(model).name}, adapted",
        "from": {"model": model, "card": card(model)},
        "support": {
            "paths": [path.resolve().name for path in support],
            "images": len(images),
            "digest": hashlib.sha256(images.numpy().tobytes()).hexdigest(),
        },
        "options": options,
        "figures": {"before": asdict(done.before), "after": asdict(done.after)},
        "ilk": ilk.__version__,
        "commit": commit(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "hardware": hardware(weights.device),
    }


def main(arguments: Sequence[str]) -> int:
    """Runs `ilk adapt`."""
    return parse(adapt, "adapt", arguments)
