"""`ilk data`: fetch, verify and describe a data set."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from .common import JsonFlag, bar, check_picture, note, parse, write_json, write_picture

if TYPE_CHECKING:
    from ilk.data import Kinds

__all__ = ["data", "main"]

PARTS = ("train", "valid", "test")


def data(
    name: Annotated[
        str,
        tyro.conf.Positional,
        tyro.conf.arg(
            metavar="NAME|FOLDER",
            help="A named set, or a folder of folders; without one, what the named sets are.",
        ),
    ] = "",
    split: Annotated[str, tyro.conf.arg(help="Omniglot: 30-20 or 45-5.")] = "30-20",
    root: Annotated[
        Path | None, tyro.conf.arg(help="Where the files are; else ILK_DATA, else the cache.")
    ] = None,
    preview: Annotated[Path | None, tyro.conf.arg(help="Picture to write: kinds in rows.")] = None,
    json: JsonFlag = False,
) -> None:
    """Fetch a data set if it is not here, verify it, and say what is in it.

    A folder is described as it would be read: a folder in it is a kind. Without a name, list the
    named sets and whether they are here.

    Example: ilk data omniglot-26 --preview omniglot.png
    """
    import torch

    from ilk.data import ARCHIVES, NAMES, download, load, read_folder
    from ilk.render import sheet

    if not name:
        _list(root, json)
        return
    if preview is not None:
        check_picture(preview, "--preview")
    if name in NAMES:
        try:
            load(name, split, "train", root)
        except FileNotFoundError:
            if root is not None:
                raise
            with bar(f"fetching {name}") as tell:
                archives = name if name in ARCHIVES else name.split("-")[0]
                show = lambda p: tell(p.done, p.total or p.done, p.name)  # noqa: E731
                download(archives, on_progress=show)
    if name in NAMES or not Path(name).expanduser().is_dir():
        parts = {part: load(name, split, part, root) for part in PARTS}
    else:
        kinds, report = read_folder(name)
        note(str(report))
        parts = _parts(kinds, name)
    facts = [
        {
            "part": part,
            "name": kinds.name,
            "kinds": len(kinds),
            "images": len(kinds.images),
            "shape": list(kinds.shape),
            "levels": kinds.levels,
            "digest": kinds.digest(),
        }
        for part, kinds in parts.items()
    ]
    if preview is not None:
        kinds = next(iter(parts.values()))
        rows = [kinds.of(i)[:10] for i in range(min(10, len(kinds))) if len(kinds.of(i)) >= 10]
        write_picture(preview, sheet(torch.cat(rows or [kinds.images[:100]]), kinds.levels, 10))
    if json:
        write_json(facts)
        return
    for fact in facts:
        size = "x".join(map(str, fact["shape"]))
        print(
            f"{fact['part']:6} {fact['kinds']:5} kinds  {fact['images']:6} images  {size},"
            f" {fact['levels']} levels  {fact['digest'][:16]}"
        )


def _parts(kinds: Kinds, folder: str) -> dict[str, Kinds]:
    """The parts of a folder, or all of it where there are too few kinds for these."""
    from ilk.data import part_of_folder

    try:
        return {part: part_of_folder(kinds, part) for part in PARTS}
    except ValueError:
        note(
            f"{len(kinds)} kinds are too few for a part to train, to validate and to test:"
            f" `ilk train --data {shlex.quote(folder)}` trains on all that have two images"
        )
        return {"all": kinds}


def _list(root: Path | None, json: bool) -> None:
    from ilk.data import SETS
    from ilk.data.store import find

    here = {name: find(source.files, root) is not None for name, source in SETS.items()}
    if json:
        write_json([{"name": n, "about": s.about, "here": here[n]} for n, s in SETS.items()])
        return
    for name, source in SETS.items():
        absent = f"`ilk data {name}` fetches it" if source.fetched else "not here, not fetched"
        print(f"{name:14} {source.about}  [{'here' if here[name] else absent}]")


def main(arguments: Sequence[str]) -> None:
    """Runs `ilk data`."""
    parse(data, "data", arguments)
