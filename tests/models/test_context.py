"""The context model against a slow implementation of its definition."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import pytest
import torch

import ilk
from ilk.models.context import OFFSETS, ContextModel

ORDERS = (0, 1, 2, 4, 5, 10, 22)


def ink(n: int, height: int = 6, width: int = 7, seed: int = 0) -> torch.Tensor:
    """Random images with structure: an image is a shifted copy of a few strokes, with noise."""
    generator = torch.Generator().manual_seed(seed)
    base = torch.randint(2, (n, 1, height, width), generator=generator)
    flips = torch.rand(n, 1, height, width, generator=generator) < 0.1
    return ((base & base.roll(1, 3)) ^ flips.long()).to(torch.uint8)


def contexts(image: torch.Tensor, order: int):
    """Each pixel's value and the tuple of those at the offsets, by indexing alone."""
    height, width = image.shape[-2:]
    for i, j in itertools.product(range(height), range(width)):
        seen = [
            int(image[0, i + dy, j + dx]) if i + dy >= 0 and 0 <= j + dx < width else 0
            for dy, dx in OFFSETS[:order]
        ]
        yield (i, j), int(image[0, i, j]), tuple(seen)


def by_dictionary(images: torch.Tensor, order: int, discount: float):
    """p(ink | context) as the definition says it, from dictionaries of counts."""
    levels = [m for m in (0, 1, *range(2, order + 1, 2), order) if m <= order]
    levels = sorted(set(levels))
    seen, with_ink = Counter(), Counter()
    for image in images:
        for _, value, context in contexts(image, order):
            for m in levels:
                seen[context[:m]] += 1
                with_ink[context[:m]] += value

    def p(context: tuple[int, ...]) -> float:
        result = 0.5
        for m in levels:
            part = context[:m]
            result = (with_ink[part] + discount * result) / (seen[part] + discount)
        return min(max(result, 1e-6), 1 - 1e-6)

    return p


@pytest.mark.parametrize("order", ORDERS)
def test_equals_a_dictionary(order):
    train, test = ink(30), ink(5, seed=1)
    model = ContextModel((1, 6, 7), order=order, discount=3.0).double().fit(train, batch=7)
    p = by_dictionary(train, order, 3.0)
    log_prob = model().log_prob_per_dim(test)
    for image, got in zip(test, log_prob, strict=True):
        for (i, j), value, context in contexts(image, order):
            wanted = math.log(p(context) if value else 1 - p(context))
            assert float(got[0, i, j]) == pytest.approx(wanted, rel=1e-10)


def test_a_context_never_seen_has_what_the_shorter_one_says():
    model = ContextModel((1, 6, 7), discount=2.0).double()
    model.fit(torch.zeros(4, 1, 6, 7, dtype=torch.uint8))
    # Blank paper was seen 168 times, ink never: every order halves the odds as d / (n + d).
    orders = 13
    blank = max(0.5 * (2 / (168 + 2)) ** orders, 1e-6)
    odds = model.net.logit.sigmoid()
    assert odds[0] == pytest.approx(blank, rel=1e-9)
    # Ink at the nearest offset was never seen: order 0 is all that is known.
    assert odds[1].item() == pytest.approx(0.5 * 2 / 170, rel=1e-9)
    # Ink at the farthest alone: order 20 matches blank paper, and is at the floor already.
    assert odds[1 << 21].item() == pytest.approx(1e-6, rel=1e-9)


def test_offsets_are_earlier_pixels_and_differ():
    assert len(set(OFFSETS)) == 22
    assert all((dy, dx) < (0, 0) for dy, dx in OFFSETS)


@pytest.mark.parametrize("shape", [(2, 3), (3, 3)])
def test_sums_to_one(shape):
    model = ContextModel((1, *shape)).double().fit(ink(40, *shape))
    cells = math.prod(shape)
    every = torch.tensor(list(itertools.product((0, 1), repeat=cells))).view(-1, 1, *shape)
    assert float(model().log_prob(every).exp().sum()) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("order", ORDERS)
def test_step_equals_forward(order):
    model = ContextModel((1, 6, 7), order=order).fit(ink(30))
    p, x = model(), ink(5, seed=2)
    wanted = p.parameters(x)
    state, pixel = p.net.start(5, (6, 7), p.context), None
    for i, j in itertools.product(range(6), range(7)):
        parameters, state = p.net.step(pixel, state)
        assert torch.equal(parameters, wanted[..., i, j])
        pixel = x[..., i, j]


