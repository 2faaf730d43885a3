"""What the verbs share: arguments, models, support sets, output that is whole or not there."""

from __future__ import annotations

import json
import math
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import tyro

from ilk.files import TEMPORARY, write_file

if TYPE_CHECKING:
    import torch
    from PIL import Image
    from torch import Tensor

    from ilk.data.drawing import Reading
    from ilk.data.picture import Fit
    from ilk.models import Model

__all__ = [
    "WHOLE",
    "Device",
    "InkShade",
    "JsonFlag",
    "ModelName",
    "PrecisionName",
    "Seed",
    "SupportPaths",
    "bar",
    "check_device",
    "check_picture",
    "check_seed",
    "check_writable",
    "console",
    "generator",
    "load_model",
    "note",
    "note_known",
    "one_picture",
    "parse",
    "picture_files",
    "read_judged",
    "read_pictures",
    "read_support",
    "screen",
    "to_picture",
    "write_file",
    "write_json",
    "write_picture",
    "write_surprise",
]

T = TypeVar("T")
WIDE = 10_000
NAMED = 8
WHOLE = "stretch"  # how pictures are fitted that are judged, and those that they are judged by

ModelName = Annotated[str, tyro.conf.arg(metavar="MODEL", help="A shipped name or a directory.")]
SupportPaths = Annotated[
    tuple[Path, ...],
    tyro.conf.arg(metavar="FILES|FOLDER", help="Pictures of one kind, or folders of these."),
]
Seed = Annotated[int, tyro.conf.arg(help="Decides what is drawn.")]
Device = Annotated[str, tyro.conf.arg(help="cpu, cuda, cuda:1, mps ...")]
PrecisionName = Annotated[
    Literal["auto", "bf16", "float32"],
    tyro.conf.arg(help="Of the network; auto takes what this machine is quicker in."),
]
InkShade = Annotated[
    Literal["auto", "dark", "light"],
    tyro.conf.arg(help="Of drawings, what is ink on the paper; auto tells for each, and says."),
]
JsonFlag = Annotated[bool, tyro.conf.arg(help="Print JSON to standard output.")]


def parse(function: Callable[..., T], verb: str, arguments: Sequence[str]) -> T:
    """Calls a function with what its command line says; its docstring is the help."""
    words, config = list(arguments), (tyro.conf.FlagCreatePairsOff,)
    try:
        return tyro.cli(function, prog=f"ilk {verb}", args=words, config=config)
    except SystemExit as stop:
        if stop.code == 2:
            _hint(function, verb, words)
        raise


def _hint(function: Callable[..., Any], verb: str, words: Sequence[str]) -> None:
    """What people mean by a command line that can't be read, where that can be told."""
    import inspect

    takes_examples = "support" in inspect.signature(function).parameters
    if words and words[0].startswith("-") and any(Path(word).exists() for word in words[1:]):
        note(f"what comes first goes before options: `ilk {verb} --help` shows the order")
    elif takes_examples and len(words) > 1 and Path(words[1]).exists():
        note(f"examples go after an option: ilk {verb} {words[0]} --support {words[1]}")


def screen() -> Any:
    """Where results are read: standard output, in a file or a pipe as wide as they are."""
    from rich.console import Console

    shown = Console(highlight=False)
    return shown if shown.is_terminal else Console(highlight=False, width=WIDE)


def console() -> Any:
    """Where people read: standard error, so that standard output holds results alone."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def note(text: str) -> None:
    """A remark to the person at the terminal."""
    print(f"ilk: {text}", file=sys.stderr)


@contextmanager
def bar(title: str, figure: str = "") -> Iterator[Callable[[int, int, str], None]]:
    """A progress bar: call it with what is done, the total and the figure that matters."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        TextColumn("{task.fields[figure]}"),
        TimeRemainingColumn(),
    )
    screen = console()
    with Progress(*columns, console=screen, disable=not screen.is_terminal) as progress:
        task = progress.add_task(title, total=1, figure=figure)
        yield lambda done, total, text="": progress.update(
            task, completed=done, total=total, figure=text
        )


