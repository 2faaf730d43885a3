"""CIFAR-10: every image once, under its class; damage is named."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from ilk import data

CLASSES = ("boat", "bird")


def sheet(count: int) -> np.ndarray:
    """Tile number i is of colour (i, 2 i, 3 i); four tiles a row."""
    colour = np.arange(count, dtype=np.uint8)[:, None] * np.array([1, 2, 3], dtype=np.uint8)
    tiles = np.broadcast_to(colour[:, None, None], (count, 32, 32, 3)).reshape(-1, 4, 32, 32, 3)
    pixels = np.ascontiguousarray(tiles.swapaxes(1, 2).reshape(-1, 128, 3))
    packed = io.BytesIO()
    Image.fromarray(pixels).save(packed, "WEBP", lossless=True)
    return np.frombuffer(packed.getvalue(), dtype=np.uint8)


@pytest.fixture
def root(tmp_path):
    np.savez(
        tmp_path / "cifar10_subset.npz",
        train_webp=sheet(40),
        train_label=np.arange(40, dtype=np.uint8) % 2,
        test_webp=sheet(8),
        test_label=np.arange(8, dtype=np.uint8) // 4,
        classes=np.array(CLASSES),
    )
    return tmp_path


def test_parts_hold_every_image_once_under_its_class(root):
    kinds = {p: data.load("cifar10", part=p, root=root) for p in ("train", "valid", "test")}
    assert {p: len(k.images) for p, k in kinds.items()} == {"train": 38, "valid": 2, "test": 8}
    assert all(k.names == CLASSES and k.levels == 256 for k in kinds.values())
    number = {p: k.images[:, 0, 0, 0] for p, k in kinds.items()}
    assert sorted(torch.cat([number["train"], number["valid"]]).tolist()) == list(range(40))
    assert torch.equal(number["train"] % 2, kinds["train"].kind)
    assert torch.equal(number["test"] // 4, kinds["test"].kind)
    for k in kinds.values():
        wanted = k.images[:, :1, :1, :1].long() * torch.tensor([1, 2, 3])[:, None, None]
        assert torch.equal(k.images.long(), wanted.expand_as(k.images))
    every = data.load("cifar10", part="all", root=root)
    assert (
        len(every.images) == 48
        and len(data.load("cifar10", part="train+valid", root=root).images) == 40
    )


def test_what_is_wrong_is_named(root):
    with pytest.raises(ValueError, match="part: wanted one of"):
        data.load("cifar10", part="dev", root=root)
    with pytest.raises(FileNotFoundError, match=r"cifar10_subset\.npz"):
        data.load("cifar10", root=root / "nowhere")
    path = root / "cifar10_subset.npz"
    file = dict(np.load(path))
    np.savez(path, **{**file, "test_label": np.zeros(9, dtype=np.uint8)})
    with pytest.raises(ValueError, match=r"cifar10_subset\.npz: .*9 tiles, but the sheet holds 8"):
        data.load("cifar10", part="test", root=root)


@pytest.mark.data
def test_channel_means_are_those_of_the_set():
    """Of 12,000 of the 50,000 images whose means are known."""
    x = data.load("cifar10", part="train+valid").images.double().mean(dim=(0, 2, 3))
    torch.testing.assert_close(
        x, torch.tensor([125.307, 122.950, 113.865]).double(), atol=1.5, rtol=0
    )
