"""The pictures below paths: what there is, and what is left out and why."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ilk.data.picture import SUFFIXES, Page, pages

__all__ = ["Picture", "Skipped", "find", "reasons", "walk"]

Picture = Path | Page

_WAYS_OUT = {
    ".pdf": "a PDF: save its pages as pictures first, as pdftoppm -png FILE.pdf page does",
    ".svg": "an outline (SVG): export it as PNG first",
    ".ai": "an outline: export it as PNG first",
    ".eps": "an outline: export it as PNG first",
    ".psd": "a layered drawing: export it as PNG first",
    ".zip": "an archive: unpack it first",
} | dict.fromkeys(
    (".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf"), "a raw photograph: export it as JPEG first"
)


@dataclass(frozen=True)
class Skipped:
    """A file, or a page of one, that is not among the images, and why."""

    path: Picture
    reason: str


def find(paths: Iterable[Path], argument: str) -> tuple[list[Picture], list[Skipped]]:
    """The pictures named, and those of folders and all folders below, in the order of names.

    Every page of a TIFF is a picture of its own. A file that is named is a picture whatever its
    suffix; hidden files are ignored.

    Arguments:
        paths: Files and folders.
        argument: What they are an argument for, to be named in errors.

    Raises:
        FileNotFoundError: If a path does not exist, or a folder holds no picture.
    """
    found: list[Picture] = []
    skipped: list[Skipped] = []
    for path in paths:
        if path.is_dir():
            unread: list[OSError] = []
            inside: list[Path] = []
            others: list[Skipped] = []
            for _, file in walk(path, unread):
                if file.suffix.lower() in SUFFIXES:
                    inside.append(file)
                else:
                    others.append(Skipped(file, why(file)))
            skipped += [*others, *(Skipped(Path(e.filename), str(e.strerror)) for e in unread)]
            if not inside:
                left = "".join(f"\n  {line}" for line in reasons(others))
                kinds = ", ".join(sorted(SUFFIXES))
                raise FileNotFoundError(f"{argument}: no picture ({kinds}) below {path}{left}")
        elif path.suffix.lower() in _WAYS_OUT and path.exists():
            inside = []
            skipped.append(Skipped(path, why(path)))
        elif path.exists():
            inside = [path]
        else:
            raise FileNotFoundError(f"{argument}: no such file or folder: {path}")
        found += [page for file in inside for page in pages(file)]
    if skipped and not found:
        raise FileNotFoundError(f"{argument}: no picture.\n  " + "\n  ".join(reasons(skipped)))
    return found, skipped


def walk(root: Path, unread: list[OSError]) -> Iterator[tuple[str, Path]]:
    """Every visible file below a folder with the folder's name below it, in a fixed order.

    Folders that can't be read are added to `unread`.
    """
    for directory, folders, files in os.walk(root, onerror=unread.append):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        here = Path(directory)
        name = here.relative_to(root).as_posix() if here != root else ""
        for file in sorted(files):
            if not file.startswith("."):
                yield name, here / file


def why(path: Path) -> str:
    """Why a file is no picture by its suffix, and the way out if there is one.

    Example:
        >>> why(Path("notes.txt"))
        "not a picture by its suffix '.txt'"
    """
    suffix = path.suffix.lower()
    return _WAYS_OUT.get(suffix, f"not a picture by its suffix {path.suffix!r}")


def reasons(skipped: Sequence[Skipped], most: int = 8) -> list[str]:
    """A line for each reason, with the names of a few files.

    Example:
        >>> reasons([Skipped(Path(f"{i}.txt"), "no picture") for i in range(5)], most=3)
        ['5 files: no picture: 0.txt, 1.txt, 2.txt and 2 more']
    """
    grouped: dict[str, list[str]] = defaultdict(list)
    for one in skipped:
        grouped[one.reason].append(str(one.path))
    lines = []
    for reason, names in grouped.items():
        count = f"{len(names)} files: " if len(names) > 1 else ""
        more = f" and {len(names) - most} more" if len(names) > most else ""
        lines.append(f"{count}{reason}: {', '.join(names[:most])}{more}")
    return lines
