"""Pictures that a command line names: examples of a kind, and pictures to judge.

Every verb reads folders with all folders below them, every page of a TIFF as a picture of its own,
and says what it left out and why.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import tyro

from ilk.processes import share

from .common import bar, note

if TYPE_CHECKING:
    from torch import Tensor

    from ilk.data.drawing import Reading
    from ilk.data.files import Picture, Skipped
    from ilk.data.picture import Fit
    from ilk.data.polarity import Polarity
    from ilk.models import Model

__all__ = [
    "WHOLE",
    "Keep",
    "Strict",
    "judge",
    "left_out",
    "note_shots",
    "one_picture",
    "picture_files",
    "read_again",
    "read_all",
    "read_pictures",
    "read_support",
    "tell",
]

AT_ONCE = 32
WHOLE: Fit = "stretch"  # for pictures that are judged, and those that they are judged by
NAMED = 8

Strict = Annotated[
    bool, tyro.conf.arg(help="A file that can't be used is an error, and nothing is done.")
]
Keep = Annotated[
    Path | None,
    tyro.conf.arg(
        metavar="FOLDER",
        help="Keep results here as they come; the same command goes on from there.",
    ),
]


class Read(NamedTuple):
    """Pictures as a model's pixels `(N, C, H, W)`, and what became of the others."""

    files: list[Picture]
    x: Tensor
    dark: list[bool | None]
    sizes: list[tuple[int, int] | None]
    skipped: list[Skipped]
    remarks: dict[str, list[str]]


def picture_files(paths: Sequence[Path], argument: str, strict: bool = False) -> list[Picture]:
    """The pictures named, and those of folders; what else is there is said, or with `strict` an
    error.

    Raises:
        FileNotFoundError: If a path does not exist, or a folder holds no picture.
        ValueError: If something is left out, with `strict`.
    """
    from ilk.data.files import find

    found, skipped = find(paths, argument)
    tell(argument, len(found), skipped, strict)
    return found


def tell(argument: str, used: int, skipped: Sequence[Skipped], strict: bool) -> None:
    """Says how many pictures were used, and what was left out and why.

    Raises:
        ValueError: If something is left out, with `strict`.
    """
    from ilk.data.files import reasons

    if not skipped:
        return
    lines = [f"{argument}: {used + len(skipped)} files seen, {used} used, {len(skipped)} left out"]
    text = "\n  ".join([*lines, *reasons(skipped)])
    if strict:
        raise ValueError(f"{text}\n  (--strict: nothing was done)")
    note(text)


def left_out(skipped: Sequence[Skipped]) -> list[dict[str, str]]:
    """What was left out as JSON values."""
    return [{"file": str(one.path), "reason": one.reason} for one in skipped]


def one_picture(path: Path, argument: str) -> None:
    """Refuses a folder where one picture is wanted.

    Raises:
        FileNotFoundError: If the path does not exist.
        IsADirectoryError: If it is a folder.
    """
    if path.is_dir():
        raise IsADirectoryError(f"{argument}: {path} is a folder, wanted one picture")
    if not path.exists():
        raise FileNotFoundError(f"{argument}: no such file: {path}")


def read_pictures(
    files: Sequence[Picture],
    model: Model,
    argument: str,
    fit: Fit = "crop",
    blank: bool = False,
    ink: Polarity = "auto",
) -> Tensor:
    """Pictures brought to the size and levels of a model, `(N, C, H, W)`.

    What has no ink is an error, unless `blank`: then it is nothing but paper.

    Raises:
        ImageError: If some can't be read; it names all of them.
    """
    from ilk.data import ImageError

    read = _read(files, model, fit, ink, blank)
    failed = [f"{one.path}: {one.reason}" for one in read.skipped]
    if len(failed) == 1:
        raise ImageError(failed[0])
    if failed:
        title = f"{len(failed)} of {len(files)} pictures can't be used"
        raise ImageError("\n  ".join([f"{argument}: {title}", *failed]))
    _remark(read.remarks, len(files), argument)
    _note_ink(read.files, read.dark, argument, ink)
    _note_sizes(read.sizes, model, argument, fit)
    return read.x


def _note_ink(
    files: Sequence[Picture], dark: Sequence[bool | None], argument: str, ink: Polarity
) -> None:
    """Says which was ink, where that was told from the pictures: the usual case of one is not."""
    told = [(file, each) for file, each in zip(files, dark, strict=True) if each is not None]
    mostly = 2 * sum(each for _, each in told) >= len(told)
    if ink != "auto" or not told or (mostly and len(told) == 1):
        return
    said = f"{argument}: read as " + _SHADES[mostly]
    odd = [file.name for file, each in told if each != mostly]
    if odd:
        names = ", ".join(odd[:NAMED]) + (", ..." if len(odd) > NAMED else "")
        said += f"; {len(odd)} of {len(told)} the other way: {names}"
    note(said + " (--ink dark or light decides)" * (not mostly or bool(odd)))


