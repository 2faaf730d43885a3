"""Adapting to one kind: the divergence by enumeration, exact episodes, what moves and what not."""

from __future__ import annotations

import itertools
import signal

import numpy as np
import pytest
import torch
from training.toys import striped

import ilk
from ilk.training import adapt, divergence, own_episodes


def attention(shape=(1, 4, 4), levels=2, likelihood="bernoulli", scale=1.0, seed=0):
    torch.manual_seed(seed)
    model = ilk.models.AttentionPixelCNN(
        shape, levels, width=8, depth=2, read_at=(1,), patches=8, shots=3, likelihood=likelihood
    )
    with torch.no_grad():
        for w in model.parameters():
            w.mul_(scale)
    return model.eval()


def every(shape, levels):
    """All images of a shape, `(N, C, H, W)`."""
    values = itertools.product(range(levels), repeat=int(np.prod(shape)))
    return torch.tensor(list(values), dtype=torch.uint8).reshape(-1, *shape)


@pytest.mark.parametrize(
    ("shape", "levels", "family"),
    [((1, 2, 2), 2, "bernoulli"), ((2, 1, 2), 3, "categorical"), ((3, 1, 1), 4, "logistics")],
)
def test_the_divergence_is_that_of_kullback_and_leibler(float64, shape, levels, family):
    s = every(shape, levels)[:2]
    p, q = (attention(shape, levels, family, 1.5, seed)(s) for seed in (0, 1))
    x = every(shape, levels)
    with torch.no_grad():
        mass = p.log_prob(x).exp()
        kl = (mass * (p.log_prob(x) - q.log_prob(x))).sum() / int(np.prod(shape))
        each = torch.stack([divergence(p, q, image[None]) for image in x])
    assert float(kl) > 1e-3
    assert float((mass * each).sum()) == pytest.approx(float(kl), rel=1e-9)


class Echo:
    """Draws the sum of the support set, modulo the levels; anything if there is none."""

    conditioning, shots, shape, levels = "support", 3, (1, 4, 4), 5

    def __call__(self, support=None, mask=None):
        self.sum = None
        if support is not None:
            shown = support if mask is None else support * mask[:, :, None, None, None]
            self.sum = shown.sum(dim=1) % self.levels
        return self

    def sample(self, shape, generator=None):
        if self.sum is None:
            x = torch.randint(self.levels, (*shape, *self.shape), generator=generator)
        else:
            x = self.sum.expand(*shape, *self.sum.shape)
        return x.to(torch.uint8)


def test_own_episodes_are_drawn_from_what_they_show():
    b = own_episodes(Echo(), 40, 2, torch.Generator().manual_seed(0))
    count = b.mask.sum(dim=1)
    assert count.unique().tolist() == [0, 1, 2, 3]
    first = b.support[count > 0, 0]
    assert len(first.unique(dim=0)) == len(first)
    assert torch.equal(b.support, b.support[:, :1] * b.mask[:, :, None, None, None])
    assert torch.equal(b.queries[0], count[:, None, None, None] * b.support[:, 0] % 5)
    assert torch.equal(b.queries[0], b.queries[1])


def test_the_kind_gains_and_rehearsal_keeps_the_rest():
    model, images = attention(), striped(kinds=1, images=10).images
    before = {k: v.clone() for k, v in model.state_dict().items()}
    own = own_episodes(model, 24, 2, torch.Generator().manual_seed(0))
    settings = {"own": own, "steps": 40, "lr": 3e-3, "patience": 9, "precision": "float32"}
    free = adapt(model, images, rehearsal=0.0, **settings)
    held = adapt(model, images, rehearsal=20.0, **settings)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert free.after.held_nats < held.after.held_nats < held.before.held_nats
    assert held.looks[-1].moved_nats < 0.5 * free.looks[-1].moved_nats
    assert held.before == free.before and held.before.moved_nats == 0
    assert free.after.held_nats == min(look.held_nats for look in free.looks)


