"""Image inversion: one image is shown, its mirror image is wanted.

* `flips-24`, `flips-32`, `flips-48`: photographs of Tiny-ImageNet, 64 x 64 RGB with 256 levels,
  reduced by `area_mean` to the side in the name. A kind is a photograph and its mirror image, left
  and right exchanged: an episode of one shot and one query is the task, either way round.

The training photographs are `train`, but for 5 % which are `valid`: those first in the order of
`SHA-256(file name)`. The validation photographs are `test`.

The photographs are distributed as JPEG files: they are easier than clean ones, and figures on them
can't be put beside published ones on ImageNet.

Source: Reed et al., *Few-shot autoregressive density estimation*, 2018 (arXiv 1710.10304), whose
images are 48 x 48.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ilk.data.kinds import PARTS, Kinds, first_by_hash
from ilk.data.picture import area_mean, flatten, open_picture
from ilk.data.store import Source, locate, open_npz, reading

__all__ = ["SETS", "load_flips", "mirror_pairs"]

SIDES = (24, 32, 48)
SETS = {
    f"flips-{side}": Source(
        f"{side} x {side} colour photographs, each with its mirror image",
        [["tiny_imagenet_64_subset.npz"]],
        fetched=False,
    )
    for side in SIDES
}
HELD_BACK = 0.05


def mirror_pairs(
    images: Tensor, names: Sequence[str], levels: int = 256, name: str = "flips"
) -> Kinds:
    """Kinds of two: an image and its mirror image, left and right exchanged.

    Arguments:
        images: Pixels, uint8 `(N, C, H, W)`.
        names: A name for each image.
        levels: The number of values that a pixel can take.
        name: What the images are.

    Raises:
        ValueError: If `Kinds` does not take these.

    Example:
        >>> slope = torch.tensor([[[[1, 2, 3]]]], dtype=torch.uint8)
        >>> mirror_pairs(slope, ["slope"]).of(0).tolist()
        [[[[1, 2, 3]]], [[[3, 2, 1]]]]
    """
    pairs = torch.stack([images, images.flip(-1)], dim=1).flatten(0, 1)
    kind = torch.arange(len(images)).repeat_interleave(2)
    return Kinds(pairs, kind, tuple(names), levels, name)


def load_flips(
    data: str = "flips-24", part: str = "train", root: str | Path | None = None
) -> Kinds:
    """Photographs with their mirror images as kinds, named by their files.

    Only the photographs of the part are decoded.

    Arguments:
        data: `"flips-24"`, `"flips-32"` or `"flips-48"`.
        part: `"train"`, `"valid"`, `"train+valid"`, `"test"` or `"all"`.
        root: The folder that holds `tiny_imagenet_64_subset.npz`: for `train` and `val` the JPEG
            files end to end (`*_jpeg`), where each begins and the last ends (`*_offset`), and
            their names (`*_name`).

    Raises:
        FileNotFoundError: If the file is not there.
        ValueError: If a name is not one of the above or the file is damaged.
    """
    for argument, value, known in (("data", data, SETS), ("part", part, PARTS)):
        if value not in known:
            raise ValueError(f"{argument}: wanted one of {', '.join(known)}, got {value!r}")
    (path,) = locate(data, SETS[data], root)
    side = int(data.removeprefix("flips-"))
    with reading(path):
        found = [_read(path, file, part, side) for file in ("train", "val")]
        return mirror_pairs(
            images=torch.from_numpy(np.concatenate([images for images, _ in found])),
            names=[name for _, names in found for name in names],
            name=f"{data}/{part}",
        )


def _read(path: Path, file: str, part: str, side: int) -> tuple[np.ndarray, list[str]]:
    """What a part wants of `train` or `val`: images `(n, 3, side, side)` and their names."""
    keys = [f"{file}_{key}" for key in ("jpeg", "offset", "name")]
    content, offset, name = open_npz(path, *keys).values()
    names = [str(n) for n in name]
    if len(offset) != len(names) + 1 or (len(names) and offset[-1] != len(content)):
        raise ValueError(f"{path}: {file}_offset does not fit {file}_name and {file}_jpeg")
    images = np.zeros((0, 3, side, side), dtype=np.uint8)
    wanted = _members(names, file, part)
    if wanted:
        files = [content[offset[i] : offset[i + 1]].tobytes() for i in wanted]
        images = np.stack(
            [
                _decode(jpeg, f"{path}: {names[i]}", side)
                for i, jpeg in zip(wanted, files, strict=True)
            ]
        )
    return images, [names[i] for i in wanted]


def _members(names: list[str], file: str, part: str) -> list[int]:
    """The photographs of `train` or `val` that are in a part, in their order."""
    if file == "val":
        return list(range(len(names))) if part in ("test", "all") else []
    held_back = set(first_by_hash(names, round(HELD_BACK * len(names))))
    parts = ("train", "valid") if part == "all" else part.split("+")
    return [i for i in range(len(names)) if ("valid" if i in held_back else "train") in parts]


def _decode(jpeg: bytes, what: str, side: int) -> np.ndarray:
    try:
        pixels = np.asarray(flatten(open_picture(jpeg), colour=True))
        return area_mean(pixels.transpose(2, 0, 1), side)
    except ValueError as error:
        raise ValueError(f"{what}: {error}") from error
