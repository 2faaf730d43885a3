from __future__ import annotations

import numpy as np
import pytest
import torch
from training.toys import striped, tiny

from ilk.training.batches import dropout_seed, slice_of, step_batch, validation_batch


@pytest.mark.parametrize("model", ["attention", "gated"])
def test_a_batch_depends_on_seed_and_step_alone(model):
    recipe, kinds = tiny(model=model), striped()
    np.random.seed(1)
    a = step_batch(recipe, kinds, 7)
    np.random.seed(2)
    step_batch(recipe, kinds, 6)
    b = step_batch(recipe, kinds, 7)
    assert all(torch.equal(x, y) for x, y in zip(a, b, strict=True))
    for other in (
        step_batch(recipe, kinds, 8),
        step_batch(tiny(model=model, seed=1), kinds, 7),
        validation_batch(recipe, kinds),
    ):
        assert a.queries.shape != other.queries.shape or not torch.equal(a.queries, other.queries)


@pytest.mark.parametrize("ranks", [1, 2, 4])
@pytest.mark.parametrize("model", ["attention", "gated"])
def test_slices_make_up_the_whole(ranks, model):
    whole = step_batch(tiny(model=model), striped(), 3)
    parts = [slice_of(whole, rank, ranks) for rank in range(ranks)]
    for i, name in enumerate(whole._fields):
        joined = torch.cat([part[i] for part in parts], dim=int(name == "queries"))
        assert torch.equal(joined, whole[i])


def test_episodes_that_can_not_be_shared_out():
    with pytest.raises(ValueError, match=r"batch: 4 episodes .* multiple of 3"):
        slice_of(step_batch(tiny(), striped(), 0), 0, 3)


def test_an_unconditional_model_sees_as_many_images_with_their_labels():
    recipe, kinds = tiny(model="gated"), striped()
    batch = step_batch(recipe, kinds, 0)
    assert batch.queries.shape == (1, recipe.images_per_step, 1, 4, 4)
    for image, kind in zip(batch.queries[0], batch.kind, strict=True):
        assert (kinds.of(int(kind)) == image).flatten(1).all(dim=1).any()


def test_every_step_and_process_has_its_own_dropout():
    seeds = {dropout_seed(s, i, r) for s in range(3) for i in range(50) for r in range(4)}
    assert len(seeds) == 3 * 50 * 4
    assert all(0 <= seed < 2**63 for seed in seeds)
