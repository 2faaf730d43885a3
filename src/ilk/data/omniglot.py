"""Omniglot, reduced and split in the ways that published figures use.

* `omniglot-26`: 105 x 105 to 26 x 26 by 4 x 4 maximum pooling, stride 4, no padding (the last row
  and column fall away), binary, 1 is ink.
* `omniglot-28`: the binary 28 x 28 rendering of Bartunov and Vetrov, Few-shot Generative Modelling
  with Generative Matching Networks, 2018, turned round so that 1 is ink.

Splits: `30-20` trains on the 30 background alphabets and tests on the 20 evaluation alphabets
(964 and 659 characters); `45-5` tests on `TEST_ALPHABETS` alone (1,479 and 144 characters). Of the
training characters 5 % are held back as `valid`: those first in the order of `SHA-256(name)`.

Source: Lake, Salakhutdinov and Tenenbaum, Human-level concept learning through probabilistic
program induction, Science, 2015.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ilk.data.kinds import PARTS, Kinds, first_by_hash
from ilk.data.store import Source, locate, open_npz, open_zip, reading

__all__ = [
    "PARTS",
    "SETS",
    "SPLITS",
    "TEST_ALPHABETS",
    "Run",
    "alphabet",
    "load_omniglot",
    "max_pool",
    "one_shot_runs",
]

SPLITS = ("30-20", "45-5")
TEST_ALPHABETS = ("Sylheti", "Syriac_(Serto)", "Tengwar", "Tibetan", "ULOG")
SETS = {
    "omniglot-26": Source(
        "26 x 26 binary characters, 4 x 4 maximum pooling",
        [["omniglot.npz"], ["images_background.zip", "images_evaluation.zip"]],
    ),
    "omniglot-28": Source(
        "28 x 28 binary characters, the rendering of generative matching networks",
        [["omniglot_28_gmn.npz"], ["train_small.npz", "test_small.npz"]],
    ),
}
RUNS = Source(
    "20 runs of one-shot classification", [["omniglot_one_shot_runs.zip"], ["all_runs.zip"]]
)
HELD_BACK = 0.05
SIDE = 105


class Run(NamedTuple):
    """One of the 20 official one-shot classification runs, all within one alphabet.

    `train` and `test` are uint8 `(20, 1, 26, 26)`, an image of each class and another one, of an
    unknown class, by another drawer; `label`, int64 `(20,)`, is the class of each test image.
    """

    train: Tensor
    test: Tensor
    label: Tensor


class _Drawings(NamedTuple):
    images: np.ndarray  # (N, H, W), 1 is ink, in the order of kind
    kind: np.ndarray  # (N,)
    names: list[str]
    evaluation: np.ndarray  # (number of kinds,) bool


def max_pool(x: np.ndarray) -> np.ndarray:
    """Maximum over 4 x 4 blocks, stride 4, no padding: `(..., H, W)` to `(..., H//4, W//4)`.

    Arguments:
        x: Binary images of 0 and 1, uint8 or bool.

    Example:
        >>> x = np.zeros((105, 105), dtype=np.uint8)
        >>> x[7, 103] = x[104, 0] = 1
        >>> np.argwhere(max_pool(x)).tolist()
        [[1, 25]]
    """
    *batch, height, width = x.shape
    rows = x[..., : height // 4 * 4, : width // 4 * 4].reshape(*batch, height // 4, 4, -1)
    rows = rows[..., 0, :] | rows[..., 1, :] | rows[..., 2, :] | rows[..., 3, :]
    # Four pixels of a row are one 32-bit word, which is not zero where any of them is ink.
    words = np.ascontiguousarray(rows).view(np.uint8).view(np.uint32)
    return (words != 0).view(np.uint8)


def alphabet(name: str) -> str:
    """The alphabet of a kind, from its name.

    Example:
        >>> alphabet("N_Ko/character07@90")
        'N_Ko'
    """
    return name.partition("/")[0]


def load_omniglot(
    data: str = "omniglot-26",
    split: str = "30-20",
    part: str = "train",
    root: str | Path | None = None,
) -> Kinds:
    """Omniglot as kinds named `Alphabet/characterNN`, 20 binary images each, 1 is ink.

    Arguments:
        data: `"omniglot-26"` or `"omniglot-28"`.
        split: `"30-20"` or `"45-5"`.
        part: `"train"`, `"valid"`, `"train+valid"`, `"test"` or `"all"`.
        root: The folder that holds `omniglot.npz`, or `images_background.zip` and
            `images_evaluation.zip`; for `omniglot-28` `omniglot_28_gmn.npz`, or `train_small.npz`
            and `test_small.npz`.

    Raises:
        FileNotFoundError: If the files are not there; it says how to get them.
        ValueError: If a name is not one of the above or a file is damaged.
    """
    readers = {"omniglot-26": _read_26, "omniglot-28": _read_28}
    for argument, value, known in (
        ("data", data, tuple(readers)),
        ("split", split, SPLITS),
        ("part", part, PARTS),
    ):
        if value not in known:
            raise ValueError(f"{argument}: wanted one of {', '.join(known)}, got {value!r}")
    paths = locate(data, SETS[data], root)
    with reading(*paths):
        drawings = readers[data](paths)
        kinds = Kinds(
            images=torch.from_numpy(drawings.images[:, None]),
            kind=torch.from_numpy(drawings.kind),
            names=tuple(drawings.names),
            levels=2,
            name=f"{data}/{split}/{part}",
        )
        if part == "all":
            return kinds
        return kinds.subset(_members(drawings.names, drawings.evaluation, split, part))


def one_shot_runs(root: str | Path | None = None) -> list[Run]:
    """The 20 official runs of 20-way one-shot classification within one alphabet, at 26 x 26.

    Arguments:
        root: The folder that holds `omniglot_one_shot_runs.zip` or, as its source names it,
            `all_runs.zip`.

    Raises:
        FileNotFoundError: If the file is not there.
        ValueError: If it is damaged.
    """
    (path,) = locate("omniglot", RUNS, root)
    with reading(path), open_zip(path) as archive:
        folders = sorted({n.split("/")[0] for n in archive.namelist() if n.startswith("run")})
        return [_read_run(archive, folder) for folder in folders]


def _members(names: list[str], evaluation: np.ndarray, split: str, part: str) -> list[int]:
    """The kinds of one part of a split, in their order."""
    if split == "45-5":
        evaluation = np.array([alphabet(name) in TEST_ALPHABETS for name in names])
    if part == "test":
        return np.flatnonzero(evaluation).tolist()
    train = np.flatnonzero(~evaluation).tolist()
    if part == "train+valid":
        return train
    held_back = set(first_by_hash(names, round(HELD_BACK * len(train)), among=train))
    return [k for k in train if (k in held_back) == (part == "valid")]


def _read_26(paths: list[Path]) -> _Drawings:
    if len(paths) == 1:
        return _read_packed(paths[0])
    parts = [list(_read_archive(path)) for path in paths]
    counts = [len(images) for part in parts for _, images in part]
    return _Drawings(
        images=np.concatenate([images for part in parts for _, images in part]),
        kind=np.arange(len(counts)).repeat(counts),
        names=[name for part in parts for name, _ in part],
        evaluation=np.arange(len(counts)) >= len(parts[0]),
    )


def _read_packed(path: Path) -> _Drawings:
    """`omniglot.npz`: 1-bit drawings, 1 is ink, sorted by part, alphabet, character and drawer."""
    arrays = open_npz(path, "images", "character", "split", "character_names")
    packed, kind = arrays["images"], arrays["character"].astype(np.int64)
    evaluation = np.zeros(len(arrays["character_names"]), dtype=bool)
    evaluation[kind] = arrays["split"] == 1
    images = [
        max_pool(np.unpackbits(block, axis=1, count=SIDE * SIDE).reshape(-1, SIDE, SIDE))
        for block in np.array_split(packed, max(1, len(packed) // 500))
    ]
    names = [str(name) for name in arrays["character_names"]]
    return _Drawings(np.concatenate(images), kind, names, evaluation)


def _read_archive(path: Path) -> Iterator[tuple[str, np.ndarray]]:
    """An official archive, kind by kind: `.../Alphabet/characterNN/NNNN_DD.png`, 0 is ink."""
    with reading(path), open_zip(path) as archive:
        files: dict[tuple[str, str], list[str]] = {}
        for name in archive.namelist():
            parts = PurePosixPath(name).parts
            hidden = any(p.startswith((".", "__")) for p in parts)
            if len(parts) >= 3 and name.endswith(".png") and not hidden:
                files.setdefault((parts[-3], parts[-2]), []).append(name)
        if not files:
            raise ValueError(f"{path}: no Alphabet/character/*.png inside")
        for character in sorted(files):
            drawings = np.stack([_read_png(archive, n) for n in sorted(files[character])])
            yield "/".join(character), max_pool(drawings)


def _read_28(paths: list[Path]) -> _Drawings:
    if len(paths) == 1:
        arrays = open_npz(paths[0], "images", "character_names", "split")
        images = np.unpackbits(arrays["images"], axis=2, count=28 * 28)
        names = [str(name) for name in arrays["character_names"]]
        evaluation = arrays["split"] == 1
    else:
        parts = [open_npz(path) for path in paths]
        keys = [(part, key) for part in parts for key in sorted(part)]
        # Ink is 0 there, paper 255; a key is images_background/Alphabet/characterNN.
        images = np.stack([(part[key] == 0).astype(np.uint8) for part, key in keys])
        names = [key.partition("/")[2] for _, key in keys]
        evaluation = np.arange(len(keys)) >= len(parts[0])
    kind = np.arange(len(names)).repeat(images.shape[1])
    return _Drawings(images.reshape(-1, 28, 28), kind, names, evaluation)


def _read_run(archive: zipfile.ZipFile, folder: str) -> Run:
    lines = archive.read(f"{folder}/class_labels.txt").decode().split("\n")
    pairs = [line.split() for line in lines if line.strip()]
    train = sorted({answer for _, answer in pairs})
    test = [item for item, _ in pairs]
    pool = [
        torch.from_numpy(max_pool(np.stack([_read_png(archive, n) for n in names]))[:, None])
        for names in (train, test)
    ]
    label = torch.tensor([train.index(answer) for _, answer in pairs])
    return Run(pool[0], pool[1], label)


def _read_png(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """A drawing as bool `(105, 105)`, true is ink."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(archive.read(name)), formats=["PNG"]) as image:
            size, pixels = image.size, None
            if size == (SIDE, SIDE):
                pixels = np.asarray(image.convert("L")) < 128
    except (UnidentifiedImageError, OSError, zipfile.BadZipFile, SyntaxError) as error:
        raise ValueError(f"{archive.filename}: {name} is not a readable PNG ({error})") from error
    if pixels is None:
        raise ValueError(
            f"{archive.filename}: {name} is {size[0]} x {size[1]}, wanted {SIDE} x {SIDE}"
        )
    return pixels
