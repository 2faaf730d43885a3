"""CIFAR-10: photographs of ten sorts of things, 32 x 32 RGB with 256 levels.

`cifar10` has all 10,000 test images, so figures on `test` stand beside published ones, and 12,000
of the 50,000 training images, so models trained on it do not. The last twentieth of these, in
which all classes are equally frequent, is `valid`.

Source: Krizhevsky, *Learning multiple layers of features from tiny images*, 2009.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from ilk.data.kinds import PARTS, Kinds
from ilk.data.picture import tiles
from ilk.data.store import Source, locate, open_npz, reading

__all__ = ["SETS", "load_cifar10"]

SIDE = 32
SETS = {
    "cifar10": Source(
        "32 x 32 colour photographs of ten sorts of things, a part of those to train on",
        [["cifar10_subset.npz"]],
        fetched=False,
    )
}
HELD_BACK = 0.05


def load_cifar10(part: str = "train", root: str | Path | None = None) -> Kinds:
    """CIFAR-10 as kinds, one for each class.

    Arguments:
        part: `"train"`, `"valid"`, `"train+valid"`, `"test"` or `"all"`.
        root: The folder that holds `cifar10_subset.npz`: for `train` and `test` a sheet of tiles
            as lossless WebP (`*_webp`), left to right and downwards, and their classes
            (`*_label`); and the names of these (`classes`).

    Raises:
        FileNotFoundError: If the file is not there.
        ValueError: If there is no such part or the file is damaged.
    """
    if part not in PARTS:
        raise ValueError(f"part: wanted one of {', '.join(PARTS)}, got {part!r}")
    (path,) = locate("cifar10", SETS["cifar10"], root)
    wanted = ("train", "valid", "test") if part == "all" else part.split("+")
    with reading(path):
        file = open_npz(path)
        found = [_part(file, p) for p in wanted]
        images, label = (np.concatenate(x) for x in zip(*found, strict=True))
        order = np.argsort(label, kind="stable")
        return Kinds(
            images=torch.from_numpy(images[order]),
            kind=torch.from_numpy(label[order]).long(),
            names=tuple(map(str, file["classes"])),
            levels=256,
            name=f"cifar10/{part}",
        )


def _part(file: dict[str, np.ndarray], part: str) -> tuple[np.ndarray, np.ndarray]:
    """Images and classes of a part, in the order of the file."""
    name = "test" if part == "test" else "train"
    label = file[f"{name}_label"]
    images = tiles(file[f"{name}_webp"].tobytes(), len(label), SIDE)
    kept = len(label) - round(HELD_BACK * len(label))
    chosen = {"train": slice(kept), "valid": slice(kept, None), "test": slice(None)}[part]
    return images[chosen], label[chosen]
