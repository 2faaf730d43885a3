"""Products: parts without overlap, tiles in their order, damaged files named."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from ilk import data
from ilk.data import products

VIEWS, OBJECTS = 3, 12


@pytest.fixture
def root(tmp_path):
    """A collection of 12 objects in 3 views, tile number i of colour (i, 2 i, 3 i)."""
    count = VIEWS * OBJECTS
    colour = np.arange(count, dtype=np.uint8)[:, None] * np.array([1, 2, 3], dtype=np.uint8)
    tiles = np.broadcast_to(colour[:, None, None], (count, 64, 64, 3))
    sheet = tiles.reshape(6, 6, 64, 64, 3).swapaxes(1, 2).reshape(384, 384, 3)
    packed = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(sheet)).save(packed, "WEBP", lossless=True)
    np.savez(
        tmp_path / "eth80_64.npz",
        images_webp=np.frombuffer(packed.getvalue(), dtype=np.uint8),
        object=np.arange(count, dtype=np.uint8) // VIEWS,
    )
    return tmp_path


def test_parts_hold_every_kind_once(root):
    parts = {p: data.load("eth80-32", part=p, root=root) for p in ("train", "valid", "test")}
    assert [len(parts[p]) for p in parts] == [8, 1, 3]
    names = [name for kinds in parts.values() for name in kinds.names]
    every = data.load("eth80-32", part="all", root=root)
    assert sorted(names) == sorted(every.names) and len(set(names)) == OBJECTS
    assert len(data.load("eth80-32", part="train+valid", root=root)) == 9


@pytest.mark.parametrize("side", products.SIDES)
def test_a_kind_has_its_own_tiles(root, side):
    kinds = data.load(f"eth80-{side}", part="all", root=root)
    assert kinds.shape == (3, side, side) and kinds.levels == 256
    for i, name in enumerate(kinds.names):
        number = VIEWS * int(name.removeprefix("eth80/")) + torch.arange(VIEWS)
        wanted = number[:, None] * torch.tensor([1, 2, 3])
        assert torch.equal(kinds.of(i), wanted.byte()[..., None, None].expand(-1, -1, side, side))


def test_what_is_wrong_is_named(root):
    with pytest.raises(ValueError, match="data: wanted one of"):
        products.load_products("eth80-31", root=root)
    with pytest.raises(ValueError, match="part: wanted one of"):
        data.load("eth80-32", part="dev", root=root)
    with pytest.raises(FileNotFoundError, match=r"coil100_64\.npz"):
        data.load("products-32", root=root)
    whole = dict(np.load(root / "eth80_64.npz"))
    np.savez(root / "eth80_64.npz", **(whole | {"object": np.arange(40, dtype=np.uint8)}))
    with pytest.raises(ValueError, match="40 tiles, but the sheet holds 36"):
        data.load("eth80-32", root=root)
    np.savez(root / "eth80_64.npz", **(whole | {"images_webp": whole["images_webp"][:50]}))
    with pytest.raises(ValueError, match=r"eth80_64\.npz"):
        data.load("eth80-32", root=root)
    np.savez(root / "eth80_64.npz", object=whole["object"])
    with pytest.raises(ValueError, match="no 'images_webp"):
        data.load("eth80-32", root=root)
