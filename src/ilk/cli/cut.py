"""`ilk cut`: several drawings on a page, a picture each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import tyro

from .common import JsonFlag, check_picture, parse, picture_files, write_json, write_picture

__all__ = ["cut", "main"]


def cut(
    pages: Annotated[
        tuple[Path, ...],
        tyro.conf.Positional,
        tyro.conf.arg(metavar="FILES|FOLDER", help="Scans or photographs, or folders of these."),
    ],
    out: Annotated[Path, tyro.conf.arg(metavar="FOLDER", help="For 01.png, 02.png, ...")],
    count: Annotated[
        int | None, tyro.conf.arg(help="Drawings on each page; told from the gaps if not given.")
    ] = None,
    overwrite: Annotated[
        bool, tyro.conf.arg(help="Remove the pictures that an earlier cut left there.")
    ] = False,
    json: JsonFlag = False,
) -> None:
    """Cut a page of several drawings apart, into a picture of each, in reading order.

    Leave more room between drawings than there is within them. A sheet that was photographed on a
    table is cut out and straightened first. What comes is black on white, centred, and to scale.

    Example: ilk cut page.jpg --out glyphs/
    """
    from ilk.data import ImageError, cut_apart

    old = _old(out, overwrite)
    files = picture_files(pages, "FILES")
    found = []
    for file in files:
        try:
            found.append(cut_apart(file, count))
        except (ImageError, ValueError) as error:
            named = str(file) in str(error)
            raise type(error)(str(error) if named else f"{file}: {error}") from None
    drawings = [drawing for drawings in found for drawing in drawings]
    places = [out / f"{i:02}.png" for i in range(1, len(drawings) + 1)]
    check_picture(places[0], "--out")
    for path, drawing in zip(places, drawings, strict=True):
        write_picture(path, drawing)
    for path in set(old) - set(places):
        path.unlink()
    told = [{"page": str(f), "drawings": len(d)} for f, d in zip(files, found, strict=True)]
    if json:
        write_json(told)
        return
    for page in told:
        print(f"{page['page']}: {page['drawings']} drawing{'s' * (page['drawings'] != 1)}")
    print(f"{out}: {places[0].name} to {places[-1].name}")


def _old(out: Path, overwrite: bool) -> list[Path]:
    """The pictures of an earlier cut, which are to be removed.

    Raises:
        OSError: If the folder is a file, or holds anything that is to stay.
    """
    if not out.exists():
        return []
    if not out.is_dir():
        raise NotADirectoryError(f"--out: {out} is a file, wanted a folder")
    held = sorted(out.iterdir())
    if held and not overwrite:
        raise FileExistsError(f"--out: {out} is not empty; choose another folder or --overwrite")
    other = [path for path in held if not (path.suffix == ".png" and path.stem.isdigit())]
    if other:
        raise FileExistsError(f"--out: {out} holds {other[0].name} too, choose another folder")
    return held


def main(arguments: Sequence[str]) -> None:
    """Runs `ilk cut`."""
    parse(cut, "cut", arguments)