def _note_sizes(
    sizes: Sequence[Sequence[int] | None], model: Model, argument: str, fit: Fit
) -> None:
    """Says what pictures of other sizes lost. A drawing, which is drawn anew, has none here."""
    _, height, width = model.shape
    resized = [(w, h) for w, h in filter(None, sizes) if (w, h) != (width, height)]
    if not resized:
        return
    other = sum(w * height != h * width for w, h in resized)
    largest = "{} x {}".format(*max(resized, key=math.prod))
    said = f"{argument}: {len(resized)} of {len(sizes)} pictures, up to {largest},"
    said += f" are seen at {width} x {height}: what is smaller than a pixel there is lost"
    if other:
        lost = "stretched, nothing is cut off" if fit == WHOLE else "cut to it in the middle"
        said += f"; {other} of another aspect ratio are {lost}"
    note(said)


_SHADES = {True: "dark ink on light paper", False: "light ink on dark paper"}


def _read(
    files: Sequence[Picture], model: Model, fit: Fit, ink: Polarity, blank: bool = False
) -> Read:
    """What can be read. What has no ink is read with `blank`, and is nothing but paper."""
    import torch

    from ilk.data import ImageError
    from ilk.data.drawing import NoInkError, Reading, read_picture
    from ilk.data.files import Skipped

    found: list[Picture] = []
    read: list[Reading] = []
    skipped: list[Skipped] = []
    remarks: dict[str, list[str]] = {}
    for file in files:
        try:
            image = read_picture(file, model.shape, model.levels, fit, ink=ink)
        except OSError as error:
            skipped.append(Skipped(file, str(error.strerror or error)))
            continue
        except ImageError as error:
            if not (blank and isinstance(error, NoInkError)):
                skipped.append(Skipped(file, str(error).removeprefix(f"{file}: ")))
                continue
            image = Reading(torch.zeros(model.shape, dtype=torch.uint8), None, None)
        if not image.drawn:
            remarks.setdefault(_NO_DRAWING, []).append(str(file))
        found.append(file)
        read.append(image)
    empty = torch.zeros(0, *model.shape, dtype=torch.uint8)
    x = torch.stack([each.pixels for each in read]) if read else empty
    dark = [each.dark for each in read]
    sizes = [each.size if each.dark is None else None for each in read]
    return Read(found, x, dark, sizes, skipped, remarks)


_NO_DRAWING = "seem to be no drawings, ink on paper, which this model knows alone"


def _remark(remarks: dict[str, list[str]], total: int, argument: str) -> None:
    for what, names in remarks.items():
        some = ", ".join(names[:3]) + (" and others" if len(names) > 3 else "")
        note(f"{argument}: {len(names)} of {total} pictures {what}: {some}")


@dataclass
class Judged:
    """What was found of pictures: a row for each file, and what was left out."""

    files: list[Picture] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)

    @property
    def facts(self) -> dict[str, Any]:
        """Of the files, as JSON values."""
        seen = len(self.rows) + len(self.skipped)
        return {"seen": seen, "used": len(self.rows), "left_out": left_out(self.skipped)}


def judge(
    paths: Sequence[Path],
    model: Model,
    what: str,
    work: Callable[[list[Picture], Tensor], list[dict[str, Any]]],
    *,
    support: Tensor | None,
    options: Sequence[Any],
    ink: Polarity = "auto",
    strict: bool = False,
    keep: Path | None = None,
) -> Judged:
    """Rows of pictures, read and judged some at a time; among several processes each does some.

    Without ink pictures are blank; what can't be read is left out, and named. All of a picture is
    judged: one of another aspect ratio is stretched.

    Arguments:
        paths: Files and folders.
        model: What they are judged by.
        what: The verb, for messages.
        work: Makes a JSON-able row for each of a few pictures.
        support: The examples. Pictures among them are remarked on.
        options: What rows depend on besides pictures, model and examples.
        ink: Which shade is ink.
        strict: Refuse to leave anything out.
        keep: See `ilk.processes.share`.

    Raises:
        FileNotFoundError: If a path does not exist, or a folder holds no picture.
        ImageError: If none can be read: why the last one can't.
        ValueError: If none is named, or one is left out, with `strict`.
    """
    from ilk.data import ImageError
    from ilk.data.files import Skipped, find

    if not paths:
        raise ValueError(
            f"FILES: name at least one picture to {what}, before options: --support and others"
            " take all that follows"
        )
    files, skipped = find(paths, "FILES")
    if strict:
        tell("FILES", len(files), skipped, strict)
    shown = set() if support is None else {image.numpy().tobytes() for image in support}

    def some(part: list[Picture]) -> dict[str, Any]:
        read = _read(part, model, WHOLE, ink, blank=True)
        return {
            "dark": read.dark,
            "sizes": read.sizes,
            "rows": work(read.files, read.x) if read.files else [],
            "used": [part.index(file) for file in read.files],
            "skipped": [[part.index(one.path), one.reason] for one in read.skipped],
            "remarks": read.remarks,
            "known": sum(image.numpy().tobytes() in shown for image in read.x),
        }

    parts = [files[i : i + AT_ONCE] for i in range(0, len(files), AT_ONCE)]
    keys = _keys(parts, model, support, [*options, ink])
    with bar(f"{what}: pictures") as tell_bar:
        done = share(
            some,
            parts,
            what,
            keys,
            keep,
            lambda n, total: tell_bar(min(n * AT_ONCE, len(files)), len(files), ""),
        )
    judged, remarks, known, dark, sizes = Judged(skipped=skipped), {}, 0, [], []
    for part, found in zip(parts, done, strict=True):
        judged.rows += found["rows"]
        judged.files += [part[i] for i in found["used"]]
        judged.skipped += [Skipped(part[i], reason) for i, reason in found["skipped"]]
        known += found["known"]
        dark += found["dark"]
        sizes += found["sizes"]
        for why, names in found["remarks"].items():
            remarks.setdefault(why, []).extend(names)
    if not judged.rows:
        last = judged.skipped[-1]
        raise ImageError(f"{last.path}: {last.reason}")
    tell("FILES", len(judged.rows), judged.skipped, strict)
    _remark(remarks, len(judged.rows), "FILES")
    _note_ink(judged.files, dark, "FILES", ink)
    _note_sizes(sizes, model, "FILES", WHOLE)
    if known:
        total = len(judged.rows)
        note(f"{known} of {total} pictures are among the examples: their figures are optimistic")
    return judged


