from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR
from training.toys import striped, tiny

from ilk.training import ema_decay, learning_rate


def test_learning_rate_is_that_of_pytorch():
    parameter = torch.nn.Parameter(torch.zeros(()))
    optimizer = torch.optim.SGD([parameter], lr=0.3)
    warm = LinearLR(optimizer, start_factor=1 / 5, total_iters=4)
    cosine = CosineAnnealingLR(optimizer, T_max=20)
    schedule = SequentialLR(optimizer, [warm, cosine], milestones=[5])
    for step in range(25):
        wanted = optimizer.param_groups[0]["lr"]
        assert learning_rate(step, steps=25, peak=0.3, warmup=5) == pytest.approx(wanted)
        optimizer.step()
        schedule.step()


def test_learning_rate_starts_small_peaks_and_ends_at_zero():
    rates = [learning_rate(i, steps=100, peak=1.0, warmup=10) for i in range(101)]
    assert rates[0] == 0.1
    assert rates[9] == rates[10] == max(rates) == 1.0
    assert rates[55] == pytest.approx(0.5)
    assert rates[100] == pytest.approx(0, abs=1e-12)
    assert all(a > b for a, b in pairwise(rates[10:]))


def test_no_warmup_starts_at_the_peak():
    assert learning_rate(0, steps=10, peak=2.0, warmup=0) == 2.0


def test_ema_decay_grows_to_its_limit():
    decays = [ema_decay(i, 0.99) for i in range(2000)]
    assert decays[0] == 0.1
    assert all(a <= b for a, b in pairwise(decays))
    assert decays[889] < 0.99 and decays[890] == decays[-1] == 0.99


def test_average_is_the_formula(tmp_path):
    """The average after n steps is the recursion over the weights after each of them."""
    from safetensors.torch import load_file

    from ilk.training import train

    recipe = tiny(steps=5, checkpoint_every=1, keep=5, warmup=0, lr=0.1)
    train(recipe, tmp_path, kinds=(striped(), None))
    torch.manual_seed(recipe.seed)
    average = {k: p.double() for k, p in recipe.build((1, 4, 4), 2, 12).state_dict().items()}
    for step in range(5):
        folder = tmp_path / "checkpoints" / f"step-{step + 1:08d}"
        weights, saved = (load_file(folder / f"{p}.safetensors") for p in ("model", "ema"))
        decay = min(recipe.ema, (1 + step) / (10 + step))
        for key, value in weights.items():
            average[key] = decay * average[key] + (1 - decay) * value.double()
            torch.testing.assert_close(saved[key].double(), average[key], rtol=0, atol=1e-6)
    moved = max(float((weights[k] - average[k]).abs().max()) for k in weights)
    assert moved > 1e-3 and math.isfinite(moved)
