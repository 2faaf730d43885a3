"""Completions of small images against the exact conditional, found by listing all images."""

from __future__ import annotations

import pytest
import torch
from helpers import FALSE_ALARM, Elsewhere, all_images, chance, frequencies
from torch import Tensor

import ilk
from ilk.distributions import (
    Autoregressive,
    complete_around,
    completing,
    follows,
    resample,
    sweep,
)

pytestmark = pytest.mark.usefixtures("float64")
BEHIND = torch.tensor([[False, False, True], [False, False, True]])


def strong(model: ilk.models.Model, scale: float = 2.5) -> ilk.models.Model:
    """A model whose pixels depend on one another a lot."""
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(1.5).add_(0.3 * torch.randn_like(weight))
        model.net.head[-1].weight.mul_(scale)
    return model.double().eval().requires_grad_(False)


@pytest.fixture
def p() -> Autoregressive:
    torch.manual_seed(4)
    model = ilk.models.AttentionPixelCNN((1, 2, 3), width=8, depth=4, read_at=(2,), patches=8)
    return strong(model)(torch.randint(2, (3, 1, 2, 3)))


def conditional(p: Autoregressive, given: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """All images that agree with what is known, and their exact probabilities."""
    channels, height, width = p.event_shape
    images = all_images(channels, height, width, p.levels)
    fits = ((images == given) | ~known).all((-1, -2, -3))
    return images[fits], p.log_prob(images[fits]).softmax(0)


def odds(p: Autoregressive, given: Tensor, known: Tensor, drawn: Tensor) -> float:
    """How often exact draws would be as far from the exact conditional as these."""
    images, exact = conditional(p, given, known)
    return chance(frequencies(p, images, drawn), len(drawn) * exact)


def rare(p: Autoregressive, known: Tensor) -> Tensor:
    """An image whose known pixels surprise: there raster draws are far off."""
    images = all_images(*p.event_shape, p.levels)
    kept = (p.log_prob_per_dim(images) * known).sum((-1, -2, -3))
    return images[kept.argmin()]


def exact_draws(p: Autoregressive, given: Tensor, known: Tensor, count: int) -> Tensor:
    images, exact = conditional(p, given, known)
    chosen = torch.multinomial(exact, count, replacement=True, generator=seed(9))
    return images[chosen].to(p.dtype)


def seed(number: int) -> torch.Generator:
    return torch.Generator().manual_seed(number)


def test_raster_draws_are_far_from_the_conditional(p) -> None:
    """What there is to put right, and proof that the test would notice."""
    given = rare(p, BEHIND)
    drawn = p.complete(given.expand(2000, -1, -1, -1), BEHIND, seed(1))
    assert odds(p, given, BEHIND, drawn) < FALSE_ALARM


def test_resampling_comes_to_the_conditional(p) -> None:
    given = rare(p, BEHIND)
    few = resample(p, given.to(p.dtype).expand(2000, -1, -1, -1), BEHIND, 2, seed(2))[0]
    many, effective = resample(p, given.to(p.dtype).expand(1000, -1, -1, -1), BEHIND, 100, seed(2))
    assert odds(p, given, BEHIND, few) < FALSE_ALARM
    assert odds(p, given, BEHIND, many) > 1e-4
    assert 1 < effective < 100
    assert (many[..., BEHIND].long() == given[..., BEHIND]).all()


@pytest.mark.parametrize(("particles", "block"), [(2, 1), (2, 2), (5, 3)])
def test_a_sweep_leaves_the_conditional_as_it_is(p, particles: int, block: int) -> None:
    """Whatever the number of draws: begun from exact draws, all remain exact."""
    given = rare(p, BEHIND)
    start = exact_draws(p, given, BEHIND, 2000)
    end = sweep(p, start, BEHIND, particles, block, seed(3))
    assert odds(p, given, BEHIND, end) > 1e-4
    assert (end != start).flatten(1).any(1).double().mean() > 0.1, "nothing moved"


def test_passes_come_to_the_conditional(p) -> None:
    given = rare(p, BEHIND)
    x = given.to(p.dtype)
    before = complete_around(p, x, BEHIND, 2000, particles=2, passes=0, generator=seed(5))
    after = complete_around(p, x, BEHIND, 2000, particles=2, passes=15, block=2, generator=seed(5))
    assert odds(p, given, BEHIND, before.images) < FALSE_ALARM
    assert odds(p, given, BEHIND, after.images) > 1e-4
    torch.testing.assert_close(after.nats, p.log_prob(after.images))


def test_colour_pixels_are_drawn_as_a_whole() -> None:
    torch.manual_seed(1)
    model = ilk.models.GatedPixelCNN((3, 1, 2), levels=2, likelihood="logistics", width=8, depth=2)
    p, known = strong(model)(), torch.tensor([[False, True]])
    given = rare(p, known)
    drawn, _ = resample(p, given.to(p.dtype).expand(1000, -1, -1, -1), known, 60, seed(6))
    assert odds(p, given, known, drawn) > 1e-4


def test_a_suffix_is_drawn_exactly_and_at_once(p) -> None:
    known = torch.tensor([[True, True, True], [False, False, False]])
    x = p.sample((), seed(7))
    done = complete_around(p, x, known, 3000, particles=99, passes=99, generator=seed(8))
    assert done.exact and done.effective == 1
    assert odds(p, x.long(), known, done.images) > 1e-4


def test_blocks_share_the_unknown_pixels_out() -> None:
    from ilk.distributions.completion import _blocks

    unknown = torch.rand(9, 7, generator=seed(0)) < 0.6
    for number in range(20):
        blocks = torch.stack(_blocks(unknown, 3, seed(number)))
        assert torch.equal(blocks.sum(0), unknown.long())
        for here in blocks:
            rows, columns = here.nonzero().T
            assert rows.max() - rows.min() < 3 and columns.max() - columns.min() < 3


def test_a_source_of_randomness_elsewhere_draws_the_same(p) -> None:
    x = p.sample((), seed(0))
    with Elsewhere(seed=3) as far:
        there = complete_around(p, x, BEHIND, 5, block=2, generator=far.generator)
    here = complete_around(p, x, BEHIND, 5, block=2, generator=seed(3))
    assert far.draws and torch.equal(there.images, here.images)


def test_what_follows_in_raster_order() -> None:
    for code in range(64):
        known = torch.tensor([bool(code >> t & 1) for t in range(6)]).view(2, 3)
        flat = known.flatten().tolist()
        wanted = any(flat[t] and not all(flat[:t]) for t in range(6))
        assert follows(known) == wanted


@pytest.mark.parametrize("passes", [0, 3])
def test_the_share_of_the_work_is_told(p, passes: int) -> None:
    x = p.sample((), seed(0))
    steps, shares = completing(p, x, BEHIND, 4, 3, passes, block=2, generator=seed(1)), []
    while True:
        try:
            shares.append(next(steps)[1])
        except StopIteration as end:
            done = end.value
            break
    assert shares == sorted(shares) and 0 < shares[0] < 0.2 and 0.8 < shares[-1] <= 1
    wanted = complete_around(p, x, BEHIND, 4, 3, passes, block=2, generator=seed(1))
    assert torch.equal(done.images, wanted.images)


def test_errors_name_the_argument(p) -> None:
    x = p.sample((), seed(0))
    for arguments, message in (
        ((p, x, BEHIND.long()), "known must be a boolean mask"),
        ((p, x, torch.ones(4, 4) > 0), r"known must broadcast to x, \(1, 2, 3\)"),
        ((p, x, torch.ones(2, 3) > 0), "known: every pixel is"),
        ((p, x[None], BEHIND), r"x must be an image \(1, 2, 3\), got \(1, 1, 2, 3\)"),
        ((p, x, BEHIND, 0), "count must be at least 1, got 0"),
        ((p, x, BEHIND, 1, 0), "particles must be at least 1, got 0"),
        ((p, x, BEHIND, 1, 1, -1), "passes must be at least 0, got -1"),
        ((p, x, BEHIND, 1, 1, 1, 0), "block must be at least 1, got 0"),
    ):
        with pytest.raises(ValueError, match=message):
            complete_around(*arguments)
