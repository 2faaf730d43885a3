"""Products: photographs of one object, or of one article of a shop, are one kind.

* `grocery-32`, `grocery-64`: photographs taken by telephone in shops, 81 articles.
* `coil100-32`, `coil100-64`: objects on a turntable before black, 100 objects.
* `eth80-32`, `eth80-64`: objects of 8 sorts seen from all around, 80 objects.
* `products-32`, `products-64`: all three.

RGB with 256 levels, 64 x 64, or 32 x 32 by `area_mean`. Of the kinds of each collection a quarter
are `test`, those first in the order of `SHA-256(name)`; the twentieth part that comes next is
`valid`, the others are `train`.

Sources: Klasson et al., *A hierarchical grocery store image dataset*, 2019; Nene et al., *Columbia
object image library (COIL-100)*, 1996; Leibe and Schiele, *Analyzing appearance and contour based
methods for object categorization*, 2003. They stand in for Stanford Online Products of Reed et
al., *Few-shot autoregressive density estimation*, 2018 (arXiv 1710.10304).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from ilk.data.kinds import PARTS, Kinds, first_by_hash
from ilk.data.picture import area_mean, tiles
from ilk.data.store import Source, locate, open_npz, reading

__all__ = ["SETS", "load_products"]

COLLECTIONS = {
    "grocery": "articles of a shop, photographed by telephone",
    "coil100": "objects on a turntable",
    "eth80": "objects seen from all around",
}
SIDES = (32, 64)
_FILES = {name: f"{name}_64.npz" for name in COLLECTIONS}
SETS = {
    f"{name}-{side}": Source(f"{side} x {side} colour: {about}", [[_FILES[name]]], fetched=False)
    for name, about in COLLECTIONS.items()
    for side in SIDES
} | {
    f"products-{side}": Source(
        f"{side} x {side} colour: the three collections together",
        [list(_FILES.values())],
        fetched=False,
    )
    for side in SIDES
}
TEST, VALID = 0.25, 0.05
_TILE = 64


def load_products(
    data: str = "products-32", part: str = "train", root: str | Path | None = None
) -> Kinds:
    """Photographs of products as kinds, named `"grocery/Golden-Delicious"`, `"coil100/7"`.

    Arguments:
        data: One of `SETS`, such as `"products-32"` or `"eth80-64"`.
        part: `"train"`, `"valid"`, `"train+valid"`, `"test"` or `"all"`.
        root: The folder that holds `grocery_64.npz`, `coil100_64.npz`, `eth80_64.npz`: each a
            sheet of 64 x 64 tiles as lossless WebP (`images_webp`), left to right and downwards,
            and what is on a tile: `fine` and `fine_names`; `object`; `object`.

    Raises:
        FileNotFoundError: If a file is not there.
        ValueError: If a name is not one of the above or a file is damaged.
    """
    for argument, value, known in (("data", data, SETS), ("part", part, PARTS)):
        if value not in known:
            raise ValueError(f"{argument}: wanted one of {', '.join(known)}, got {value!r}")
    side = int(data.rpartition("-")[2])
    paths = locate(data, SETS[data], root)
    with reading(*paths):
        found = [kind for path in paths for kind in _kinds(path, part, side)]
        names, images = zip(*found, strict=True)
        count = torch.tensor([len(x) for x in images])
        return Kinds(
            images=torch.from_numpy(np.concatenate(images)),
            kind=torch.arange(len(images)).repeat_interleave(count),
            names=names,
            levels=256,
            name=f"{data}/{part}",
        )


def _kinds(path: Path, part: str, side: int) -> Iterator[tuple[str, np.ndarray]]:
    """The kinds of a part of a collection: name and images `(n, 3, side, side)`."""
    collection = path.name.partition("_")[0]
    file = open_npz(path)
    try:
        label = file["fine" if collection == "grocery" else "object"]
        names = file["fine_names"] if collection == "grocery" else [str(k) for k in range(256)]
        sheet = file["images_webp"].tobytes()
    except KeyError as error:
        raise ValueError(f"{path}: no {error} in it") from None
    with reading(path):
        found = tiles(sheet, len(label), _TILE)
    known = [int(k) for k in np.unique(label)]
    kinds = [f"{collection}/{names[k]}" for k in known]
    for i in _members(kinds, part):
        yield kinds[i], np.stack([area_mean(x, side) for x in found[label == known[i]]])


def _members(names: list[str], part: str) -> list[int]:
    """The kinds of a collection that are in a part, in their order."""
    test = first_by_hash(names, round(TEST * len(names)))
    rest = sorted(set(range(len(names))) - set(test))
    valid = first_by_hash(names, round(VALID * len(names)), rest)
    parts = {"test": test, "valid": valid, "train": sorted(set(rest) - set(valid))}
    wanted = tuple(parts) if part == "all" else part.split("+")
    return sorted(i for p in wanted for i in parts[p])