def test_a_state_can_branch():
    model = ContextModel((1, 6, 7), order=4).fit(ink(30))
    net = model.net
    _, before = net.step(None, net.start(2, (6, 7), model().context))
    one = net.step(torch.ones(2, 1, dtype=torch.long), before)[0]
    net.step(torch.zeros(2, 1, dtype=torch.long), before)
    assert torch.equal(net.step(torch.ones(2, 1, dtype=torch.long), before)[0], one)


def test_samples_agree_with_scores(generator):
    model = ContextModel((1, 2, 3)).double().fit(ink(40, 2, 3))
    drawn = model().sample((20_000,), generator=generator).flatten(1).long()
    code = (drawn << torch.arange(6)).sum(1)
    every = (torch.arange(64)[:, None] >> torch.arange(6) & 1).view(-1, 1, 2, 3)
    expected = model().log_prob(every).exp() * len(drawn)
    chi2 = ((code.bincount(minlength=64) - expected) ** 2 / expected).sum()
    assert float(chi2) < 63 + 5 * math.sqrt(2 * 63)


def test_causal_and_sees_all_of_a_small_image():
    model = ContextModel((1, 3, 3)).double().fit(ink(500, 3, 3))
    report = ilk.check_causality(model, trials=8)
    assert not report.leaks
    assert not report.blind
    assert not report.crosstalk


def test_fit_counts_afresh_and_learns():
    model, images = ContextModel((1, 6, 7)), ink(200)
    nats = -model().log_prob(images).mean() / 42
    assert float(nats) == pytest.approx(math.log(2))
    first = model.fit(images).net.logit.clone()
    assert -model().log_prob(images).mean() / 42 < 0.6
    assert not torch.equal(model.fit(ink(200, seed=1)).net.logit, first)
    assert torch.equal(model.fit(images).net.logit, first)


def test_save_and_load(tmp_path):
    model = ContextModel((1, 6, 7), order=8, discount=2.5).fit(ink(30))
    loaded = ilk.load(model.save(tmp_path / "counts"))
    assert isinstance(loaded, ContextModel)
    assert (loaded.order, loaded.discount, loaded.shape) == (8, 2.5, (1, 6, 7))
    assert torch.equal(loaded.net.logit, model.net.logit)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"shape": (3, 4, 4)}, "shape"),
        ({"levels": 4}, "levels"),
        ({"order": 23}, "order"),
        ({"order": -1}, "order"),
        ({"discount": 0.0}, "discount"),
        ({"discount": math.nan}, "discount"),
    ],
)
def test_refuses_what_it_cannot_count(arguments, name):
    with pytest.raises(ValueError, match=f"^{name}"):
        ContextModel(**arguments)


@pytest.mark.parametrize(
    "images",
    [
        torch.zeros(2, 1, 4, 4),
        torch.zeros(2, 3, 4, 4, dtype=torch.uint8),
        torch.zeros(4, 4, dtype=torch.uint8),
        torch.full((2, 1, 4, 4), 2),
        torch.full((2, 1, 4, 4), -1),
    ],
)
def test_fit_refuses_other_images(images):
    with pytest.raises(ValueError, match=r"^images must"):
        ContextModel((1, 4, 4), order=2).fit(images)


def test_fit_refuses_no_images_at_once():
    with pytest.raises(ValueError, match=r"^batch must be at least 1, got 0"):
        ContextModel((1, 4, 4), order=2).fit(torch.zeros(1, 1, 4, 4).long(), batch=0)


def test_takes_no_support_set():
    with pytest.raises(ValueError, match="support"):
        ContextModel((1, 4, 4), order=2)(torch.zeros(1, 1, 4, 4, dtype=torch.uint8))


@pytest.mark.data
@pytest.mark.parametrize(("split", "wanted"), [("45-5", 0.0917), ("30-20", 0.0998)])
def test_published_figures_of_the_protocol(data_root, split, wanted):
    train = ilk.data.load("omniglot-26", split, "train+valid", root=data_root)
    test = ilk.data.load("omniglot-26", split, "test", root=data_root)
    p = ContextModel(train.shape).fit(train.images)()
    total = sum(float(p.log_prob(x).double().sum()) for x in test.images.split(2000))
    assert -total / test.images.numel() == pytest.approx(wanted, rel=0.01)
