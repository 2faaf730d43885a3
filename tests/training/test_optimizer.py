"""Muon is what it says, on kernels of any layout, and a run with it resumes exactly."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from training.toys import striped, tiny, weights

from ilk.training import Recipe, train
from ilk.training.optimizer import muon

KINDS = (striped(), striped(seed=1))


def net(channels_last: bool) -> nn.Sequential:
    torch.manual_seed(0)
    layers = nn.Conv2d(32, 64, 3), nn.Conv2d(64, 32, 1), nn.Conv2d(32, 2, 1)
    return nn.Sequential(*layers).to(
        memory_format=torch.channels_last if channels_last else torch.contiguous_format
    )


def gradients(model: nn.Module, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for w in model.parameters():
        w.grad = torch.randn(w.shape, generator=generator)


@pytest.mark.parametrize("channels_last", [False, True])
def test_the_update_has_level_singular_values_and_the_step_of_adamw(channels_last):
    recipe = Recipe(lr=0.01, weight_decay=0.0)
    model = net(channels_last)
    before = [w.detach().clone() for w in model.parameters()]
    optimizer = muon(recipe, list(model.parameters()))
    gradients(model, 1)
    optimizer.step()
    kernel, _, matrix, _, last, bias = (
        b - w.detach() for b, w in zip(before, model.parameters(), strict=True)
    )
    for update in (kernel.flatten(1), matrix.flatten(1)):
        n, m = update.shape
        values = torch.linalg.svdvals(update) / (0.01 * 0.2 * max(n, m) ** 0.5)
        assert values.min() > 0.6 and values.max() < 1.3  # five rounds do not make them one
        assert 0.1 < update.square().mean().sqrt() / 0.01 < 0.3
    # What is narrow takes AdamW's first step: the sign of the gradient.
    for w, update in ((model[2].weight, last), (model[2].bias, bias)):
        torch.testing.assert_close(update, 0.01 * w.grad.sign(), rtol=1e-4, atol=0)


def test_layout_does_not_matter():
    """Channels innermost permutes the columns of a kernel, which orth does not see."""
    plain, inner = net(False), net(True)
    for model in (plain, inner):
        optimizer = muon(Recipe(), list(model.parameters()))
        for step in range(3):
            gradients(model, step)
            optimizer.step()
            optimizer.zero_grad()
        assert all(w.grad is None for w in model.parameters())
    moved = (net(False)[0].weight - plain[0].weight).abs().max()
    for a, b in zip(plain.parameters(), inner.parameters(), strict=True):
        assert (a - b).abs().max() < 0.05 * moved  # orth is taken in bfloat16


def test_every_parameter_is_stepped_by_one_of_the_two():
    model = tiny(optimizer="muon", width=32).build((1, 4, 4), 2, 12)
    optimizer = muon(Recipe(), list(model.parameters()))
    stepped = [w.numel() for group in optimizer.param_groups for w in group["params"]]
    assert sum(stepped) == sum(w.numel() for w in model.parameters())
    own = sum(matrix.numel() for matrix in optimizer.matrices)
    assert own > sum(stepped) / 2


@pytest.mark.parametrize("channels_last", [False, True])
def test_a_run_that_was_stopped_goes_on_exactly(tmp_path, channels_last):
    recipe = tiny(optimizer="muon", width=32, channels_last=channels_last, log_every=1)
    train(recipe, tmp_path / "whole", kinds=KINDS)

    class Stopped(Exception):
        pass

    def stop(progress):
        if progress.step == 5 and progress.nats_per_dim is not None:
            raise Stopped

    with pytest.raises(Stopped):
        train(recipe, tmp_path / "run", stop, kinds=KINDS)
    assert train(recipe, tmp_path / "run", kinds=KINDS).resumed_from
    assert weights(tmp_path / "run") == weights(tmp_path / "whole")


def test_another_optimizer_is_another_run(tmp_path):
    train(tiny(), tmp_path, kinds=KINDS)
    with pytest.raises(ValueError, match="optimizer: 'adamw' -> 'muon'"):
        train(tiny(optimizer="muon"), tmp_path, kinds=KINDS)


def test_a_model_without_wide_kernels_has_adamw():
    model = tiny(width=8).build((1, 4, 4), 2, 12)
    assert isinstance(muon(Recipe(), list(model.parameters())), torch.optim.AdamW)


def test_unknown_optimizer_is_named():
    with pytest.raises(ValueError, match="optimizer: wanted adamw or muon, got 'sgd'"):
        Recipe(optimizer="sgd")
