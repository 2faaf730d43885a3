"""MNIST: both sources agree, parts are those that published figures use."""

from __future__ import annotations

import gzip
import struct

import numpy as np
import pytest

from ilk.data import load, load_mnist
from ilk.data.mnist import AMAT, IDX, read_idx


def gzipped(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)  # test names hold no clock: workers must agree on them


def idx(values: np.ndarray) -> bytes:
    header = struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape)
    return gzipped(header + values.tobytes())


@pytest.fixture
def arrays() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    labels = [np.tile(np.arange(10), 6), np.tile(np.arange(10), 2)]
    images = [rng.integers(256, size=(len(y), 28, 28)) for y in labels]
    return [a.astype(np.uint8) for pair in zip(images, labels, strict=True) for a in pair]


def test_both_sources_of_grey_mnist_agree(arrays, tmp_path):
    for name, values in zip(IDX, arrays, strict=True):
        (tmp_path / name).write_bytes(idx(values))
    a = {part: load_mnist("mnist", part, tmp_path) for part in ("train", "valid", "test", "all")}
    keys = ("train_images", "train_labels", "test_images", "test_labels")
    np.savez(tmp_path / "mnist.npz", **dict(zip(keys, arrays, strict=True)))
    b = {part: load_mnist("mnist", part, tmp_path) for part in a}
    assert {p: k.digest() for p, k in a.items()} == {p: k.digest() for p, k in b.items()}
    assert [len(k.images) for k in a.values()] == [50, 10, 20, 80]
    images, labels = arrays[0], arrays[1]
    for digit in range(10):
        wanted = images[:50][labels[:50] == digit]
        assert np.array_equal(a["train"].of(digit)[:, 0].numpy(), wanted)
    assert a["train"].names == tuple("0123456789") and a["train"].levels == 256


def test_both_sources_of_binary_mnist_agree(tmp_path):
    bits = [np.random.default_rng(i).integers(2, size=(n, 784)) for i, n in enumerate((5, 2, 3))]
    for name, values in zip(AMAT, bits, strict=True):
        (tmp_path / name).write_text("".join(" ".join(map(str, row)) + "\n" for row in values))
    a = load("mnist-binary", part="all", root=tmp_path)
    packed = [np.packbits(b.astype(np.uint8), axis=1) for b in bits]
    np.savez(
        tmp_path / "mnist_fixed_binarized.npz",
        **dict(zip(("train", "valid", "test"), packed, strict=True)),
    )
    b = load("mnist-binary", part="all", root=tmp_path)
    assert a.digest() == b.digest() and len(a) == 1 and a.levels == 2
    assert np.array_equal(a.images.numpy().reshape(-1, 784), np.concatenate(bits))
    assert len(load("mnist-binary", part="valid", root=tmp_path).images) == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"nonsense", "not a whole gzip file"),
        (gzipped(b"\0\0\x08\x01\0\0\0\x05abc"), "the header says \\(5,\\), but 3 bytes"),
        (gzipped(b"\0\0\x0d\x01\0\0\0\x05abcde"), "not an IDX file of unsigned bytes"),
        (gzipped(b"\0\0\x08\x03\0\0"), "the header says"),
        (idx(np.zeros(500, dtype=np.uint8))[:-9], "not a whole gzip file"),
    ],
)
def test_damaged_idx_files_are_named(content, message, tmp_path):
    path = tmp_path / "x-ubyte.gz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"x-ubyte.gz: {message}"):
        read_idx(path)


def test_a_damaged_text_file_is_named(tmp_path):
    for name in AMAT:
        (tmp_path / name).write_text("0 1 2\n" * 784)
    with pytest.raises(ValueError, match=r"binarized_mnist_train\.amat: wanted rows of 784"):
        load_mnist("mnist-binary", root=tmp_path)


@pytest.mark.data
def test_real_sizes(data_root):
    for data, kinds in (("mnist", 10), ("mnist-binary", 1)):
        parts = [load(data, part=part, root=data_root) for part in ("train", "valid", "test")]
        assert [len(k.images) for k in parts] == [50_000, 10_000, 10_000]
        assert {len(k) for k in parts} == {kinds}
    assert load("mnist", part="test", root=data_root).counts.tolist()[:3] == [980, 1135, 1032]
