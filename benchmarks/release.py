"""Ships a model: `python -m benchmarks.release NAME --runs RUN ... [--reports FILE ...]`.

The model of the last run goes to the package's weights, rounded to 16 bits. Its card says by which
commands, on how many images and in how much time it was made, over all the runs that followed
from each other, and holds the figures of reports that `ilk evaluate NAME --out FILE` wrote. So it
is called twice: to ship, and, when what shipped was measured, with the reports.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import ilk
from ilk.models import storage
from ilk.models.identity import fingerprint
from ilk.training import recipes
from ilk.training.recipe import FREE, Recipe

LIMIT = 8_000_000
WEIGHTS = Path(ilk.__file__).parent / "weights"
SIDES = {1: "from the upper left", 4: "from four sides", 8: "from eight sides"}


def command(card: dict[str, Any]) -> str:
    """The command that trains the recipe of a card today, whatever its name stood for then."""
    kept = card["recipe"].keys() - FREE | {"name", "steps", "images"}
    had = {k: v for k, v in card["recipe"].items() if k in kept}
    return recipes.command(Recipe.from_json(had))


def joined(cards: list[dict[str, Any]], runs: list[Path], name: str) -> dict[str, Any]:
    """The card of the last of several runs, with what all of them took.

    The first may be a model that shipped before: its card has joined those that it came from, and
    its seconds may be unknown, None.
    """
    commands = [
        card["command"] if "images_in_all" in card else f"{command(card)} --out {run}"
        for card, run in zip(cards, runs, strict=True)
    ]
    images = [card.get("images_in_all", card["images"]) for card in cards]
    seconds = [card.get("seconds_in_all", card["seconds"]) for card in cards]
    return cards[-1] | {
        "name": name,
        "command": "; ".join(commands),
        "images_in_all": sum(images),
        "seconds_in_all": None if None in seconds else round(sum(seconds), 1),
    }


def figures(reports: list[dict[str, Any]], mark: str, before: str) -> dict[str, Any]:
    """What reports say of the model with a fingerprint, by data set, split and way of writing.

    A report may be of the run's own weights, with the fingerprint `before`: the figures say so.

    Raises:
        ValueError: If a report is of another model.
    """
    found: dict[str, Any] = {}
    for report in reports:
        name = report["model"]
        measured = report["models"][name]["fingerprint"]
        if measured not in (mark, before):
            raise ValueError(f"reports: that of {report['date']} is of other weights")
        where = f"{report['data']}/{report['split']}"
        side = SIDES[report["sides"]]
        here = found.setdefault(where, {}).setdefault(side, {})
        for part, table in report.get("likelihood", {}).items():
            rows = [row for row in table["rows"] if row["model"] == name]
            here[part] = [{k: v for k, v in row.items() if k != "model"} for row in rows]
        here |= {k: report[k] for k in ("classification",) if k in report}
        here["precision"] = report["precision"]
        if measured != mark:
            here["weights"] = "those of the run, before they were rounded to 16 bits"
    return found


def main() -> None:
    """Writes weights and card, and says how large they are."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", help="of the model in the package")
    parser.add_argument("--runs", nargs="+", type=Path, required=True, help="each from the last")
    parser.add_argument("--reports", nargs="*", type=Path, default=[], help="of the shipped model")
    parser.add_argument("--seen", help="what must not be measured with it, and why")
    options = parser.parse_args()
    cards = [storage.card(run / "model") or {} for run in options.runs]
    directory = WEIGHTS / options.name
    model = ilk.load(options.runs[-1] / "model")
    model.save(directory, half=True)
    shipped = ilk.load(directory)
    card = joined(cards, options.runs, options.name)
    reports = [json.loads(path.read_text()) for path in options.reports]
    card["figures"] = figures(reports, fingerprint(shipped), fingerprint(model))
    if options.seen:
        card["seen"] = options.seen
    shipped.save(directory, card, half=True)
    size = sum(path.stat().st_size for path in directory.iterdir())
    if size >= LIMIT:
        raise SystemExit(f"{directory} has {size:,} bytes; wanted fewer than {LIMIT:,}")
    print(f"{directory}: {size:,} bytes, {len(reports)} reports")


if __name__ == "__main__":
    main()
