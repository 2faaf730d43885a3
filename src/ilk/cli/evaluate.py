"""`ilk evaluate`: a model's table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from ilk.processes import first

from .common import (
    Device,
    JsonFlag,
    ModelName,
    PrecisionName,
    bar,
    check_writable,
    load_model,
    note,
    parse,
    screen,
    write_json,
)
from .pictures import Keep

__all__ = ["evaluate", "main", "samples_table"]


def evaluate(
    model: Annotated[ModelName, tyro.conf.Positional],
    data: Annotated[str, tyro.conf.arg(help="A named data set or a folder of folders.")] = (
        "omniglot-26"
    ),
    split: Annotated[str, tyro.conf.arg(help="Omniglot: 30-20 or 45-5.")] = "30-20",
    tasks: Annotated[
        tuple[Literal["likelihood", "classification", "runs", "samples"], ...],
        tyro.conf.arg(help="What to measure."),
    ] = ("likelihood",),
    beside: Annotated[
        tuple[Path, ...],
        tyro.conf.arg(
            metavar="MODELS", help="More rows: other models, such as the unconditional twin."
        ),
    ] = (),
    shots: Annotated[
        tuple[int, ...],
        tyro.conf.arg(
            help="Numbers of support images; by default 0 1 2 4 8, if there are so many."
        ),
    ] = (),
    queries: Annotated[int, tyro.conf.arg(help="Images scored per kind.")] = 12,
    directions: Annotated[
        Literal["forward", "both"],
        tyro.conf.arg(help="Classify by p(x | kind), or by p(kind's image | x) too."),
    ] = "forward",
    sides: Annotated[
        Literal[1, 4, 8],
        tyro.conf.arg(help="Pixel orders to average over, see the docs on several pixel orders."),
    ] = 1,
    precision: PrecisionName = "auto",
    root: Annotated[
        Path | None, tyro.conf.arg(help="Where the data are; else ILK_DATA, else the cache.")
    ] = None,
    out: Annotated[Path | None, tyro.conf.arg(help="Write the report as JSON here.")] = None,
    keep: Keep = None,
    device: Device = "cpu",
    json: JsonFlag = False,
) -> None:
    """A model's table: nats by number of examples, on kinds that it was not trained on.

    The figures are nats/dim, -ln p per pixel: lower is better. Baselines without a support set are
    beside it: a count-based context model that is fitted on the spot, and the models named with
    --beside. Fixed test episodes, every query scored; standard errors over kinds.

    Example: ilk evaluate omniglot --split 30-20 --tasks likelihood classification
    """
    from ilk import evaluation

    if out is not None:
        check_writable(out, "--out")
    note(str(evaluation.fitting_precision(load_model(model, device), precision)))
    with bar("evaluating") as tell:
        report = evaluation.evaluate(
            model,
            data,
            split,
            tasks=tasks,
            beside=beside,
            shots=shots,
            queries=queries,
            directions=directions,
            precision=precision,
            root=root,
            device=device,
            on_progress=lambda what, done, total: tell(done, total, what),
            sides=sides,
            keep=keep,
        )
    if not first():
        return
    if out is not None:
        write_json(report, out)
    if json:
        write_json(report)
    else:
        _print(report)


def _print(report: dict[str, Any]) -> None:
    console = screen()
    tables = report.get("likelihood", {})
    for part, table in tables.items():
        console.print(_likelihood(part, table))
    if tables and len({row["model"] for row in tables["test"]["rows"]}) > 1:
        console.print(_side_by_side(tables))
    if "classification" in report:
        console.print(_classification(report["classification"]))
    if "samples" in report:
        console.print(samples_table(report["samples"]))


def _likelihood(part: str, table: dict[str, Any]) -> Any:
    from rich.table import Table

    title = f"{part}: {table['kinds']}, {table['queries_of_a_kind']} queries a kind, episodes"
    shown = Table(title=f"{title} {table['episodes'][:12]}", box=None, title_justify="left")
    columns = ["model", "shots", "nats/dim", "standard error", "nats/image"]
    columns += ["bits/dim"] * (table["levels"] > 2)
    columns += [f"above {table['rows'][0]['model']}"] * any("above" in r for r in table["rows"])
    for name in columns:
        shown.add_column(name, justify="left" if name == "model" else "right")
    for row in table["rows"]:
        error = row["stderr"]
        cells = [
            row["model"],
            str(row["shots"]),
            f"{row['nats_per_dim']:.4f}",
            "" if error is None else f"{error:.4f}",
            f"{row['nats_per_image']:.2f}",
        ]
        cells += [f"{row['bits_per_dim']:.4f}"] * (table["levels"] > 2)
        if "above" in row:
            spread = row["above_stderr"]
            cells.append(f"{row['above']:+.4f}" + ("" if spread is None else f" ± {spread:.4f}"))
        shown.add_row(*cells)
    return shown


def _side_by_side(tables: dict[str, Any]) -> Any:
    """A row for each model, a column for each number of shots: test (train)."""
    from rich import box
    from rich.table import Table

    cells: dict[str, dict[Any, list[float]]] = {}
    for table in tables.values():
        for row in table["rows"]:
            of_model = cells.setdefault(row["model"], {})
            of_model.setdefault(row["shots"], []).append(row["nats_per_dim"])
    numbers = sorted({k for of_model in cells.values() for k in of_model if k != "-"})
    # As Markdown, to be copied into a document.
    shown = Table("nats/dim, test (train)", *map(str, numbers), box=box.MARKDOWN)
    for model, of_model in cells.items():
        row = [of_model.get(k, of_model.get("-", [])) for k in numbers]
        shown.add_row(model, *(_with_brackets(values) for values in row))
    return shown


def _with_brackets(values: Sequence[float]) -> str:
    first, *others = (f"{value:.4f}" for value in values)
    return " ".join([first, *(f"({other})" for other in others)])


def _classification(tasks: list[dict[str, Any]]) -> Any:
    from rich.table import Table

    shown = Table(title="classification by likelihood", box=None, title_justify="left")
    for name in ("task", "correct", "standard error", "tasks", "directions"):
        shown.add_column(name, justify="left" if name == "task" else "right")
    for task in tasks:
        if "skipped" in task:
            shown.add_row(task["task"], "-", "", "", task["skipped"])
            continue
        error = task["stderr"]
        shown.add_row(
            task["task"],
            f"{task['accuracy']:.1%}",
            "" if error is None else f"{error:.1%}",
            str(task["tasks"]),
            task["directions"],
        )
    return shown


def samples_table(table: dict[str, Any]) -> Any:
    """Rows of `ilk.evaluation.sample_quality` as a table to print."""
    from rich.table import Table

    title = f"samples: {table['kinds']}, 4 examples, 8 samples a kind, judged 20-way"
    shown = Table(title=title, box=None, title_justify="left")
    for name in ("drawn by", "guidance", "of", "recognised", "diversity", "distance", "blank"):
        shown.add_column(name, justify="left" if name == "drawn by" else "right")
    for row in table["rows"]:
        drawn = row["who"] != "people"
        shown.add_row(
            row["who"],
            f"{row['guidance']:g}" if drawn else "",
            str(row["of"] or "") if drawn else "",
            f"{row['recognised']:.1%} ± {row['recognised_stderr']:.1%}",
            f"{row['diversity']:.2f}",
            f"{row['distance']:.2f}",
            f"{row['blank']:.1%}",
        )
    return shown


def main(arguments: Sequence[str]) -> None:
    """Runs `ilk evaluate`."""
    parse(evaluate, "evaluate", arguments)
