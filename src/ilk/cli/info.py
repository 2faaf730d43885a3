"""`ilk info`: what a model is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import tyro

from .common import JsonFlag, parse, write_json

__all__ = ["info", "main"]


def info(
    model: Annotated[
        str | None,
        tyro.conf.Positional,
        tyro.conf.arg(metavar="MODEL", help="A shipped name or a directory; none lists them."),
    ] = None,
    json: JsonFlag = False,
) -> None:
    """What a model is: arguments, parameters, and its card, if it has one.

    Example: ilk info omniglot
    """
    import ilk
    from ilk.models.storage import card, shipped

    if model is None:
        if json:
            write_json(shipped())
        else:
            print("\n".join(shipped()) or "no model ships with this package")
        return
    loaded = ilk.load(model)
    facts = {
        **loaded.config,
        "parameters": sum(w.numel() for w in loaded.parameters()),
        "conditioning": loaded.conditioning,
        "card": card(model),
    }
    if json:
        write_json(facts)
    else:
        _print(facts)


def _print(facts: dict[str, Any], indent: str = "") -> None:
    width = max(map(len, facts), default=0)
    for key, value in facts.items():
        if isinstance(value, dict) and value:
            print(f"{indent}{key}:")
            _print(value, indent + "  ")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            print(f"{indent}{key}:")
            _print_table(value, indent + "  ")
        else:
            print(f"{indent}{key:{width}}  {_shown(value)}")


def _print_table(rows: list[dict[str, Any]], indent: str) -> None:
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [names, *([_shown(row.get(name, "")) for name in names] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (f"{cell:{width}}" for cell, width in zip(line, widths, strict=True))
        print((indent + "  ".join(cells)).rstrip())


def _shown(value: object) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:.4g}" if abs(value) < 1000 else f"{value:.0f}"


def main(arguments: Sequence[str]) -> None:
    """Runs `ilk info`."""
    parse(info, "info", arguments)
