"""Everything that is measured of a model on one data set, as JSON-able values."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..data import (
    NAMES,
    Episodes,
    Kinds,
    load,
    one_shot_runs,
    part_of_folder,
    read_folder,
    test_episodes,
)
from ..data.kinds import first_by_hash
from ..distributions import Sides
from ..models import Model
from ..models import load as load_model
from ..models.context import ContextModel
from ..models.identity import fingerprint
from ..precision import Precision
from .classification import (
    Directions,
    Task,
    classification_tasks,
    classify,
    official_tasks,
    tasks_digest,
)
from .judge import STEPS, train_judge
from .likelihood import SHOTS, Row, fits, fitting_precision, nats_by_shots
from .samples import Drawing, sample_quality

__all__ = [
    "TASKS",
    "evaluate",
    "likelihood_table",
    "table_episodes",
    "training_kinds",
]

TASKS = ("likelihood", "classification", "runs", "samples")
_OFFICIAL = "20-way 1-shot, official runs within one alphabet"
TRAINING_KINDS = 200
QUERIES = 12
DRAWINGS = (*(Drawing(guidance) for guidance in (0.0, 0.5, 1.0, 2.0)), Drawing(0.5, of=32))

Progress = Callable[[str, int, int], None]


def evaluate(
    model: Model | str | Path,
    data: str | Path = "omniglot-26",
    split: str = "30-20",
    *,
    tasks: Sequence[str] = ("likelihood",),
    beside: Sequence[Model | str | Path] = (),
    shots: Sequence[int] = (),
    queries: int = QUERIES,
    directions: Directions = "forward",
    batch: int = 16,
    precision: Precision = "float32",
    root: str | Path | None = None,
    device: str = "cpu",
    on_progress: Progress | None = None,
    sides: Sides = 1,
    drawings: Sequence[Drawing] = DRAWINGS,
    keep: Path | None = None,
) -> dict[str, Any]:
    """Measures a model on the test kinds of a data set, and on some of its training kinds.

    Tables of nats have baselines without a support set beside the model's row: unconditional
    models in `beside`, and for binary images of one channel that of a `ContextModel` fitted here
    to all training kinds. All are of the same queries.

    Classification is of 20 kinds by one image each: drawn from all test kinds and, for Omniglot
    at 26x26 split 30-20, in the official runs, each within one alphabet: two tasks, two figures.

    Arguments:
        model: A model, the name of one that ships with the package, or a directory.
        data, split, root: See `ilk.data.load`; a folder is read at the model's size and levels.
        tasks: Some of `"likelihood"`, `"classification"`, `"runs"`, of classification the
            official runs alone, and `"samples"`, see `sample_quality`: their judge is trained
            here, on the training kinds.
        beside: More models for the tables of nats.
        shots: Numbers of support images; 0, 1, 2, 4 and 8 by default, as far as the images of a
            kind go.
        queries: Queries of a kind, fewer where a kind has too few images.
        directions: See `classify_by_likelihood`.
        batch: Kinds at once.
        precision: See `nats_by_shots`.
        device: Where to load models that are named; a model that is given stays where it is.
        on_progress: Called with what is measured, how much is done and the total.
        sides: Average over so many pixel orders, see `nats_by_shots` and `classify_by_likelihood`.
        drawings: Ways to draw samples.
        keep: A folder to keep what tables of nats are made of, and to find it.

    Raises:
        FileNotFoundError: If there is no such model or the data is not there.
        ValueError: If a model does not fit the data, or an argument is not as above.
    """
    if not tasks or any(task not in TASKS for task in tasks):
        raise ValueError(f"tasks must be some of {TASKS}, got {tuple(tasks)}")
    if "runs" in tasks and str(data) != "omniglot-26":
        raise ValueError(f"tasks: the official runs are of data 'omniglot-26', got {str(data)!r}")
    named = _named([model, *beside], device)
    name, first = next(iter(named.items()))
    part_of = _parts(data, split, root, first)
    test = part_of("test")
    for each in named.values():
        fits(each, test)
    precision = fitting_precision(first, precision).precision
    report: dict[str, Any] = {
        "ilk": _version(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "data": str(data),
        "split": split,
        "precision": precision,
        "sides": sides,
    }
    progress = on_progress or (lambda what, done, total: None)
    if "likelihood" in tasks:
        if (test.shape[0], test.levels) == (1, 2):
            counted = ContextModel(test.shape).fit(part_of("train+valid").images)
            named |= {"context model": counted}
        train = training_kinds(part_of("train"))
        shots = shots or _affordable(test, train)
        report["likelihood"] = {
            part: likelihood_table(
                named,
                kinds,
                shots,
                queries,
                sides=sides,
                batch=batch,
                precision=precision,
                keep=keep,
                on_progress=lambda what, *at, part=part: progress(f"{part}: {what}", *at),
            )
            for part, kinds in (("test", test), ("train", train))
        }
    if {"classification", "runs"} & set(tasks):
        report["classification"] = [
            _classification(what, first, found, directions, progress, sides, precision)
            for what, found in _classification_tasks(test, str(data), split, root).items()
            if "classification" in tasks or what == _OFFICIAL
        ]
    if "samples" in tasks:
        report["samples"] = _samples(first, part_of("train"), test, drawings, progress)
    report["models"] = {k: _identity(m) for k, m in named.items()}
    report["model"] = name
    return report


def _samples(
    model: Model, train: Kinds, test: Kinds, drawings: Sequence[Drawing], progress: Progress
) -> dict[str, Any]:
    square = train.shape[1] == train.shape[2]
    judge = train_judge(
        train.rotated() if square else train,
        on_step=lambda step, right: progress("training the judge", step, STEPS),
    )
    rows = sample_quality(model, test, judge, drawings, on_progress=progress)
    return {"kinds": test.name, "rows": [row.to_json() for row in rows]}


def likelihood_table(
    models: dict[str, Model],
    kinds: Kinds,
    shots: Sequence[int] = SHOTS,
    queries: int = QUERIES,
    *,
    sides: Sides = 1,
    batch: int = 16,
    precision: Precision = "float32",
    keep: Path | None = None,
    on_progress: Progress | None = None,
) -> dict[str, Any]:
    """Rows of nats of several models over the same fixed episodes, one for each kind.

    A row of a further model also says how far it is `above` the first one's row of as many shots,
    if there is one, with the standard error of that, see `Row.above`. No support set is 0 shots.
    Of a single kind that error is None.

    Raises:
        ValueError: If a kind has too few images, or a model does not fit.
    """
    episodes = table_episodes(kinds, shots, queries)
    rows: list[dict[str, Any]] = []
    first: dict[int, Row] = {}
    for number, (name, model) in enumerate(models.items()):
        report = None if on_progress is None else _named_progress(on_progress, name)
        scored = nats_by_shots(
            model,
            episodes,
            shots,
            sides=sides,
            batch=batch,
            precision=precision,
            shared=True,
            keep=keep,
            on_progress=report,
        )
        for row in scored:
            rows.append({"model": name, **row.to_json()})
            count = 0 if row.shots == "-" else row.shots
            if number == 0:
                first[count] = row
            elif count in first:
                above, error = row.above(first[count])
                spread = None if math.isnan(error) else error
                rows[-1] |= {"above": above, "above_stderr": spread}
    return {
        "kinds": kinds.name,
        "levels": kinds.levels,
        "episodes": episodes.digest,
        "queries_of_a_kind": episodes.queries.shape[1],
        "rows": rows,
    }


def table_episodes(kinds: Kinds, shots: Sequence[int] = SHOTS, queries: int = QUERIES) -> Episodes:
    """The fixed episodes of a table, the same whichever of the usual numbers of shots it has.

    Support sets are drawn for 8 shots also where fewer are asked for, so that a column measured
    alone is scored on the queries of all the others; only a kind with too few images for that has
    fewer. `queries` is the most that are scored of a kind, at least one is.

    Raises:
        ValueError: If a kind has no image besides `max(shots)`.

    Example:
        >>> import torch
        >>> images = torch.zeros(20, 1, 1, 1, dtype=torch.uint8)
        >>> kinds = Kinds(images, torch.zeros(20, dtype=torch.int64), ("blank",), 2, "blanks")
        >>> table_episodes(kinds, (1,)).digest == table_episodes(kinds, (1, 2, 4, 8)).digest
        True
    """
    least = int(kinds.counts.min())
    most = max([*shots, min(max(SHOTS), least - queries)])
    return test_episodes(kinds, shots=most, queries=min(queries, max(least - most, 1)))


def _affordable(*parts: Kinds) -> tuple[int, ...]:
    """The usual numbers of shots that leave a query of every kind."""
    least = min(int(kinds.counts.min()) for kinds in parts)
    return tuple(k for k in SHOTS if k < least)


def training_kinds(kinds: Kinds, count: int = TRAINING_KINDS) -> Kinds:
    """The fixed kinds of a training table: the first in the order of `SHA-256(name)`."""
    chosen = first_by_hash(kinds.names, count)
    return kinds.subset(chosen, name=f"{kinds.name}/{len(chosen)} kinds")


def _classification_tasks(
    test: Kinds, data: str, split: str, root: str | Path | None
) -> dict[str, list[Task] | str]:
    """Tasks by what they are, or why there are none."""
    anywhere = "20-way 1-shot, from all test kinds"
    found: dict[str, list[Task] | str] = {
        anywhere: classification_tasks(test)
        if len(test) >= 20
        else f"needs 20 kinds, {test.name!r} has {len(test)}"
    }
    if data == "omniglot-26" and split != "30-20":
        found[_OFFICIAL] = f"their alphabets are training data in split {split}"
    elif data == "omniglot-26":
        try:
            found[_OFFICIAL] = official_tasks(one_shot_runs(root))
        except FileNotFoundError as error:
            found[_OFFICIAL] = str(error)
    return found


def _classification(
    what: str,
    model: Model,
    tasks: list[Task] | str,
    directions: Directions,
    progress: Progress,
    sides: Sides,
    precision: Precision,
) -> dict[str, Any]:
    if isinstance(tasks, str):
        return {"task": what, "skipped": tasks}
    if model.conditioning != "support":
        return {"task": what, "skipped": "the model takes no support set"}
    tell = _named_progress(progress, what)
    accuracy = classify(
        model, tasks, directions, sides=sides, precision=precision, on_progress=tell
    )
    return {"task": what, "tasks_digest": tasks_digest(tasks), **accuracy.to_json()}


def _named_progress(on_progress: Progress, name: str) -> Callable[[int, int], None]:
    return lambda done, total: on_progress(name, done, total)


def _named(models: Sequence[Model | str | Path], device: str) -> dict[str, Model]:
    """Models by name: a directory's, that of the run whose `model` it is, or the class."""
    named: dict[str, Model] = {}
    for given in models:
        model = given if isinstance(given, Model) else load_model(given, device)
        name = type(model).__name__ if isinstance(given, Model) else _directory_name(given)
        plain, count = name, 1
        while name in named:
            count += 1
            name = f"{plain} ({count})"
        named[name] = model
    return named


def _directory_name(given: str | Path) -> str:
    path = Path(given).absolute()
    return path.parent.name if path.name == "model" else path.name


def _identity(model: Model) -> dict[str, Any]:
    return {
        "class": type(model).__name__,
        "conditioning": model.conditioning,
        "parameters": sum(p.numel() for p in model.parameters()),
        "fingerprint": fingerprint(model),
    }


def _parts(
    data: str | Path, split: str, root: str | Path | None, model: Model
) -> Callable[[str], Kinds]:
    """The parts of a data set by name; a folder is read once, at a model's size and levels."""
    if str(data) in NAMES or not Path(data).expanduser().is_dir():
        return lambda part: load(data, split, part, root=root)
    kinds, found = read_folder(data, model.shape, model.levels)
    if found.skipped:
        warnings.warn(str(found), stacklevel=3)
    return lambda part: part_of_folder(kinds, part)


def _version() -> str:
    from .. import __version__

    return __version__
