"""Kinds: validation, subsets, rotations and digests."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ilk.data import Kinds


def make(counts=(3, 1, 2), side=4, levels=7, name="toy") -> Kinds:
    n = sum(counts)
    images = torch.from_numpy(
        np.random.default_rng(0).integers(levels, size=(n, 2, side, side)).astype(np.uint8)
    )
    kind = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    return Kinds(images, kind, tuple(f"k{i}" for i in range(len(counts))), levels, name)


def test_of_returns_exactly_the_images_of_a_kind():
    kinds = make()
    assert len(kinds) == 3 and kinds.shape == (2, 4, 4)
    for k in range(3):
        assert torch.equal(kinds.of(k), kinds.images[kinds.kind == k])
    with pytest.raises(IndexError, match="kind: wanted 0 to 2, got 3"):
        kinds.of(3)


def test_subset_keeps_the_order_given_and_numbers_anew():
    kinds = make()
    some = kinds.subset([2, 0])
    assert some.names == ("k2", "k0") and some.kind.tolist() == [0, 0, 1, 1, 1]
    assert torch.equal(some.of(0), kinds.of(2)) and torch.equal(some.of(1), kinds.of(0))
    assert len(kinds.subset([])) == 0


def test_rotated_kinds_are_turned_images_under_names_of_their_own():
    kinds = make()
    turned = kinds.rotated()
    assert len(turned) == 12 and len(set(turned.names)) == 12
    for k in range(3):
        for r in range(4):
            expected = np.rot90(kinds.of(k).numpy(), r, axes=(2, 3))
            assert np.array_equal(turned.of(r * 3 + k).numpy(), expected)
    assert turned.names[0] == "k0" and turned.names[3 * 3 + 1] == "k1@270"
    with pytest.raises(ValueError, match="square"):
        Kinds(
            torch.zeros(1, 1, 2, 3, dtype=torch.uint8), torch.tensor([0]), ("a",), 2, "x"
        ).rotated()


def test_mirrored_kinds_are_flipped_images_under_names_of_their_own():
    kinds = make()
    both = kinds.mirrored()
    assert len(both) == 6 and both.names[3:] == ("k0@mirror", "k1@mirror", "k2@mirror")
    for k in range(3):
        assert torch.equal(both.of(k), kinds.of(k))
        assert torch.equal(both.of(3 + k), kinds.of(k).flip(-1))
    assert len(both.rotated().images.unique(dim=0)) == 8 * len(kinds.images)


def test_digest_is_fixed_and_sees_pixels_kinds_names_and_levels():
    kinds = make()
    assert kinds.digest() == "32ceb95d2441c77c1cd6d0502cd7e911a12d8f61d94f2b85eb204e42f2099a0a"
    assert make(name="other").digest() == kinds.digest()
    pixels = kinds.images.clone()
    pixels[5, 1, 3, 3] = (pixels[5, 1, 3, 3] + 1) % 7
    others = [
        Kinds(pixels, kinds.kind, kinds.names, 7, "toy"),
        Kinds(kinds.images, torch.tensor([0, 0, 1, 1, 2, 2]), kinds.names, 7, "toy"),
        Kinds(kinds.images, kinds.kind, ("k0", "k1", "kx"), 7, "toy"),
        Kinds(kinds.images, kinds.kind, kinds.names, 8, "toy"),
    ]
    assert len({k.digest() for k in [kinds, *others]}) == 5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": torch.zeros(6, 2, 4, 4)}, "images: wanted uint8"),
        ({"images": torch.zeros(6, 4, 4, dtype=torch.uint8)}, "images: wanted uint8"),
        ({"images": torch.full((6, 1, 2, 2), 7, dtype=torch.uint8)}, "0 to 6, got 7"),
        ({"kind": torch.zeros(5, dtype=torch.int64)}, "kind: wanted int64"),
        ({"kind": torch.tensor([0, 0, 1, 1, 2, 1])}, "ascending"),
        ({"kind": torch.tensor([0, 0, 0, 0, 2, 2])}, "none left out"),
        ({"kind": torch.tensor([0, 0, 1, 1, 2, 3])}, "kind: wanted 0 to 2"),
        ({"levels": 257}, "levels: wanted 2 to 256"),
    ],
)
def test_bad_arguments_are_named(change, message):
    kinds = make()
    arguments = {
        "images": kinds.images,
        "kind": kinds.kind,
        "names": kinds.names,
        "levels": kinds.levels,
        "name": kinds.name,
    }
    with pytest.raises(ValueError, match=message):
        Kinds(**(arguments | change))