def check_seed(seed: int) -> None:
    """Refuses a seed that some source of randomness would not take.

    Raises:
        ValueError: If it is negative or has more than 63 bits.
    """
    if not 0 <= seed < 1 << 63:
        raise ValueError(f"--seed: wanted 0 to 2^63 - 1, got {seed}")


def generator(seed: int, device: str = "cpu") -> torch.Generator:
    """A seeded source of randomness.

    Raises:
        ValueError: If the seed is out of range.
    """
    import torch

    check_seed(seed)
    return torch.Generator().manual_seed(seed)


def check_device(device: str) -> torch.device:
    """The device of a name.

    Raises:
        ValueError: If there is no such device.
    """
    import torch

    try:
        where = torch.device(device)
        torch.empty(0, device=where)
    except (RuntimeError, AssertionError) as error:
        first = str(error).splitlines()[0]
        raise ValueError(f"--device {device!r} can't be used here: {first}") from None
    return where


def load_model(name: str, device: str) -> Model:
    """A model by name or directory, on a device.

    Raises:
        ValueError: If there is no such device.
    """
    import ilk

    return ilk.load(name, check_device(device))


def picture_files(paths: Iterable[Path], argument: str) -> list[Path]:
    """The pictures named, those of folders in the order of their names.

    Raises:
        FileNotFoundError: If a path does not exist, or a folder holds no picture.
    """
    from ilk.data.picture import SUFFIXES

    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            seen = (p for p in path.iterdir() if not p.name.startswith("."))
            inside = sorted(p for p in seen if p.suffix.lower() in SUFFIXES)
            if not inside:
                kinds = ", ".join(sorted(SUFFIXES))
                raise FileNotFoundError(
                    f"{argument}: no picture ({kinds}) in folder {path}{_nearest_kind(path)}"
                )
            files += inside
        elif path.exists():
            files.append(path)
        else:
            raise FileNotFoundError(f"{argument}: no such file or folder: {path}")
    return files


def _nearest_kind(folder: Path) -> str:
    """A hint at a folder in it that has pictures."""
    from ilk.data.picture import SUFFIXES

    found = (p.parent for p in sorted(folder.glob("*/*")) if p.suffix.lower() in SUFFIXES)
    kind = next(found, None)
    return "" if kind is None else f"; it holds folders of pictures: name one kind, such as {kind}"


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
    files: Sequence[Path],
    model: Model,
    argument: str,
    ink: InkShade = "auto",
    fit: Fit = "crop",
) -> Tensor:
    """Pictures brought to the size and levels of a model, `(N, C, H, W)`.

    What was taken for ink, and what was resized, is said once for all.

    Raises:
        ImageError: If some can't be read; it names all of them.
    """
    import torch

    from ilk.data import ImageError

    found, read, failed = _read(files, model, ink, fit)
    if len(failed) == 1:
        raise ImageError(failed[0])
    if failed:
        count = f"{len(failed)} of {len(files)} pictures can't be used"
        raise ImageError("\n  ".join([f"{argument}: {count}", *failed]))
    _note_read(found, read, model, argument, ink, fit)
    empty = torch.zeros(0, *model.shape, dtype=torch.uint8)
    return torch.stack([each.pixels for each in read]) if read else empty


def _note_read(
    files: Sequence[Path],
    read: Sequence[Reading],
    model: Model,
    argument: str,
    ink: InkShade,
    fit: Fit,
) -> None:
    """Says which was ink, and what pictures of other sizes lost."""
    _note_ink(files, read, argument, ink)
    _, height, width = model.shape
    sizes = [each.size for each in read if each.dark is None and each.size is not None]
    resized = [(w, h) for w, h in sizes if (w, h) != (width, height)]
    if not resized:
        return
    other = sum(w * height != h * width for w, h in resized)
    largest = "{} x {}".format(*max(resized, key=math.prod))
    said = f"{argument}: {len(resized)} of {len(read)} pictures, up to {largest},"
    said += f" are seen at {width} x {height}: what is smaller than a pixel there is lost"
    if other:
        lost = "stretched, nothing is cut off" if fit == WHOLE else "cut to it in the middle"
        said += f"; {other} of another aspect ratio are {lost}"
    note(said)


