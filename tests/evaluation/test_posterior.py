"""Posteriors against Bayes' rule done by hand, and temperatures against a search."""

from __future__ import annotations

import math

import pytest
import torch
from evaluation.toy import PrototypeModel, prototypes
from helpers import all_images

import ilk
from ilk.evaluation import (
    classify_by_likelihood,
    fit_temperature,
    held_out_scores,
    leave_one_out,
    padded,
    posterior,
)
from ilk.evaluation.posterior import log_posterior


@pytest.fixture
def attention(float64) -> ilk.models.Model:
    model = ilk.models.AttentionPixelCNN((1, 2, 3), width=8, depth=4, read_at=(2,), patches=8)
    model = model.double().eval().requires_grad_(False)
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(2.0)
    return model


def sets_of(*sizes: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    shape = (1, 2, 3)
    return [torch.randint(2, (k, *shape), generator=generator).to(torch.uint8) for k in sizes]


def test_bayes_by_hand_on_all_images(attention) -> None:
    """p(c | x) = pi_c p(x | s_c) / sum of the same, x by x, with no logarithm in sight."""
    sets, prior = sets_of(1, 4, 2), torch.tensor([1.0, 2.0, 5.0]).double()
    images = all_images(1, 2, 3, 2)
    supports, mask = padded(sets)
    nats = classify_by_likelihood(attention, supports, images, mask=mask)
    p = torch.stack([attention(s).log_prob(images).exp() for s in sets], dim=1)
    joint = p * prior / prior.sum()
    wanted = joint / joint.sum(dim=1, keepdim=True)
    torch.testing.assert_close(posterior(nats, prior), wanted)
    assert (wanted.max(dim=1).values - wanted.min(dim=1).values).max() > 0.3
    # The law of total probability: over all images, a posterior's mean is the prior.
    evidence = joint.sum(dim=1, keepdim=True)
    torch.testing.assert_close((posterior(nats, prior) * evidence).sum(0), prior / prior.sum())


def test_temperature_is_a_power_of_the_likelihood() -> None:
    p = torch.tensor([[0.2, 0.05, 0.001]]).double()
    prior = torch.tensor([1.0, 3.0, 0.0]).double()
    joint = p.sqrt() * prior
    wanted = joint / joint.sum()
    torch.testing.assert_close(posterior(p.log(), prior, temperature=2.0), wanted)


def test_the_logarithm_is_exact_where_the_posterior_is_zero() -> None:
    nats, prior = torch.tensor([0.0, -5000.0, -1.0]).double(), torch.tensor([3.0, 1.0, 0.0])
    assert posterior(nats, prior)[1] == 0
    wanted = torch.tensor([0.0, -2500 - math.log(3), -math.inf]).double()
    torch.testing.assert_close(log_posterior(nats, prior, temperature=2.0), wanted)
    near = torch.tensor([[0.3, 0.1, -2.0]]).double()
    torch.testing.assert_close(log_posterior(near).exp(), posterior(near))


def test_both_directions_heed_the_mask(attention) -> None:
    """A padded batch says what each set says alone."""
    sets, queries = sets_of(3, 1), sets_of(5)[0]
    supports, mask = padded(sets)
    supports[~mask] = 1
    both = classify_by_likelihood(attention, supports, queries, "both", mask=mask)
    for n, s in enumerate(sets):
        alone = classify_by_likelihood(attention, s[None], queries, "both")[:, 0]
        torch.testing.assert_close(both[:, n], alone)


def test_leave_one_out_by_hand(attention) -> None:
    (s,) = sets_of(4)
    wanted = [attention(s[[i for i in range(4) if i != k]]).log_prob(s[k]) for k in range(4)]
    torch.testing.assert_close(leave_one_out(attention, s), torch.stack(wanted))
    torch.testing.assert_close(leave_one_out(attention, s[:1]), attention().log_prob(s[:1]))


def test_scores_are_ordinary_tensors_to_learn_from(attention) -> None:
    a, b = sets_of(2, 2)
    for nats in (leave_one_out(attention, a), *held_out_scores(attention, [a, b])[:1]):
        beta = torch.ones((), requires_grad=True)
        (nats * beta).log_softmax(-1).sum().backward()
        nats[0] = 0.0
        assert beta.grad is not None and not nats.is_inference()


def test_leave_one_out_encodes_few_images_at_once(monkeypatch) -> None:
    images, whole = prototypes(1, 7, flip=0.2).images, PrototypeModel()
    wanted = leave_one_out(whole, images)
    assert whole.encoded == [7]
    for most, encoded in ((12, [2, 2, 2, 1]), (5, [1] * 7)):
        monkeypatch.setitem(leave_one_out.__globals__, "ENCODED", most)
        model = PrototypeModel()
        torch.testing.assert_close(leave_one_out(model, images), wanted, rtol=0, atol=0)
        assert model.encoded == encoded


def test_held_out_scores_tell_no_image_of_itself(attention) -> None:
    sets = sets_of(2, 1, 3)
    nats, owner = held_out_scores(attention, sets)
    assert owner.tolist() == [0, 0, 2, 2, 2] and nats.shape == (5, 3)
    torch.testing.assert_close(nats[2:, 2], leave_one_out(attention, sets[2]))
    torch.testing.assert_close(nats[2:, 0], attention(sets[0]).log_prob(sets[2]))
    torch.testing.assert_close(nats[:2, 1], attention(sets[1]).log_prob(sets[0]))


def test_held_out_scores_in_both_directions(attention) -> None:
    sets = sets_of(2, 1, 3)
    nats, _ = held_out_scores(attention, sets, "both")
    others, held = sets[2][[0, 2]], sets[2][1:2]
    back = attention(held).log_prob(others) - attention().log_prob(others)
    wanted = attention(others).log_prob(held) + attention().log_prob(held) + back.mean()
    torch.testing.assert_close(nats[3, 2], wanted[0] / 2)
    supports, mask = padded(sets)
    other = classify_by_likelihood(attention, supports, held, "both", mask=mask)
    torch.testing.assert_close(nats[3, :2], other[0, :2])


def test_the_fitted_temperature_is_the_best_there_is() -> None:
    generator = torch.Generator().manual_seed(0)
    owner = torch.randint(4, (200,), generator=generator)
    nats = 30 * torch.randn(200, 4, generator=generator).double()
    nats[torch.arange(200), owner] += 40
    prior = torch.tensor([1.0, 2.0, 1.0, 0.5]).double()

    def right(t: float) -> float:
        chances = posterior(nats, prior, t)
        return float(chances.log().gather(1, owner[:, None]).mean())

    t = fit_temperature(nats, owner, prior)
    search = [1.02**i for i in range(300)]
    assert t == pytest.approx(max(search, key=right), rel=0.02) and t > 3
    assert right(t) > right(1.0) + 0.1


def test_a_temperature_fitted_to_draws_from_the_posterior_is_theirs() -> None:
    """If labels are drawn from the posterior at T = 5, T = 5 is found."""
    generator = torch.Generator().manual_seed(1)
    nats = 10 * torch.randn(20_000, 3, generator=generator).double()
    owner = torch.multinomial(posterior(nats, temperature=5.0), 1, generator=generator)[:, 0]
    assert fit_temperature(nats, owner) == pytest.approx(5.0, rel=0.05)


def test_it_never_makes_a_model_surer() -> None:
    nats = torch.tensor([[0.1, 0.0], [0.0, 0.1]])
    assert fit_temperature(nats, torch.tensor([0, 1])) == 1.0
    assert fit_temperature(nats, torch.tensor([1, 0])) == pytest.approx(1e4)


def test_errors_name_the_argument() -> None:
    nats = torch.zeros(2)
    for prior in ([-1.0, 2.0], [0.0, 0.0], [math.nan, 1.0]):
        with pytest.raises(ValueError, match="prior must be"):
            posterior(nats, torch.tensor(prior))
    with pytest.raises(ValueError, match="temperature must be positive, got 0"):
        posterior(nats, temperature=0)
    images = prototypes(2, 1).images
    with pytest.raises(ValueError, match="no kind has"):
        held_out_scores(PrototypeModel(), [images[:1], images[1:]])
    with pytest.raises(ValueError, match="support must hold an image"):
        leave_one_out(PrototypeModel(), images[:0])
    with pytest.raises(ValueError, match="nats must hold a row at least"):
        fit_temperature(torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64))
