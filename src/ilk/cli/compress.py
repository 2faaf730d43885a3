"""`ilk compress`: pictures of a kind in few bytes, without loss."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from .common import (
    Device,
    InkShade,
    JsonFlag,
    ModelName,
    SupportPaths,
    bar,
    check_writable,
    load_model,
    note,
    parse,
    to_picture,
    write_file,
    write_json,
)
from .pictures import WHOLE, Strict, left_out, read_all, read_support

if TYPE_CHECKING:
    from torch import Tensor

    from ilk.data.files import Picture
    from ilk.models import Model

__all__ = ["compress", "main"]


def compress(
    model: Annotated[ModelName, tyro.conf.Positional],
    files: Annotated[
        tuple[Path, ...],
        tyro.conf.Positional,
        tyro.conf.arg(metavar="FILES|FOLDER", help="Pictures of the kind, or folders of these."),
    ],
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"], help="Archive to write, .ilk.")],
    support: SupportPaths = (),
    chunk: Annotated[
        int, tyro.conf.arg(help="Pictures coded together; damage to one loses them all.")
    ] = 512,
    verify: Annotated[bool, tyro.conf.arg(help="Read it again before it is written.")] = False,
    ink: InkShade = "auto",
    strict: Strict = False,
    device: Device = "cpu",
    json: JsonFlag = False,
) -> None:
    """Store pictures of a kind in few bytes; `ilk decompress` reads them.

    Pictures of the model's size and levels are coded without loss. Others are resized and redrawn
    first, and it says how many. The examples become part of the archive. The first pictures are
    examples for the rest, so that it works without `--support` too.

    Example: ilk compress omniglot scans/ --support my_drawings/ -o scans.ilk
    """
    from ilk.coding import pack, read_header, unpack

    if not files:
        raise ValueError("FILES: name at least one picture to compress, before --support")
    if chunk < 1:
        raise ValueError(f"--chunk must be at least 1, got {chunk}")
    check_writable(out, "--out")
    loaded = load_model(model, device)
    found, x, skipped = read_all(files, loaded, strict, ink)
    _check_names(found)
    names = [file.name for file in found]
    alone = "the pictures are examples for one another"
    given = read_support(support, loaded, without=alone, strict=strict, fit=WHOLE, ink=ink)
    changed = sum(not _same(file, x[i], loaded) for i, file in enumerate(found))
    if changed:
        size = " x ".join(map(str, loaded.shape)) + f" and {loaded.levels} levels"
        note(
            f"{changed} of {len(found)} pictures were converted to {size} first,"
            " and come back as that: these pixels are stored without loss, the files are not"
        )
    with bar("coding") as progress:
        archive = pack(
            loaded, x, names, given, model, chunk, lambda done, total: progress(done, total, "")
        )
    if verify and not unpack(archive, loaded).images.equal(x):
        raise RuntimeError("--verify: other pictures came out than went in; nothing was written")
    write_file(out, archive)
    header = read_header(archive)
    chunks = header.chunks
    told = chunks[0][1] if given is not None and len(given) else 0
    coded = sum(size for _, size in chunks) - told
    facts = {
        "out": str(out),
        "pictures": len(found),
        "changed": changed,
        "bytes": len(archive),
        "bytes_of_pictures": coded,
        "bytes_of_support": told,
        "in_turn": header.in_turn,
        "bits_a_picture": 8 * coded / len(found),
        "left_out": left_out(skipped),
    }
    if json:
        write_json(facts)
    else:
        print(
            f"{out}: {len(found)} pictures in {len(archive):,} bytes; {coded:,} of them, or"
            f" {facts['bits_a_picture']:.1f} bits each, are the pictures, {told:,} the examples,"
            " the rest names and header"
        )


def _same(file: Picture, x: Tensor, model: Model) -> bool:
    """Whether `ilk decompress` gives the very picture of a file."""
    from PIL import ImageChops

    from ilk.data import open_picture

    before, after = open_picture(file), to_picture(x, model.levels).convert("RGBA")
    return before.size == after.size and not (
        ImageChops.difference(before.convert("RGBA"), after).getbbox(alpha_only=False)
    )


def _check_names(files: Sequence[Picture]) -> None:
    from .decompress import file_name

    named: dict[str, list[str]] = {}
    for file in files:
        named.setdefault(file_name(file.name), []).append(str(file))
    for name, same in named.items():
        if len(same) > 1:
            some = ", ".join(same[:4])
            raise ValueError(
                f"FILES: {len(same)} pictures would come back as {name!r}; rename one: {some}"
            )


def main(arguments: Sequence[str]) -> None:
    """Runs `ilk compress`."""
    parse(compress, "compress", arguments)