def _note_ink(files: Sequence[Path], read: Sequence[Reading], argument: str, ink: str) -> None:
    """Says which was ink, where that was told from the pictures: the usual case of one is not."""
    told = [(file, each.dark) for file, each in zip(files, read, strict=True)]
    told = [(file, dark) for file, dark in told if dark is not None]
    count = sum(dark for _, dark in told)
    dark = 2 * count >= len(told)
    if ink != "auto" or not told or (dark and len(told) == 1):
        return
    usual, other = "dark ink on light paper", "light ink on dark paper"
    said = f"{argument}: read as {usual if dark else other}"
    odd = [file.name for file, each in told if each != dark]
    if odd:
        names = ", ".join(odd[:NAMED]) + (", ..." if len(odd) > NAMED else "")
        said += f"; {len(odd)} of {len(told)} the other way: {names}"
    note(said + " (--ink dark or light decides)" * (not dark or bool(odd)))


def _read(
    files: Sequence[Path], model: Model, ink: InkShade, fit: Fit, blank: bool = False
) -> tuple[list[Path], list[Reading], list[str]]:
    """The files that can be read, what they hold, and of the others the names and the reasons.

    What has no ink is read with `blank`, and is nothing but paper.
    """
    import torch

    from ilk.data import ImageError
    from ilk.data.drawing import NoInkError, Reading, read_picture

    found: list[Path] = []
    read: list[Reading] = []
    failed: list[str] = []
    for file in files:
        try:
            image = read_picture(file, model.shape, model.levels, fit, ink=ink)
        except OSError as error:
            failed.append(f"{file}: {error.strerror or error}")
            continue
        except ImageError as error:
            if not (blank and isinstance(error, NoInkError)):
                failed.append(str(error))
                continue
            image = Reading(torch.zeros(model.shape, dtype=torch.uint8), None, None)
        found.append(file)
        read.append(image)
    return found, read, failed


def note_known(x: Tensor, support: Tensor | None) -> None:
    """Remarks on pictures that are among the examples: their figures are optimistic."""
    shown = set() if support is None else {image.numpy().tobytes() for image in support}
    known = sum(image.numpy().tobytes() in shown for image in x)
    if known:
        note(f"{known} of {len(x)} pictures are among the examples: their figures are optimistic")


def read_judged(
    paths: Sequence[Path], model: Model, what: str, ink: InkShade = "auto"
) -> tuple[list[Path], Tensor]:
    """The pictures to judge, and their files. Without ink they are blank; what can't be read is
    left out, and named.

    Raises:
        FileNotFoundError: If a path does not exist, or a folder holds no picture.
        ImageError: If none can be read: why the last one can't.
        ValueError: If none is named.
    """
    import torch

    from ilk.data import ImageError

    if not paths:
        raise ValueError(
            f"FILES: name at least one picture to {what}, before options: --support and others"
            " take all that follows"
        )
    found, read, failed = _read(picture_files(paths, "FILES"), model, ink, WHOLE, blank=True)
    for reason in failed if found else failed[:-1]:
        note(f"left out: {reason}")
    if not found:
        raise ImageError(failed[-1])
    _note_read(found, read, model, "FILES", ink, WHOLE)
    return found, torch.stack([each.pixels for each in read])


