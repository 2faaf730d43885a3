"""Likelihoods of a pixel: masses sum to one, scores are masses, gradients are finite."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from ilk.distributions import Bernoulli, Categorical, Likelihood, Logistics, likelihood

FAMILIES: list[Likelihood] = [
    Bernoulli(1),
    Bernoulli(3),
    Categorical(1, 5),
    Categorical(3, 4),
    Categorical(1, 256),
    Logistics(1, 256),
    Logistics(3, 256),
    Logistics(2, 3, mixtures=4),
]
every = pytest.mark.parametrize("family", FAMILIES, ids=repr)
# Of a sum of 256 masses; the logistics of large parameters round larger numbers than these.
_ROUNDING = {torch.float32: 2e-5, torch.float64: 1e-12}


@every
@pytest.mark.parametrize("size", [0.1, 1.0, 30.0, 1e3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_masses_sum_to_one(family: Likelihood, size: float, dtype: torch.dtype) -> None:
    parameters = size * torch.randn(50, family.parameters, dtype=dtype)
    x = torch.randint(family.levels, (50, family.channels))
    for c in range(family.channels):
        log_p = family.log_pmf(parameters, x[:, :c])
        assert log_p.shape == (50, family.levels) and log_p.dtype == dtype
        total = log_p.exp().sum(-1)
        assert torch.allclose(total, torch.ones_like(total), atol=_ROUNDING[dtype])


@every
def test_a_score_is_the_mass_of_its_value(family: Likelihood) -> None:
    parameters = 2 * torch.randn(2, family.parameters, 3, 4, dtype=torch.float64)
    x = torch.randint(family.levels, (2, family.channels, 3, 4))
    scores = family.log_prob(parameters, x)
    flat, values = parameters.movedim(1, -1), x.movedim(1, -1)
    for c in range(family.channels):
        log_p = family.log_pmf(flat, values[..., :c])
        wanted = log_p.gather(-1, values[..., c, None])[..., 0]
        assert torch.allclose(scores[:, c], wanted, atol=1e-9)
        low = family.log_prob(parameters.float(), x)[:, c].double()
        assert torch.allclose(low, wanted, atol=1e-3, rtol=1e-4)


@every
def test_bfloat16_is_not_scored_in_bfloat16(family: Likelihood) -> None:
    parameters = torch.randn(50, family.parameters).bfloat16()
    x = torch.randint(family.levels, (50, family.channels))
    log_p = family.log_pmf(parameters, x[:, :0])
    assert log_p.dtype == torch.float32
    assert torch.allclose(log_p.exp().sum(-1), torch.ones(50), atol=1e-5)
    with torch.autocast("cpu", torch.bfloat16):
        scores = family.log_prob(parameters[..., None, None], x[..., None, None])
        again = family.log_pmf(parameters, x[:, :0])
        drawn = family.sample(parameters, torch.rand(50, family.channels))
    assert scores.dtype == again.dtype == torch.float32 and torch.equal(again, log_p)
    assert drawn.dtype == torch.int64 and drawn.min() >= 0 and drawn.max() < family.levels
    whole = family.log_prob(parameters.float()[..., None, None], x[..., None, None])
    assert torch.equal(scores, whole)


@every
def test_the_gradient_is_that_of_the_score(family: Likelihood) -> None:
    parameters = torch.randn(2, family.parameters, 3, 4, dtype=torch.float64, requires_grad=True)
    x = torch.randint(family.levels, (2, family.channels, 3, 4))
    (wanted,) = torch.autograd.grad(family.log_prob(parameters, x).sum(), parameters)
    assert torch.allclose(family.gradient(parameters.detach(), x), wanted, atol=1e-12)


@every
def test_gradients_stay_finite_at_extremes(family: Likelihood) -> None:
    sizes = [0.0, 20.0, -20.0, 1e3, -1e3]
    rows = [torch.full((family.parameters,), s) for s in sizes]
    rows += [1e3 * torch.randn(family.parameters) for _ in range(20)]
    parameters = torch.stack(rows).requires_grad_()
    for x in (0, family.levels // 2, family.levels - 1):
        image = torch.full((len(rows), family.channels, 1, 1), x)
        scores = family.log_prob(parameters[..., None, None], image)
        (gradient,) = torch.autograd.grad(scores.sum(), parameters)
        assert scores.isfinite().all() and (scores <= 1e-6).all() and gradient.isfinite().all()


def spread(family: Likelihood, parameters: Tensor, temperature: float = 1.0) -> Tensor:
    """Draws at evenly spaced uniform numbers in every channel, independently."""
    count = 60
    grid = (torch.arange(count) + 0.5) / count
    uniform = torch.cartesian_prod(*[grid] * family.channels).view(-1, family.channels)
    return family.sample(parameters.expand(len(uniform), -1), uniform, temperature)


@pytest.mark.parametrize("family", [f for f in FAMILIES if f.levels < 6], ids=repr)
def test_inversion_draws_the_masses(family: Likelihood) -> None:
    parameters = torch.randn(family.parameters, dtype=torch.float64)
    drawn = spread(family, parameters).double()
    values = itertools.product(range(family.levels), repeat=family.channels)
    for value in values:
        x = torch.tensor(value)
        mass = family.log_prob(parameters[None, :, None, None], x[None, :, None, None]).exp()
        share = (drawn == x).all(-1).double().mean()
        assert share.item() == pytest.approx(mass.prod().item(), abs=0.03)


def test_a_coin_is_drawn_as_any_likelihood_is() -> None:
    coin, parameters = Bernoulli(2), torch.randn(500, 2, dtype=torch.float64)
    uniform = torch.rand(500, 2, dtype=torch.float64)
    for temperature in (0, 0.5, 1.0, 2.0):
        quick = coin.sample(parameters, uniform, temperature)
        assert torch.equal(quick, Likelihood.sample(coin, parameters, uniform, temperature))


@every
def test_temperature_zero_takes_the_mode(family: Likelihood) -> None:
    parameters = torch.randn(20, family.parameters)
    x = family.sample(parameters, torch.rand(20, family.channels), 0)
    for c in range(family.channels):
        assert torch.equal(family.log_pmf(parameters, x[:, :c]).argmax(-1), x[:, c])


@every
def test_temperature_has_its_limits(family: Likelihood) -> None:
    parameters, uniform = torch.randn(30, family.parameters), torch.rand(30, family.channels)
    mode = family.sample(parameters, uniform, 0)
    assert torch.equal(family.sample(parameters, uniform, 1e-6), mode)
    # Infinitely hot, all values are alike: inversion of a uniform mass.
    hot = family.sample(parameters.double(), uniform.double(), 1e9)
    wanted = (uniform.double() * family.levels).long()
    assert torch.equal(hot, wanted)


@pytest.mark.parametrize("levels", [256, 1024])
def test_the_largest_of_uniform_numbers_draws_no_value_without_mass(levels: int) -> None:
    # Sums of masses in float32 end as far as 1e-6 below 1, and what lies above is a value too.
    logits = 4 * torch.randn(2000, levels)
    logits[:, levels - 50 :] = -60.0
    x = Categorical(1, levels).sample(logits, torch.full((2000, 1), 1 - 2**-24))
    assert x.max() < levels - 50


def test_the_least_of_uniform_numbers_draws_no_value_without_mass() -> None:
    logits = torch.randn(200, 8)
    logits[:, :3] = -torch.inf
    x = Categorical(1, 8).sample(logits, torch.zeros(200, 1))
    assert (x == 3).all()


def test_logistics_couple_their_channels() -> None:
    family = Logistics(2, 8, mixtures=2)
    parameters = torch.randn(family.parameters)
    first, second = (family.log_pmf(parameters, torch.tensor([x])) for x in (0, 7))
    assert not torch.allclose(first, second)


def test_a_logistic_by_hand() -> None:
    family = Logistics(1, 4, mixtures=1)
    log_p = family.log_pmf(torch.tensor([0.0, 0.2, -1.0], dtype=torch.float64), torch.zeros(0))
    edges = torch.tensor([-2 / 3, 0.0, 2 / 3], dtype=torch.float64)
    cdf = torch.sigmoid((edges - 0.2) / torch.exp(torch.tensor(-1.0, dtype=torch.float64)))
    wanted = torch.cat([cdf, torch.ones(1)]).diff(prepend=torch.zeros(1))
    assert torch.allclose(log_p.exp(), wanted)


def test_errors_name_the_argument() -> None:
    with pytest.raises(ValueError, match=r"likelihood must be one of .* got 'gaussian'"):
        likelihood("gaussian", 1, 2)
    with pytest.raises(ValueError, match="levels must be 2 for a Bernoulli likelihood, got 5"):
        Bernoulli(1, 5)
    with pytest.raises(ValueError, match="levels must be at least 2, got 1"):
        Categorical(1, 1)
