"""`ilk push`: a model to the Hugging Face hub."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import tyro

from .common import ModelName, load_model, parse

__all__ = ["main", "push"]


def push(
    model: Annotated[ModelName, tyro.conf.Positional],
    repo: Annotated[
        str, tyro.conf.Positional, tyro.conf.arg(metavar="YOU/NAME", help="Its name there.")
    ],
    licence: Annotated[str, tyro.conf.arg(help="Identifier of a licence, such as mit.")] = "",
    private: Annotated[bool, tyro.conf.arg(help="A new one is seen by you alone.")] = False,
    dry_run: Annotated[bool, tyro.conf.arg(help="Print the page, send nothing.")] = False,
) -> None:
    """A model to the Hugging Face hub: its files, and a page made from its card.

    `ilk.load("hub:YOU/NAME")` and every verb read it from there. `hf auth login` comes first.

    Example: ilk push runs/mine you/mine --licence mit --dry-run
    """
    from ilk.models import hub
    from ilk.models.readme import readme
    from ilk.models.storage import card

    hub.check_name(repo)
    loaded, told = load_model(model, "cpu"), card(model)
    if dry_run:
        print(readme(loaded, repo, told, licence), end="")
        return
    print(hub.push(loaded, repo, told, licence=licence, private=private))


def main(arguments: Sequence[str]) -> None:
    """Runs `ilk push`."""
    parse(push, "push", arguments)
