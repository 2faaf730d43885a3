"""`ilk anomalies`: what does not belong to a set of normal pictures."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from .common import (
    WHOLE,
    Device,
    InkShade,
    JsonFlag,
    ModelName,
    bar,
    check_writable,
    load_model,
    note,
    note_known,
    parse,
    picture_files,
    read_judged,
    read_pictures,
    read_support,
    screen,
    write_file,
    write_json,
    write_surprise,
)

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
    device: Device = "cpu",
    json: JsonFlag = False,
) -> None:
    """Which pictures are unlike the normal ones? A list, the strangest first.

    A score is how many standard deviations a picture is above the mean score of the normal ones,
    each scored given the others. A picture is called an anomaly if the probability that a normal
    one scores as high is below the rate of false alarms.

    Example: ilk anomalies omniglot scans/ --normal good/ --out list.csv --surprise maps/
    """
    import torch

    from ilk.evaluation import anomaly_scores
    from ilk.training import memorise

    if not 0 < false_alarms < 1:
        raise ValueError(f"--false-alarms must be between 0 and 1, got {false_alarms}")
    if steps < 0:
        raise ValueError(f"--steps must be 0 or more, got {steps}")
    _check_outputs(surprise, out)
    loaded = load_model(model, device)
    if loaded.conditioning != "support" and not steps:
        raise ValueError(f"MODEL: {type(loaded).__name__} takes no support set")
    if steps:
        support = read_pictures(picture_files(normal, "--normal"), loaded, "--normal", ink, WHOLE)
    else:
        support = read_support(normal, loaded, "--normal", ink=ink, fit=WHOLE)
    if support is None or len(support) < 3:
        held = 0 if support is None else len(support)
        raise ValueError(f"--normal: wanted at least 3 pictures, got {held}")
    if len(same := support.flatten(1).unique(dim=0)) < len(support):
        note(f"of {len(support)} normal pictures {len(same)} differ: copies tell nothing")
    found, x = read_judged(files, loaded, "judge", ink)
    note_known(x, support)
    learning = bar("learning the normal pictures") if steps else nullcontext(lambda *_: None)
    with learning as tell:
        scores, reference = anomaly_scores(
            loaded, support, x, correction, steps=steps, on_step=lambda i, n: tell(i, n, "steps")
        )
    heights, chances = reference.standardised(scores), reference.chance(scores)
    order = scores.argsort(descending=True).tolist()
    rows: list[dict[str, Any]] = [
        {
            "rank": rank + 1,
            "file": str(found[i]),
            "anomaly": bool(chances[i] < false_alarms),
            "score": float(heights[i]),
            "chance": float(chances[i]),
            "nats": float(scores[i]),
        }
        for rank, i in enumerate(order)
    ]
    if surprise is not None:
        p = memorise(loaded, support, steps)() if steps else loaded(support)
        with torch.inference_mode():
            each = p.log_prob_per_dim(x)
            if correction == "ratio":
                each = each - loaded().log_prob_per_dim(x)
        for row, i in zip(rows, order, strict=True):
            said = f"rank {row['rank']}, score {row['score']:.1f}, chance {row['chance']:.2g}"
            path = surprise / f"{row['rank']:03d}-{found[i].stem}.png"
            row["surprise"] = write_surprise(
                path, found[i].name, said, x[i], each[i], loaded.levels
            )
    report = {
        "normal": len(support),
        "correction": correction,
        "steps": steps,
        "false_alarms": false_alarms,
        "threshold_nats": reference.threshold(false_alarms),
        "normal_nats": list(reference.scores),
        "pictures": rows,
    }
    if out is not None:
        _write(report, out)
    if json:
        write_json(report)
    else:
        _print(report)


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
    writer = csv.DictWriter(text, list(report["pictures"][0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(report["pictures"])
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