def test_only_vectors_move_on_request():
    model, images = attention(), striped(kinds=1, images=10).images
    done = adapt(model, images, own=8, steps=3, look_every=1, tune="biases").model
    moved = [
        (a.ndim < 2, not torch.equal(a, b))
        for a, b in zip(model.parameters(), done.parameters(), strict=True)
    ]
    assert not any(changed for vector, changed in moved if not vector)
    assert any(changed for vector, changed in moved if vector)
    assert all(w.requires_grad for w in done.parameters())


def test_no_step_sees_what_is_held_out_and_a_seed_decides_all():
    model, images = attention(), striped(kinds=1, images=10).images
    settings = {"own": 8, "steps": 6, "look_every": 2, "patience": 9}
    first = adapt(model, images, **settings)
    again = adapt(model, images, **settings)
    assert first.looks == again.looks
    changed = images.clone()
    out = np.random.default_rng(0).permutation(10)[:2]
    changed[out] = 1 - changed[out]
    other = adapt(model, changed, **settings)
    assert [x.own_nats for x in other.looks] == [x.own_nats for x in first.looks]
    assert other.looks[0].held_nats != first.looks[0].held_nats


def test_a_signal_ends_it_with_the_best_so_far():
    model, images = attention(), striped(kinds=1, images=10).images

    def interrupt(look):
        if look.step == 4:
            signal.raise_signal(signal.SIGINT)

    done = adapt(model, images, own=8, steps=50, look_every=4, on_look=interrupt)
    assert done.stopped_by == "SIGINT" and done.looks[-1].step == 4
    assert done.after in done.looks


def test_it_ends_when_the_held_out_gain_no_more():
    model = attention()
    done = adapt(model, model().sample((5,)), own=8, steps=90, look_every=1, patience=2, lr=0.5)
    assert done.looks[-1].step == done.after.step + 2 and done.looks[-1].step < 90


def test_unconditional_models_adapt_too():
    model = ilk.models.GatedPixelCNN((1, 4, 4), width=8, depth=2)
    done = adapt(model, striped(kinds=1, images=10).images, own=8, steps=30, lr=3e-3)
    assert done.after.held_nats < done.before.held_nats


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": torch.zeros(2, 1, 4, 4, dtype=torch.uint8)}, "images: wanted 3 or more"),
        ({"images": torch.zeros(5, 1, 5, 4, dtype=torch.uint8)}, r"images: wanted \(N, 1, 4, 4\)"),
        ({"steps": 0}, "steps: wanted 1 or more, got 0"),
        ({"own": 1}, "own: wanted 2 or more"),
        ({"lr": -1.0}, "lr: wanted"),
        ({"rehearsal": -1.0}, "rehearsal: wanted"),
        ({"tune": "some"}, "tune: wanted all or biases, got 'some'"),
        ({"precision": "fp8"}, "precision: wanted auto or bf16 or float32"),
        ({"images": torch.full((5, 1, 4, 4), 257)}, "images: wanted integers 0 to 1, got 257 to"),
        ({"images": torch.full((5, 1, 4, 4), -1)}, "images: wanted integers 0 to 1, got -1 to -1"),
        ({"images": torch.zeros(5, 1, 4, 4)}, "images: wanted integers 0 to 1, got torch.float32"),
    ],
)
def test_bad_arguments_are_named(change, message):
    arguments = {"images": torch.zeros(5, 1, 4, 4, dtype=torch.uint8), "own": 4, **change}
    with pytest.raises(ValueError, match=message):
        adapt(attention(), **arguments)


def test_a_model_without_weights_is_refused():
    with pytest.raises(ValueError, match="model: ContextModel has nothing to learn by gradient"):
        adapt(ilk.models.ContextModel((1, 4, 4), order=2), striped(kinds=1).images)


def test_a_diverging_loss_is_named():
    with pytest.raises(FloatingPointError, match=r"step \d+: the loss is .*lower lr"):
        adapt(attention(), striped(kinds=1).images, own=4, steps=30, lr=1e30)
