"""Reads of a memory of patches, and the encoders that make it."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from ilk.models import AttentionPixelCNN
from ilk.nn import (
    AdditiveRead,
    DotProductRead,
    SupportPatches,
    SupportSummary,
    SupportTrunk,
    positions,
)
from ilk.nn.attention import landmarked

pytestmark = pytest.mark.usefixtures("float64")
READS = {
    "additive": lambda: AdditiveRead(8, chunk=3),
    "one head": lambda: DotProductRead(8),
    "four heads": lambda: DotProductRead(8, heads=4),
}


@pytest.fixture(params=READS)
def read(request: pytest.FixtureRequest) -> AdditiveRead | DotProductRead:
    return READS[request.param]()


def memory() -> tuple[torch.Tensor, ...]:
    mask = torch.ones(2, 6, dtype=torch.bool)
    mask[1, 3:] = False
    return torch.randn(2, 7, 8), torch.randn(2, 6, 8), torch.randn(2, 6, 8), mask


def test_weights_are_a_distribution_over_what_is_there(read) -> None:
    query, key, _, mask = memory()
    weights = read.weights(query, key, mask)
    assert torch.allclose(weights.sum(-1), torch.ones(weights.shape[:-1]))
    assert (weights[1, ..., 3:] == 0).all() and (weights[0] > 0).all()


def test_a_read_is_the_weighted_mean_of_values(read) -> None:
    query, key, value, mask = memory()
    weights = read.weights(query, key, mask)
    values = value.unflatten(-1, (weights.shape[1], -1)).transpose(1, 2)
    assert torch.allclose(
        read(query, key, value, mask), (weights @ values).transpose(1, 2).flatten(2)
    )


def test_what_is_masked_does_not_matter(read) -> None:
    query, key, value, mask = memory()
    before = read(query, key, value, mask)
    key[1, 3:], value[1, 3:] = 100.0, -100.0
    assert torch.allclose(read(query, key, value, mask), before)


def test_additive_by_hand_and_in_chunks() -> None:
    query, key, value, mask = memory()
    read = AdditiveRead(8, chunk=2)
    w = read.score.weight[0].detach()
    scores = [sum(w * torch.tanh(query[0, 0] + key[0, j])) for j in range(6)]
    total = sum(math.exp(s) for s in scores)
    wanted = sum(math.exp(s) / total * value[0, j] for j, s in enumerate(scores))
    assert torch.allclose(read(query, key, value, mask)[0, 0], wanted)
    whole = AdditiveRead(8, chunk=100)
    whole.load_state_dict(read.state_dict())
    assert torch.allclose(whole(query, key, value, mask), read(query, key, value, mask))


def test_heads_must_divide() -> None:
    with pytest.raises(ValueError, match="heads=3, features=8"):
        DotProductRead(8, heads=3)


def test_a_summary_is_of_the_set() -> None:
    trunk, summary = SupportTrunk(1, 2, 6), SupportSummary((2, 2), 6, 5)
    support = torch.randint(2, (3, 4, 1, 8, 8))
    mask = torch.arange(4) < torch.tensor([[4], [2], [0]])
    features = trunk(support)
    f = summary(features, mask)
    turned = summary(features[:, [1, 0, 3, 2]], mask)
    assert torch.allclose(turned[:2], f[:2]) and torch.allclose(turned[2], f[2])
    assert torch.allclose(summary(features[1:2, :2], torch.ones(1, 2, dtype=torch.bool)), f[1:2])
    # Two of the same are not one: the count is part of the summary.
    one, two = (features[:1, :1].expand(-1, k, -1, -1, -1) for k in (1, 2))
    counted = [summary(x, torch.ones(x.shape[:2], dtype=torch.bool)) for x in (one, two)]
    assert not torch.allclose(*counted)


@pytest.mark.parametrize("size", [1.0, 1e6])
def test_norms_keep_what_is_told_in_bounds(size: float) -> None:
    trunk, summary = SupportTrunk(1, 2, 6, norm=True), SupportSummary((2, 2), 6, 5, norm=True)
    with torch.no_grad():
        for parameter in (*trunk.parameters(), *summary.parameters()):
            parameter.mul_(size)
    features = trunk(torch.randint(2, (3, 4, 1, 8, 8)))
    told = summary(features, torch.ones(3, 4, dtype=torch.bool))
    for x, dim in ((features, 2), (told, 1)):
        assert x.isfinite().all()
        assert x.square().mean(dim).max() <= 1 + 1e-5
    assert told.square().mean(1).min() > 0.5
    assert not torch.allclose(told[0], told[1])  # sets can still be told apart
    empty = summary(features, torch.zeros(3, 4, dtype=torch.bool))
    assert empty.isfinite().all() and torch.allclose(empty[0], empty[1])


def test_patches_of_nothing_leave_one_slot() -> None:
    patches = SupportPatches(6, 8)
    key, value, mask = patches(torch.zeros(2, 0, 6, 2, 2), torch.ones(2, 0, dtype=torch.bool))
    assert key.shape == value.shape == (2, 1, 8) and mask.all()


def test_the_trunk_knows_positions() -> None:
    features = SupportTrunk(1, 2, 6)(torch.zeros(1, 1, 1, 24, 24, dtype=torch.long))[0, 0]
    inner = features[:, 1:-1, 1:-1].flatten(1)
    assert torch.cdist(inner.t(), inner.t()).add(torch.eye(16)).min() > 1e-6


def test_a_local_read_prefers_what_is_near_by_the_square_of_the_distance() -> None:
    plain, local = DotProductRead(16, heads=2), DotProductRead(16, heads=2, local=True)
    assert plain.near(positions(5, 4, torch.zeros(()))) is None
    fine, coarse = (positions(*size, like=torch.zeros(())) for size in ((5, 4), (3, 2)))
    query, key = torch.randn(1, 20, 16), torch.randn(1, 7, 16)
    mask = torch.ones(1, 7, dtype=torch.bool)
    assert local.affine is not None and local.log_beta is not None
    with torch.no_grad():
        local.affine += 0.05 * torch.randn(2, 2, 3)
    affine, beta = (8 * t for t in (local.affine, local.log_beta))
    looks = fine.flatten(1).t() @ affine[..., :2].mT + affine[:, None, :, 2]
    far = (looks[:, :, None] - coarse.flatten(1).t()).square().sum(-1)
    far = F.pad(far, (1, 0))  # the first key is nowhere, and never far
    near, marked = local.near(fine), landmarked(key, coarse, heads=2)
    assert near is not None
    # Of queries and keys the first four features of a head are left to the places.
    for t in (query, key):
        t.view(1, -1, 2, 8)[..., :4] = 0
    weights = local.weights(query + near, marked, mask)
    scores = plain.weights(query, key, mask).log() - beta.exp()[:, None, None] * far
    assert torch.allclose(weights, scores.softmax(-1))


def test_landmarks_need_room() -> None:
    with pytest.raises(ValueError, match=r"local needs 20 features \(patches.*heads=4, .*=16"):
        AttentionPixelCNN((1, 8, 8), width=8, depth=2, read_at=(1,), patches=16, local=True)
    with pytest.raises(ValueError, match="needs 5 features a head: got 8 for 2 heads"):
        landmarked(torch.randn(1, 5, 8), positions(2, 2, torch.zeros(())), heads=2)


@pytest.mark.parametrize(("patch", "grid"), [(1, (9, 7)), (2, (5, 4)), (4, (3, 2))])
def test_patches_of_a_trunk(patch: int, grid: tuple[int, int]) -> None:
    trunk = SupportTrunk(1, levels=2, features=8, patch=patch, extra=3)
    support, extra = torch.randint(2, (2, 1, 9, 7)), torch.randn(2, 3, 9, 7)
    assert trunk(support, extra).shape == (2, 8, *grid)
    with pytest.raises(ValueError, match="patch must be 1, 2 or 4, got 3"):
        SupportTrunk(1, levels=2, features=8, patch=3)
    with pytest.raises(ValueError, match="margin must be 0 or more, got -1"):
        SupportTrunk(1, levels=2, features=8, margin=-1)


def test_the_margin_is_beyond_the_border() -> None:
    """A picture with a margin is the picture with two rows and columns of nothing more."""
    inner, outer = positions(6, 4, torch.zeros(())), positions(10, 8, torch.zeros(()), margin=2)
    assert torch.allclose(outer[:, 2:-2, 2:-2], inner)
    assert outer[1, 0, -1] == pytest.approx(1 + 2 * 2 / 3)
    plain = SupportTrunk(1, levels=2, features=8, patch=2)
    wide = SupportTrunk(1, levels=2, features=8, patch=2, margin=2)
    wide.load_state_dict(plain.state_dict())
    support = torch.randint(2, (3, 1, 16, 16))
    inside, alone = wide(support)[..., 2:-2, 2:-2], plain(support)
    assert inside.shape == alone.shape == (3, 8, 8, 8)
    centre = (..., slice(3, -3), slice(3, -3))  # no convolution sees the border from there
    assert torch.allclose(inside[centre], alone[centre])
    assert not torch.allclose(inside, alone)


def test_a_memory_laid_out_gives_the_same_reads(read) -> None:
    """Whichever conditions know all slots, some, or a single one."""
    query, key, value = torch.randn(5, 7, 8), torch.randn(5, 6, 8), torch.randn(5, 6, 8)
    for counts in ((6, 6, 6, 6, 6), (6, 3, 6, 1, 1), (1, 6, 1, 3, 6), (1, 1, 1, 1, 1)):
        mask = torch.arange(6) < torch.tensor(counts)[:, None]
        found = read.step(query, read.start(key, value, mask))
        torch.testing.assert_close(found, read(query, key, value, mask))
    mask[3], mask[3, 4] = False, True  # the single slot need not be the first
    found = read.step(query, read.start(key, value, mask))
    torch.testing.assert_close(found, read(query, key, value, mask))
