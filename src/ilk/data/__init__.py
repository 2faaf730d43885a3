"""Data: images grouped by kind, episodes, named data sets, folders of pictures, downloads."""

from __future__ import annotations

import warnings
from difflib import get_close_matches
from pathlib import Path

from ilk.data import cifar10, flips, mnist, omniglot, products
from ilk.data.cifar10 import load_cifar10
from ilk.data.download import (
    ARCHIVES,
    Archive,
    DownloadError,
    Progress,
    download,
    fetch,
    verify,
)
from ilk.data.drawing import read_image, read_mask, reduce_drawing, thin
from ilk.data.episodes import Batch, Episodes, draw_batch, test_episodes
from ilk.data.flips import load_flips, mirror_pairs
from ilk.data.folder import FolderReport, Skipped, part_of_folder, read_folder
from ilk.data.kinds import Kinds
from ilk.data.mnist import load_mnist
from ilk.data.omniglot import (
    TEST_ALPHABETS,
    Run,
    alphabet,
    load_omniglot,
    max_pool,
    one_shot_runs,
)
from ilk.data.page import Page, cut_apart, read_page
from ilk.data.picture import MAX_PIXELS, ImageError, open_picture, quantise, to_pixels
from ilk.data.products import load_products
from ilk.data.store import Source, cache_dir

__all__ = [
    "ARCHIVES",
    "MAX_PIXELS",
    "NAMES",
    "SETS",
    "TEST_ALPHABETS",
    "Archive",
    "Batch",
    "DownloadError",
    "Episodes",
    "FolderReport",
    "ImageError",
    "Kinds",
    "Page",
    "Progress",
    "Run",
    "Skipped",
    "Source",
    "alphabet",
    "cache_dir",
    "cut_apart",
    "download",
    "draw_batch",
    "fetch",
    "load",
    "load_cifar10",
    "load_flips",
    "load_mnist",
    "load_omniglot",
    "load_products",
    "max_pool",
    "mirror_pairs",
    "one_shot_runs",
    "open_picture",
    "part_of_folder",
    "quantise",
    "read_folder",
    "read_image",
    "read_mask",
    "read_page",
    "reduce_drawing",
    "test_episodes",
    "thin",
    "to_pixels",
    "verify",
]

SETS: dict[str, Source] = {
    **omniglot.SETS,
    **mnist.SETS,
    **cifar10.SETS,
    **flips.SETS,
    **products.SETS,
}
NAMES = tuple(SETS)


def load(
    data: str | Path,
    split: str = "30-20",
    part: str = "train",
    root: str | Path | None = None,
) -> Kinds:
    """A named data set, or any folder of folders of pictures, as kinds.

    Arguments:
        data: One of `SETS`, or a folder (`read_folder`, whose report of skipped files becomes a
            warning).
        split: For Omniglot, `"30-20"` or `"45-5"`; without meaning for other data.
        part: `"train"`, `"valid"`, `"train+valid"`, `"test"` or `"all"`. Of the training
            characters of Omniglot 5 % are `valid`.
        root: The folder that holds a named data set; by default the environment variable
            `ILK_DATA`, then the cache that `ilk data NAME` fills.

    Raises:
        FileNotFoundError: If the data set is not there; it says how to get it.
        ValueError: If a name is unknown, a file is damaged, or a folder has too few kinds.

    Example:
        >>> load("mnst")
        Traceback (most recent call last):
        ...
        ValueError: data: wanted one of omniglot-26, ... or a folder of pictures, got 'mnst'; did
        you mean 'mnist'?
    """
    name = str(data)
    if name in omniglot.SETS:
        return load_omniglot(name, split, part, root)
    if name in mnist.SETS:
        return load_mnist(name, part, root)
    if name in cifar10.SETS:
        return load_cifar10(part, root)
    if name in flips.SETS:
        return load_flips(name, part, root)
    if name in products.SETS:
        return load_products(name, part, root)
    if not Path(data).expanduser().is_dir():
        near = get_close_matches(name, NAMES, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(
            f"data: wanted one of {', '.join(NAMES)} or a folder of pictures, got {name!r}{hint}"
        )
    kinds, report = read_folder(data)
    if report.skipped:
        warnings.warn(str(report), stacklevel=2)
    return part_of_folder(kinds, part)