def read_support(
    paths: Sequence[Path],
    model: Model,
    argument: str = "--support",
    without: str = "this is what the model expects of any kind (0 shots)",
    ink: InkShade = "auto",
    fit: Fit = "crop",
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
    files = picture_files(paths, argument)
    support = read_pictures(files, model, argument, ink, fit)
    if len(files) == 1:
        _note_several(files[0], model)
    if not len(support):
        note(f"no {argument}: {without}")
    if len(support) > model.shots:
        note(
            f"warning: {len(support)} support images, but the model was trained with up to"
            f" {model.shots}; this works, but how well was not measured"
        )
    return support


def _note_several(file: Path, model: Model) -> None:
    """A remark on a page of several drawings, which was read as one."""
    from ilk.data import cut_apart
    from ilk.data.drawing import of_drawings

    if of_drawings(model.shape, model.levels):
        with suppress(ValueError):
            count = len(cut_apart(file))
            if count > 2:  # two may be a letter and its dot
                note(f"{file} looks like {count} drawings: ilk cut {file} --out FOLDER parts them")


def to_picture(x: Tensor, levels: int) -> Image.Image:
    """Pixels `(C, H, W)` as a picture that `read_image` makes the same pixels of.

    Drawings of `omniglot-26` are black ink on white paper; otherwise 0 is black and the highest
    level white.

    Raises:
        ValueError: If there are neither 1 nor 3 channels, or more than 256 levels.
    """
    import numpy as np
    from PIL import Image

    from ilk.data.drawing import of_drawings

    if x.shape[0] not in (1, 3) or levels > 256:
        raise ValueError(f"no picture has {x.shape[0]} channels of {levels} levels")
    values = x.cpu().numpy().astype(np.int64)
    if of_drawings(values.shape, levels):
        return Image.fromarray(np.where(values[0] > 0, 0, 255).astype(np.uint8)).convert("1")
    # Even steps, but never below the first value that is quantised to the level.
    shown = np.maximum(np.rint(values * 255 / (levels - 1)), -(-256 * values // levels))
    shown = shown.astype(np.uint8).transpose(1, 2, 0)
    return Image.fromarray(shown[..., 0] if len(values) == 1 else np.ascontiguousarray(shown))


def check_writable(path: Path, argument: str) -> None:
    """Refuses an output path before any work is done.

    Raises:
        OSError: If nothing can be written there.
    """
    if path.is_dir():
        raise IsADirectoryError(f"{argument}: {path} is a folder, wanted a file")
    if path.exists() and not path.is_file() and os.access(path, os.W_OK):
        return  # a device or a pipe
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.resolve().parent, prefix=TEMPORARY):
            pass
    except OSError as error:
        raise OSError(f"{argument}: can't write {path}: {error.strerror or error}") from None


_FORMS = {".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", ".png": "PNG", "": "PNG"}


def check_picture(path: Path, argument: str, *others: str) -> None:
    """Refuses a picture to be written, or a file of `others`, before any work is done.

    Raises:
        OSError: If nothing can be written there.
        ValueError: If there is no such format.
    """
    if path.suffix.lower() not in (*_FORMS, *others):
        wanted = ", ".join((".png", ".jpg", *others))
        raise ValueError(f"{argument} must end in {wanted} or .webp, got {path.name!r}")
    check_writable(path, argument)


def write_picture(path: Path, picture: Image.Image) -> None:
    """Writes a picture in the format that its name says, PNG by default; see `check_picture`."""
    import io

    buffer = io.BytesIO()
    picture.save(buffer, format=_FORMS[path.suffix.lower()])
    write_file(path, buffer.getvalue())


def write_surprise(path: Path, title: str, note: str, x: Tensor, each: Tensor, levels: int) -> str:
    """Writes an image `(C, H, W)` beside the map of its nats a value; says where."""
    from ilk.render import Panel, figure, pixels, surprise_map

    most = max(3.0, len(x) * math.log(levels))  # In colour a mere guess costs 16 nats.
    tiles = [pixels(x, levels), surprise_map(each, x, levels, most)]
    write_picture(path, figure([Panel(title, note, tiles, 2, most=most)]))
    return str(path)


def write_json(value: Any, path: Path | None = None) -> None:
    """Writes JSON to a file, or to standard output."""
    text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    if path is None:
        sys.stdout.write(text)
    else:
        write_file(path, text.encode(errors="backslashreplace"))
