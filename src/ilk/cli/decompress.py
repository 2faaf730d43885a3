"""`ilk decompress`: the pictures of an archive."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from .common import (
    Device,
    JsonFlag,
    bar,
    check_writable,
    load_model,
    note,
    parse,
    to_picture,
    write_file,
    write_json,
)

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["decompress", "file_name", "main"]


def decompress(
    archive: Annotated[
        Path,
        tyro.conf.Positional,
        tyro.conf.arg(metavar="ARCHIVE", help="What `ilk compress` wrote."),
    ],
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"], help="Folder for the pictures.")],
    model: Annotated[
        str, tyro.conf.arg(help="The model; by default the one that the archive names.")
    ] = "",
    support: Annotated[bool, tyro.conf.arg(help="Write the examples too, to support/.")] = False,
    partial: Annotated[
        bool, tyro.conf.arg(help="Read the intact part of a damaged archive.")
    ] = False,
    elsewhere: Annotated[
        bool,
        tyro.conf.arg(
            help="Try although it was made on another platform; changed pictures are refused."
        ),
    ] = False,
    overwrite: Annotated[bool, tyro.conf.arg(help="Replace pictures that are there.")] = False,
    device: Device = "cpu",
    json: JsonFlag = False,
) -> int:
    """Write the pictures of an archive, as PNG under their own names.

    With `--partial` the exit code is 1 if none could be read.

    Example: ilk decompress scans.ilk -o scans/
    """
    from ilk.coding import read_header, unpack

    content = archive.read_bytes()
    with _of(archive):
        header = read_header(content)
    targets = {name: out / file_name(name) for name in header.names}
    there = [path for path in targets.values() if path.exists()]
    if there and not overwrite:
        raise FileExistsError(f"--out: {there[0]} is there; choose another folder or --overwrite")
    check_writable(out / "picture", "--out")
    loaded = load_model(_model(model, header.model), device)
    with _of(archive), bar("decoding") as progress:
        read = unpack(
            content, loaded, partial, elsewhere, lambda done, total: progress(done, total, "")
        )
    for why in read.lost:
        note(f"warning: {why}")
    for name, x in zip(read.names, read.images, strict=True):
        _write(targets[name], x, loaded.levels)
    if support and read.support is not None and len(read.support):
        (out / "support").mkdir(exist_ok=True)
        for i, x in enumerate(read.support):
            _write(out / "support" / f"{i}.png", x, loaded.levels)
    if json:
        write_json({"out": str(out), "names": list(read.names), "lost": list(read.lost)})
    else:
        print(f"{out}: {len(read.names)} of {len(header.names)} pictures")
    return int(not read.names)


@contextmanager
def _of(archive: Path) -> Iterator[None]:
    """Errors of an archive name its file."""
    from ilk.coding import CodingError

    try:
        yield
    except CodingError as error:
        raise CodingError(f"{archive}: {str(error).removeprefix('archive: ')}") from error


def file_name(name: str) -> str:
    """The name under which a picture comes back, with `.png` at its end.

    Raises:
        ValueError: If it is no plain name: an archive writes nowhere but into its folder.

    Example:
        >>> file_name("heron.png"), file_name("heron.jpg")
        ('heron.png', 'heron.jpg.png')
    """
    if not name.strip(". ") or any(c in "/\\:" or not c.isprintable() for c in name):
        raise ValueError(f"archive: {name!r} is no name for a picture")
    return name if name.lower().endswith(".png") else f"{name}.png"


def _model(given: str, named: str) -> str:
    """The model to use.

    Raises:
        ValueError: If nobody names one.
    """
    if not given and not named:
        raise ValueError("--model: the archive names no model; name the one that it was made with")
    return given or named


def _write(path: Path, x: Tensor, levels: int) -> None:
    buffer = io.BytesIO()
    to_picture(x, levels).save(buffer, format="PNG")
    write_file(path, buffer.getvalue())


def main(arguments: Sequence[str]) -> int:
    """Runs `ilk decompress`."""
    return parse(decompress, "decompress", arguments)
