"""What the verbs share: arguments, models, support sets, output that is whole or not there."""

from __future__ import annotations

import json
import math
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import tyro

from ilk.files import TEMPORARY, write_file
from ilk.processes import first

if TYPE_CHECKING:
    import torch
    from PIL import Image
    from torch import Tensor

    from ilk.models import Model

__all__ = [
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
    "parse",
    "screen",
    "to_picture",
    "write_file",
    "write_json",
    "write_picture",
    "write_surprise",
]

T = TypeVar("T")
WIDE = 10_000

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
    """A remark to the person at the terminal, which one process makes for all."""
    if first():
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
    with Progress(
        *columns, console=screen, disable=not (screen.is_terminal and first())
    ) as progress:
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
