"""The mixture over orders of writing is a density, and the same for a turned page."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
import torch
from helpers import Elsewhere

import ilk
from ilk.distributions import Turned
from ilk.distributions.turned import _back, turned


def model(shape=(1, 3, 3), seed=0):
    torch.manual_seed(seed)
    return ilk.models.AttentionPixelCNN(shape, width=8, depth=2, read_at=(0,), patches=8).eval()


def every(size: int) -> torch.Tensor:
    rows = itertools.product((0, 1), repeat=size * size)
    return torch.tensor(list(rows), dtype=torch.uint8).view(-1, 1, size, size)


@pytest.mark.parametrize("sides", [1, 4, 8])
def test_it_sums_to_one_and_is_no_worse_than_its_sides_on_average(sides: int):
    q = Turned.of(model(), every(3)[[3, 77]], sides=sides)
    x = every(3)
    with torch.no_grad():
        nats = q.log_prob(x).double()
        each = torch.stack([p.log_prob(turned(x, r)) for r, p in enumerate(q.turns)]).double()
    assert nats.exp().sum().item() == pytest.approx(1, abs=1e-5)
    assert len(each) == sides and (nats >= each.mean(dim=0) - 1e-5).all()
    assert (nats > each.mean(dim=0) + 1e-4).any() == (sides > 1)


def test_the_sides_of_a_page_are_the_eight_symmetries_of_the_square():
    x = torch.arange(9).view(3, 3)
    assert len({tuple(turned(x, r).flatten().tolist()) for r in range(8)}) == 8
    assert torch.equal(turned(x, 3), x.T.flip(-1)) and torch.equal(turned(x, 5), x.T)
    assert all(torch.equal(turned(turned(x, r), _back(r)), x) for r in range(8))


@pytest.mark.parametrize(("sides", "seen"), [(4, (1, 2, 3)), (8, range(1, 8))])
def test_a_turned_page_has_the_same_density(sides: int, seen: Sequence[int]):
    told, x = every(3)[[3, 77]], every(3)[::7]
    with torch.no_grad():
        nats = Turned.of(model(), told, sides=sides).log_prob(x)
        for r in seen:
            again = Turned.of(model(), turned(told, r), sides=sides).log_prob(turned(x, r))
            torch.testing.assert_close(nats, again)
            assert not torch.allclose(
                model()(told).log_prob(x), model()(turned(told, r)).log_prob(turned(x, r))
            )
        over = Turned.of(model(), turned(told, 4)).log_prob(turned(x, 4))
    assert not torch.allclose(Turned.of(model(), told).log_prob(x), over)


@pytest.mark.parametrize(("batch", "sides"), [(False, 4), (True, 4), (False, 8)])
def test_samples_come_as_often_as_it_says(batch: bool, sides: int):
    told = every(2)[torch.tensor([[3], [6]])] if batch else every(2)[[3]]
    q = Turned.of(model((1, 2, 2)), told, sides=sides)
    count = 20_000
    x = q.sample((count,), torch.Generator().manual_seed(0))
    code = (x.flatten(-3).long() * torch.tensor([8, 4, 2, 1])).sum(-1).view(count, -1)
    with torch.no_grad():
        grid = every(2)[:, None].expand(-1, 2, -1, -1, -1) if batch else every(2)
        wanted = q.log_prob(grid).exp().view(16, -1)
    for b in range(code.shape[1]):
        seen = torch.bincount(code[:, b], minlength=16) / count
        error = (wanted[:, b] * (1 - wanted[:, b]) / count).sqrt()
        assert ((seen - wanted[:, b]).abs() < 5 * error + 1e-6).all()


@pytest.mark.parametrize("batch", [False, True])
def test_a_source_of_randomness_elsewhere_draws_the_same(batch: bool):
    q = Turned.of(model((1, 2, 2)), every(2)[torch.tensor([[3], [6]])] if batch else None)
    with Elsewhere(seed=3) as far:
        x = q.sample((9,), far.generator)
    assert far.draws == 5 and torch.equal(x, q.sample((9,), torch.Generator().manual_seed(3)))


class Far:
    """Images on a device without numbers, one distribution or two."""

    event_shape, dtype, device = (1, 2, 2), torch.uint8, torch.device("meta")

    def __init__(self, *batch: int):
        self.batch_shape = torch.Size(batch)

    def sample(self, shape, generator):
        return torch.zeros(*shape, *self.batch_shape, 1, 2, 2, dtype=self.dtype, device="meta")


@pytest.mark.parametrize("batch", [(), (2,)])
def test_samples_are_where_the_network_is(batch: tuple[int, ...]):
    x = Turned([Far(*batch)] * 4).sample((9,))
    assert x.device.type == "meta" and x.shape == (9, *batch, 1, 2, 2) and x.dtype == torch.uint8


def test_only_square_images_can_be_turned_and_to_sides_that_there_are():
    with pytest.raises(ValueError, match="square"):
        Turned.of(model((1, 2, 3)))
    with pytest.raises(ValueError, match="sides must be 1, 4 or 8, got 5"):
        Turned.of(model(), sides=5)
    with pytest.raises(ValueError, match="sides must be 1, 4 or 8, got 0"):
        images = every(3)[:2]
        ilk.evaluation.classify_by_likelihood(model(), images[:, None], images, sides=0)


@pytest.mark.parametrize("sides", [4, 8])
def test_tables_are_of_the_mixture_and_classes_of_the_mean_of_its_logs(sides: int):
    images = torch.randint(2, (40, 1, 3, 3), generator=torch.Generator().manual_seed(0)).byte()
    kinds = ilk.data.Kinds(images, torch.arange(40) // 20, ("a", "b"), 2, "noise")
    episodes = ilk.data.test_episodes(kinds, shots=2)
    (row,) = ilk.evaluation.nats_by_shots(model(), episodes, (2,), sides=sides)
    with torch.no_grad():
        each = [
            Turned.of(model(), images[s], sides=sides).log_prob(images[x])
            for s, x in zip(episodes.support, episodes.queries, strict=True)
        ]
    assert row.nats_per_image == pytest.approx(-float(torch.stack(each).mean()), rel=1e-5)
    supports, x = images[torch.tensor([[0], [20]])], images[5:8]
    nats = ilk.evaluation.classify_by_likelihood(model(), supports, x, sides=sides)
    with torch.no_grad():
        each = [
            torch.stack([model()(turned(s, r)).log_prob(turned(x, r)) for s in supports], dim=1)
            for r in range(sides)
        ]
        told = [Turned.of(model(), s, sides=sides) for s in supports]
        mixture = torch.stack([p.log_prob(x) for p in told], dim=1)
    torch.testing.assert_close(nats, torch.stack(each).mean(dim=0))
    assert (nats < mixture).all()
