"""Episodes: disjoint, without replacement, uniform, and fixed where they are to be fixed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ilk.data import Kinds, draw_batch, load, test_episodes

GOLDEN = "6f8fce01af87fb5af1bc50ffca92f82883d8fc3e25ac46caf80cd3a1e4d2436b"
GOLDEN_DATA = {
    "30-20": (659, "e7c395b77b53d6caabc2ce37b8979bc130f94f2b43e28f1f3aa273a26bfddea6"),
    "45-5": (144, "80351169374a627af0dab5f19ad99729578cb8efb91c0333056ea150f304dd96"),
}
# 0.001 quantiles of chi-square from above, by degrees of freedom.
CHI2 = {4: 18.47, 7: 24.32, 11: 31.26}


def numbered(counts: list[int]) -> Kinds:
    """Images whose two pixels are the number of the kind and of the image within it."""
    pairs = [(k, i) for k, n in enumerate(counts) for i in range(n)]
    images = torch.tensor(pairs, dtype=torch.uint8).reshape(-1, 2, 1, 1)
    kind = images[:, 0, 0, 0].long()
    return Kinds(images, kind, tuple(f"kind{k}" for k in range(len(counts))), 256, "numbered")


def chi2(observed: np.ndarray) -> float:
    expected = observed.sum() / observed.size
    return float(((observed - expected) ** 2 / expected).sum())


def draw(kinds: Kinds, batch: int, queries: int, shots: int, seed: int = 0):
    return draw_batch(kinds, np.random.default_rng(seed), batch, queries, shots)


def test_supports_are_without_replacement_and_never_hold_a_query():
    kinds = numbered([12] * 5)
    b = draw(kinds, batch=2000, queries=4, shots=8)
    assert b.support.dtype == b.queries.dtype == torch.uint8
    for e in range(2000):
        shots = int(b.mask[e].sum())
        used = b.support[e, b.mask[e], :, 0, 0].tolist() + b.queries[:, e, :, 0, 0].tolist()
        assert all(k == int(b.kind[e]) for k, _ in used)
        assert len({i for _, i in used}) == shots + 4
        assert b.mask[e, :shots].all() and not b.support[e, shots:].any()


def test_kinds_shots_and_images_are_uniform():
    kinds = numbered([12] * 5)
    b = draw(kinds, batch=30_000, queries=1, shots=7)
    assert chi2(np.bincount(b.kind.numpy(), minlength=5)) < CHI2[4]
    assert chi2(np.bincount(b.mask.sum(1).numpy(), minlength=8)) < CHI2[7]
    assert chi2(np.bincount(b.queries[0, :, 1, 0, 0].numpy(), minlength=12)) < CHI2[11]
    full = b.mask.all(1)
    for j in (0, 6):
        assert chi2(np.bincount(b.support[full, j, 1, 0, 0].numpy(), minlength=12)) < CHI2[11]


def test_all_orders_of_a_small_kind_are_equally_likely():
    b = draw(numbered([3]), batch=12_000, queries=2, shots=1)
    full = b.mask[:, 0]
    key = b.queries[0, full, 1, 0, 0] * 3 + b.queries[1, full, 1, 0, 0]
    orders = np.bincount(key.numpy(), minlength=9)
    assert (orders[[0, 4, 8]] == 0).all()
    assert chi2(orders[[1, 2, 3, 5, 6, 7]]) < 20.52


def test_kinds_of_different_sizes_cap_the_shots_of_their_own_episodes():
    kinds = numbered([3, 40, 6])
    b = draw(kinds, batch=4000, queries=2, shots=8)
    shots = b.mask.sum(1)
    assert [int(shots[b.kind == k].max()) for k in range(3)] == [1, 8, 4]
    assert [int(shots[b.kind == k].min()) for k in range(3)] == [0, 0, 0]
    assert chi2(np.bincount(shots[b.kind == 2].numpy(), minlength=5)) < CHI2[4]
    for e in torch.nonzero(b.kind != 1)[:500, 0]:
        used = b.support[e, b.mask[e], 1, 0, 0].tolist() + b.queries[:, e, 1, 0, 0].tolist()
        assert len(set(used)) == len(used)


def test_a_batch_is_a_function_of_the_seed():
    kinds = numbered([20] * 3)
    a, b, c = (draw(kinds, 8, 2, 4, seed) for seed in (1, 1, 2))
    assert all(torch.equal(x, y) for x, y in zip(a, b, strict=True))
    assert not torch.equal(a.queries, c.queries)


def test_zero_shots_leave_an_empty_support_axis():
    b = draw(numbered([4]), batch=3, queries=2, shots=0)
    assert b.support.shape == (3, 0, 2, 1, 1) and b.mask.shape == (3, 0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 1, 1), "batch: wanted 1 or more, got 0"),
        ((1, 0, 1), "queries: wanted 1 or more, got 0"),
        ((1, 1, -1), "shots: wanted 0 or more, got -1"),
        ((1, 6, 1), "'kind1' of 'numbered' has 5"),
    ],
)
def test_bad_sizes_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        draw(numbered([9, 5]), *arguments)


def test_test_episodes_are_disjoint_nested_and_of_their_kind():
    kinds = numbered([20, 25, 20])
    episodes = test_episodes(kinds)
    assert len(episodes) == 3 and episodes.queries.shape == (3, 12)
    both = torch.cat([episodes.support, episodes.queries], 1)
    for k, row in enumerate(both):
        assert len(set(row.tolist())) == 20 and (kinds.kind[row] == k).all()
    few, many = episodes.batch(2), episodes.batch(8)
    assert torch.equal(few.support, many.support[:, :2])
    assert torch.equal(few.queries, many.queries) and few.queries.shape == (12, 3, 2, 1, 1)
    assert many.kind.tolist() == [0, 1, 2] and many.mask.all()
    assert episodes.batch(4, 1, 2).kind.tolist() == [1]
    with pytest.raises(ValueError, match="shots: wanted 0 to 8, got 9"):
        episodes.batch(9)


def test_test_episodes_do_not_depend_on_the_other_kinds():
    kinds = numbered([20] * 6)
    whole, one = test_episodes(kinds), test_episodes(kinds.subset([4]))
    assert torch.equal(one.support[0] + 80, whole.support[4])
    assert torch.equal(one.queries[0] + 80, whole.queries[4])


def test_the_digest_of_test_episodes_is_fixed():
    kinds = numbered([20] * 4)
    assert test_episodes(kinds).digest == GOLDEN
    others = [
        test_episodes(kinds, seed=1),
        test_episodes(kinds, shots=7),
        test_episodes(kinds, 8, 11),
    ]
    assert len({GOLDEN, *(e.digest for e in others)}) == 4


def test_test_episodes_name_a_kind_that_is_too_small():
    with pytest.raises(ValueError, match=r"at least 20 images.*'kind1' of 'numbered' has 19"):
        test_episodes(numbered([20, 19]))


@pytest.mark.data
@pytest.mark.parametrize("split", ["30-20", "45-5"])
def test_the_episodes_of_omniglot_are_the_published_ones(split, data_root):
    episodes = test_episodes(load("omniglot-26", split, "test", data_root))
    assert (len(episodes), episodes.digest) == GOLDEN_DATA[split]
