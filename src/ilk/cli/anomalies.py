"""`ilk anomalies`: what does not belong to a set of normal pictures."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from ilk.processes import first

from .common import (
    Device,
    InkShade,
    JsonFlag,
    ModelName,
    bar,
    check_writable,
    load_model,
    note,
    parse,
    screen,
    write_file,
    write_json,
    write_surprise,
)
from .pictures import (
    WHOLE,
    Judged,
    Keep,
    Strict,
    judge,
    note_shots,
    picture_files,
    read_again,
    read_pictures,
)

if TYPE_CHECKING:
    from torch import Tensor

    from ilk.data.files import Picture
    from ilk.data.polarity import Polarity
    from ilk.models import Model

__all__ = ["anomalies", "main"]


def anomalies(
    model: Annotated[ModelName, tyro.conf.Positional],
    files: Annotated[
        tuple[Path, ...],
        tyro.conf.Positional,
        tyro.conf.arg(metavar="FILES|FOLDER", help="Pictures to judge, or folders of these."),
    ],
    normal: Annotated[
        tuple[Path, ...],
        tyro.conf.arg(metavar="FILES|FOLDER", help="Normal pictures: at least 3, better 8."),
    ],
    false_alarms: Annotated[
        float,
        tyro.conf.arg(help="Share of normal pictures that may be called anomalies by mistake."),
    ] = 0.05,
    correction: Annotated[
        Literal["ratio", "complexity", "none"],
        tyro.conf.arg(help="What is subtracted: the cost without examples, a codec's, nothing."),
    ] = "ratio",
    steps: Annotated[
        int,
        tyro.conf.arg(
            help="Train a copy on the normal pictures for so many steps (40, say) instead of only"
            " showing them: better for photographs. Takes a few minutes."
        ),
    ] = 0,
    surprise: Annotated[
        Path | None, tyro.conf.arg(help="Folder for a map of surprise of each picture.")
    ] = None,
    out: Annotated[
        Path | None, tyro.conf.arg(metavar="FILE", help="Write the list here: .csv or .json.")
    ] = None,
    ink: InkShade = "auto",
    strict: Strict = False,
    keep: Keep = None,
    device: Device = "cpu",
    json: JsonFlag = False,
) -> None:
    """Which pictures are unlike the normal ones? A list, the strangest first.

    A score is how many standard deviations a picture is above the mean score of the normal ones,
    each scored given the others. A picture is called an anomaly if the probability that a normal
    one scores as high is below the rate of false alarms.

    Example: ilk anomalies omniglot scans/ --normal good/ --out list.csv --surprise maps/
    """
    from ilk.evaluation import against, distinct

    if not 0 < false_alarms < 1:
        raise ValueError(f"--false-alarms must be between 0 and 1, got {false_alarms}")
    if steps < 0:
        raise ValueError(f"--steps must be 0 or more, got {steps}")
    _check_outputs(surprise, out)
    loaded = load_model(model, device)
    if loaded.conditioning != "support" and not steps:
        raise ValueError(f"MODEL: {type(loaded).__name__} takes no support set")
    shown = picture_files(normal, "--normal", strict)
    read = read_pictures(shown, loaded, "--normal", WHOLE, ink=ink)
    support = distinct(read)
    copies = f"; of {len(read)} pictures {len(support)} differ" * (len(support) < len(read))
    if len(support) < 3:
        raise ValueError(
            f"--normal: wanted at least 3 pictures that differ, got {len(support)}{copies}"
        )
    if copies:
        note(f"--normal: copies tell nothing{copies}")
    if not steps:
        note_shots(len(support), "normal pictures", loaded)
    learning = bar("learning the normal pictures") if steps else nullcontext(lambda *_: None)
    with learning as progress:
        score, reference = against(
            loaded, support, correction, steps=steps, on_step=lambda i, n: progress(i, n, "steps")
        )

    def rows(found: Sequence[Picture], x: Tensor) -> list[dict[str, Any]]:
        scores = score(x)
        heights, chances = reference.standardised(scores), reference.chance(scores)
        return [
            {
                "file": str(file),
                "anomaly": bool(chances[i] < false_alarms),
                "score": float(heights[i]),
                "chance": float(chances[i]),
                "nats": float(scores[i]),
            }
            for i, file in enumerate(found)
        ]

    judged = judge(
        files,
        loaded,
        "judge",
        rows,
        support=support,
        options=(correction, steps, false_alarms),
        ink=ink,
        strict=strict,
        keep=keep,
    )
    if not first():
        return
    ranked = _ranked(judged)
    if surprise is not None:
        _draw(ranked, loaded, support, correction, steps, surprise, ink)
    report = {
        "normal": len(support),
        "correction": correction,
        "steps": steps,
        "false_alarms": false_alarms,
        "threshold_nats": reference.threshold(false_alarms),
        "normal_nats": list(reference.scores),
        "pictures": ranked.rows,
        "files": judged.facts,
    }
    if out is not None:
        _write(report, out)
    if json:
        write_json(report)
    else:
        _print(report)


def _ranked(judged: Judged) -> Judged:
    """The strangest first."""
    order = sorted(range(len(judged.rows)), key=lambda i: -judged.rows[i]["nats"])
    rows = [{"rank": rank + 1, **judged.rows[i]} for rank, i in enumerate(order)]
    return Judged([judged.files[i] for i in order], rows, judged.skipped)


def _draw(
    judged: Judged,
    model: Model,
    support: Tensor,
    correction: str,
    steps: int,
    folder: Path,
    ink: Polarity,
) -> None:
    """A map of surprise for every row, which names it."""
    import torch

    from ilk.training import memorise

    p = memorise(model, support, steps)() if steps else model(support)
    for file, row in zip(judged.files, judged.rows, strict=True):
        (x,) = read_again([file], model, ink)
        with torch.inference_mode():
            each = p.log_prob_per_dim(x)
            if correction == "ratio":
                each = each - model().log_prob_per_dim(x)
        said = f"rank {row['rank']}, score {row['score']:.1f}, chance {row['chance']:.2g}"
        path = folder / f"{row['rank']:03d}-{file.stem}.png"
        row["surprise"] = write_surprise(path, file.name, said, x, each, model.levels)


def _check_outputs(surprise: Path | None, out: Path | None) -> None:
    if surprise is not None:
        check_writable(surprise / "map.png", "--surprise")
    if out is not None:
        if out.suffix.lower() not in (".csv", ".json"):
            raise ValueError(f"--out must end in .csv or .json, got {out.name!r}")
        check_writable(out, "--out")


def _write(report: dict[str, Any], out: Path) -> None:
    if out.suffix.lower() == ".json":
        return write_json(report, out)
    text = io.StringIO(newline="")
    names = [*report["pictures"][0], "left_out"]
    writer = csv.DictWriter(text, names, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(report["pictures"])
    for one in report["files"]["left_out"]:
        writer.writerow({"file": one["file"], "left_out": one["reason"]})
    write_file(out, text.getvalue().encode(errors="backslashreplace"))


def _print(report: dict[str, Any]) -> None:
    from rich.table import Column, Table

    table = Table("", Column("picture", overflow="fold"), box=None)
    for name in ("score", "chance if normal", ""):
        table.add_column(name, justify="right" if name else "left")
    for row in report["pictures"]:
        called = "anomaly" if row["anomaly"] else ""
        cells = [str(row["rank"]), row["file"], f"{row['score']:.2f}", f"{row['chance']:.2g}"]
        table.add_row(*cells, called)
    shown = screen()
    shown.print(table)
    called = sum(row["anomaly"] for row in report["pictures"])
    rate = report["false_alarms"]
    shown.print(
        f"{called} of {len(report['pictures'])} called anomalies, at a rate of {rate:.3g} false"
        f" alarms; {report['normal']} normal pictures, correction {report['correction']}"
        + (f", {report['steps']} steps" if report["steps"] else "")
    )


def main(arguments: Sequence[str]) -> None:
    """Runs `ilk anomalies`."""
    parse(anomalies, "anomalies", arguments)
