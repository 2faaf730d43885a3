"""MNIST, grey and binarised once for all, split 50,000 / 10,000 / 10,000.

* `mnist`: 28 x 28, 256 levels, kinds are digits. `valid` is the last 10,000 training images.
* `mnist-binary`: the fixed binarisation of Larochelle and Murray, The Neural Autoregressive
  Distribution Estimator, 2011. It has no labels: one kind.
"""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np
import torch

from ilk.data.kinds import PARTS, Kinds
from ilk.data.store import Source, locate, open_npz, reading

__all__ = ["PARTS", "SETS", "load_mnist"]

SIDE = 28
MOST_BYTES = 1 << 28
VALID = 10_000
IDX = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)
AMAT = ("binarized_mnist_train.amat", "binarized_mnist_valid.amat", "binarized_mnist_test.amat")
SETS = {
    "mnist": Source("28 x 28 grey digits", [["mnist.npz"], IDX]),
    "mnist-binary": Source(
        "28 x 28 binary digits, the fixed binarisation", [["mnist_fixed_binarized.npz"], AMAT]
    ),
}


def load_mnist(data: str = "mnist", part: str = "train", root: str | Path | None = None) -> Kinds:
    """MNIST as kinds.

    Arguments:
        data: `"mnist"` or `"mnist-binary"`.
        part: `"train"`, `"valid"`, `"train+valid"`, `"test"` or `"all"`.
        root: The folder that holds `mnist.npz` or the four official `*-ubyte.gz` files; for
            `mnist-binary` `mnist_fixed_binarized.npz` or the three `binarized_mnist_*.amat` files.

    Raises:
        FileNotFoundError: If the files are not there; it says how to get them.
        ValueError: If a name is not one of the above or a file is damaged.
    """
    if part not in PARTS:
        raise ValueError(f"part: wanted one of {', '.join(PARTS)}, got {part!r}")
    if data not in SETS:
        raise ValueError(f"data: wanted mnist or mnist-binary, got {data!r}")
    paths = locate(data, SETS[data], root)
    with reading(*paths):
        if data == "mnist":
            parts, levels, names = _read_grey(paths), 256, tuple("0123456789")
        else:
            parts, levels, names = _read_binary(paths), 2, ("digit",)
        wanted = parts if part == "all" else part.split("+")
        images = np.concatenate([parts[p][0] for p in wanted])
        labels = np.concatenate([parts[p][1] for p in wanted])
        order = np.argsort(labels, kind="stable")
        present = np.unique(labels)
        return Kinds(
            images=torch.from_numpy(images[order][:, None]),
            kind=torch.from_numpy(np.searchsorted(present, labels[order])),
            names=tuple(names[label] for label in present),
            levels=levels,
            name=f"{data}/{part}",
        )


_Parts = dict[str, tuple[np.ndarray, np.ndarray]]


def _read_grey(paths: list[Path]) -> _Parts:
    if len(paths) == 1:
        keys = ("train_images", "train_labels", "test_images", "test_labels")
        arrays = open_npz(paths[0], *keys)
        train, label, test, test_label = (arrays[key] for key in keys)
    else:
        train, label, test, test_label = (read_idx(path) for path in paths)
    # A miniature set keeps the proportion.
    held_back = min(VALID, len(train) // 6)
    cut = len(train) - held_back
    return {
        "train": (train[:cut], label[:cut]),
        "valid": (train[cut:], label[cut:]),
        "test": (test, test_label),
    }


def _read_binary(paths: list[Path]) -> _Parts:
    keys = ("train", "valid", "test")
    if len(paths) == 1:
        packed = open_npz(paths[0], *keys)
        arrays = [np.unpackbits(packed[k], axis=1, count=SIDE * SIDE) for k in keys]
    else:
        arrays = [_read_amat(path) for path in paths]
    return {
        key: (x.reshape(-1, SIDE, SIDE), np.zeros(len(x), dtype=np.int64))
        for key, x in zip(keys, arrays, strict=True)
    }


def read_idx(path: Path) -> np.ndarray:
    """A gzipped IDX file of unsigned bytes, in the shape that its header states.

    Raises:
        ValueError: If it is not one, or is cut short.
    """
    try:
        with gzip.open(path) as file:
            content = file.read(MOST_BYTES)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{path}: not a whole gzip file ({error})") from error
    if content[:3] != b"\0\0\x08" or len(content) < 4:
        raise ValueError(f"{path}: not an IDX file of unsigned bytes")
    start = 4 + 4 * content[3]
    header = content[4:start].ljust(start - 4, b"\0")
    shape = tuple(np.frombuffer(header, dtype=">u4").tolist())
    values = np.frombuffer(content[start:], dtype=np.uint8)
    if len(content) < start or values.size != np.prod(shape):
        raise ValueError(f"{path}: the header says {shape}, but {values.size} bytes follow")
    return values.reshape(shape)


def _read_amat(path: Path) -> np.ndarray:
    """Rows of 784 zeros and ones as text, a character between them."""
    text = np.frombuffer(path.read_bytes().replace(b"\r\n", b"\n"), dtype=np.uint8)
    if text.size % (2 * SIDE * SIDE) or not np.isin(text[::2], (48, 49)).all():
        raise ValueError(f"{path}: wanted rows of {SIDE * SIDE} times 0 or 1 with a space between")
    return (text[::2] - np.uint8(48)).reshape(-1, SIDE * SIDE)
