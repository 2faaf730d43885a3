"""`ilk cut`: several drawings on a page, a picture each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from .common import (
    JsonFlag,
    check_picture,
    note,
    parse,
    write_json,
    write_picture,
)
from .pictures import picture_files

if TYPE_CHECKING:
    from PIL import Image

    from ilk.data import Page
    from ilk.data.files import Picture

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
    drop: Annotated[
        tuple[int, ...],
        tyro.conf.arg(metavar="N", help="Drawings to leave out; the others keep their numbers."),
    ] = (),
    overview: Annotated[
        Path | None,
        tyro.conf.arg(metavar="FILE", help="A picture of the pages, each drawing numbered."),
    ] = None,
    overwrite: Annotated[
        bool, tyro.conf.arg(help="Remove the pictures that an earlier cut left there.")
    ] = False,
    json: JsonFlag = False,
) -> None:
    """Cut a page of several drawings apart, into a picture of each, in reading order.

    Leave more room between drawings than there is within them, or use a form with a box for each.
    A sheet that was photographed on a table is cut out and straightened first; shadows, ruled
    lines, boxes and bindings are no drawings. What comes is black on white, centred, and to scale.
    Look at it with --overview; --count and --drop mend what went wrong.

    Example: ilk cut page.jpg --out glyphs/ --overview glyphs.png
    """
    old = _old(out, overwrite)
    if overview is not None:
        check_picture(overview, "--overview")
    files = picture_files(pages, "FILES")
    found = [_read(file, count) for file in files]
    kept = _numbers(sum(page.count for page in found), drop)
    drawings = [drawing for page in found for drawing in page.drawings()]
    places = {i: out / f"{i:02}.png" for i in kept}
    check_picture(places[kept[0]], "--out")
    for i, path in places.items():
        write_picture(path, drawings[i - 1])
    for path in set(old) - set(places.values()):
        path.unlink()
    if overview is not None:
        write_picture(overview, _overview(found))
    told, first = [], 1
    for file, page in zip(files, found, strict=True):
        _note_doubts(file, page, first)
        numbers = [i for i in kept if first <= i < first + page.count]
        told.append({"page": str(file), "drawings": len(numbers), "numbers": numbers})
        first += page.count
    if json:
        write_json(told)
        return
    for page in told:
        print(f"{page['page']}: {page['drawings']} drawing{'s' * (page['drawings'] != 1)}")
    print(f"{out}: {places[kept[0]].name} to {places[kept[-1]].name}")
    if overview is not None:
        print(f"{overview}: which is which")


def _read(file: Picture, count: int | None) -> Page:
    """A page, or why it can't be cut, with its name."""
    from ilk.data import ImageError, read_page

    try:
        return read_page(file, count)
    except (ImageError, ValueError) as error:
        named = str(file) in str(error)
        raise type(error)(str(error) if named else f"{file}: {error}") from None


def _numbers(count: int, drop: Sequence[int]) -> list[int]:
    """The numbers of the drawings that are kept, of 1 to `count`.

    Raises:
        ValueError: If there is no such number, or none is kept.
    """
    foreign = [i for i in drop if not 1 <= i <= count]
    if foreign:
        raise ValueError(f"--drop: wanted numbers from 1 to {count}, got {foreign[0]}")
    kept = [i for i in range(1, count + 1) if i not in drop]
    if not kept:
        raise ValueError("--drop: this leaves no drawing")
    return kept


def _overview(pages: Sequence[Page]) -> Image.Image:
    """The overviews of pages, one below the other."""
    from PIL import Image

    first, views = 1, []
    for page in pages:
        views.append(page.overview(first))
        first += page.count
    size = (max(view.width for view in views), sum(view.height for view in views))
    whole, top = Image.new("RGB", size, "white"), 0
    for view in views:
        whole.paste(view, (0, top))
        top += view.height
    return whole


def _note_doubts(file: Picture, page: Page, first: int) -> None:
    """Remarks on what was left out, and on what is probably no drawing or several."""
    if page.form:
        note(f"{file}: a printed form; what stands outside its boxes is left out")
    if page.uneven:
        which = ", ".join(f"{first + i:02}" for i in page.uneven)
        note(
            f"warning: {file}: sizes differ many-fold ({which} from the others); look with"
            " --overview, leave out with --drop, or say how many there are with --count"
        )


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