def read_all(
    paths: Sequence[Path], model: Model, strict: bool = False, ink: Polarity = "auto"
) -> tuple[list[Picture], Tensor, list[Skipped]]:
    """Pictures read as `judge` does, all at once, with their files and what is no picture.

    Raises:
        FileNotFoundError: If a path does not exist, or a folder holds no picture.
        ImageError: If some can't be read; it names all of them.
        ValueError: If a file is left out, with `strict`.
    """
    from ilk.data.files import find

    files, skipped = find(paths, "FILES")
    tell("FILES", len(files), skipped, strict)
    return files, read_pictures(files, model, "FILES", WHOLE, True, ink), skipped


def read_again(files: Sequence[Picture], model: Model, ink: Polarity) -> Tensor:
    """Pictures as `judge` has read them."""
    return _read(files, model, WHOLE, ink, blank=True).x


def _keys(
    parts: Sequence[Sequence[Picture]],
    model: Model,
    support: Tensor | None,
    options: Sequence[Any],
) -> list[str]:
    """What the rows of each part depend on."""
    from ilk.models.identity import fingerprint

    shown = b"" if support is None else support.numpy().tobytes()
    given = [fingerprint(model), hashlib.sha256(shown).hexdigest(), *map(str, options)]
    keys = []
    for part in parts:
        about = [(str(file), _state(file)) for file in part]
        keys.append("\0".join([*given, repr(about)]))
    return keys


def _state(file: Picture) -> tuple[int, int]:
    with suppress(OSError):
        about = (file if isinstance(file, Path) else file.path).stat()
        return about.st_size, about.st_mtime_ns
    return 0, 0


def read_support(
    paths: Sequence[Path],
    model: Model,
    argument: str = "--support",
    without: str = "this is what the model expects of any kind (0 shots)",
    *,
    strict: bool = False,
    fit: Fit = "crop",
    ink: Polarity = "auto",
) -> Tensor | None:
    """A support set, none for models that take none; `without` says what an empty one means.

    Raises:
        ValueError: If the model takes no support set and one was given, or takes labels.
    """
    if model.conditioning == "label":
        raise ValueError("MODEL takes labels, not a support set; use it from Python")
    if model.conditioning == "none":
        if paths:
            raise ValueError(f"{argument}: {type(model).__name__} is unconditional, it takes none")
        return None
    files = picture_files(paths, argument, strict)
    support = read_pictures(files, model, argument, fit, ink=ink)
    _note_folders(files, argument)
    if len(files) == 1 and isinstance(files[0], Path):
        _note_several(files[0], model)
    if not len(support):
        note(f"no {argument}: {without}")
    note_shots(len(support), "support images", model)
    return support


def note_shots(count: int, what: str, model: Model) -> None:
    """A warning of more examples than a model was trained with."""
    if count > model.shots:
        note(
            f"warning: {count} {what}, but the model was trained with up to {model.shots};"
            " this works, but how well was not measured"
        )


def _note_folders(files: Sequence[Picture], argument: str) -> None:
    """A remark on pictures of several folders, which may be of several kinds."""
    homes = sorted({str((f if isinstance(f, Path) else f.path).parent) for f in files})
    if len(homes) > 1:
        some = ", ".join(homes[:3]) + (" and others" if len(homes) > 3 else "")
        note(f"{argument}: pictures of {len(homes)} folders are taken for one kind: {some}")


def _note_several(file: Path, model: Model) -> None:
    """A remark on a page of several drawings, which was read as one."""
    from ilk.data import cut_apart
    from ilk.data.drawing import of_drawings

    if of_drawings(model.shape, model.levels):
        with suppress(ValueError):
            count = len(cut_apart(file))
            if count > 2:  # two may be a letter and its dot
                note(f"{file} looks like {count} drawings: ilk cut {file} --out FOLDER parts them")
