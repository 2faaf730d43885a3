"""`check_causality` and the contract catch the faults that networks of this kind really have."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from helpers import FALSE_ALARM, all_images, chance, frequencies
from torch import Tensor, nn

import ilk
from ilk.distributions import Autoregressive, Bernoulli, Logistics
from ilk.models import AttentionPixelCNN, GatedPixelCNN
from ilk.nn import Conditional, Context, GatedLayer, gate

pytestmark = pytest.mark.usefixtures("float64")


def attentive() -> AttentionPixelCNN:
    return AttentionPixelCNN((1, 5, 5), width=8, depth=4, read_at=(2,), patches=8, heads=2)


def leaky(self: GatedLayer, v: Tensor, h: Tensor, summary=None, read=None):
    """The read, which has seen earlier pixels of its row, enters the vertical stack too."""
    a = self.vertical(v)
    b = self.horizontal(h)
    if self.read is not None and read is not None:
        a, b = a + self.read(read), b + self.read(read)
    v = gate(a)
    return v, h + self.out(gate(b + self.link(v)))


def shifted(self: GatedLayer, v: Tensor, h: Tensor, summary=None, read=None):
    """The vertical stack is shifted down in every layer, and not only once."""
    v = gate(self.vertical(F.pad(v, (0, 0, 1, -1))))
    return v, h + self.out(gate(self.horizontal(h) + self.link(v)))


def test_a_sound_model_is_ok() -> None:
    report = ilk.check_causality(attentive())
    assert report.ok and "0 leaks" in str(report)


def test_a_read_in_the_vertical_stack_is_a_leak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GatedLayer, "forward", leaky)
    support = torch.randint(2, (2, 1, 5, 5))
    report = ilk.check_causality(attentive()(support))
    assert report.leaks and not report.ok
    # What leaks comes to a pixel from its own row or from the right of the row above it.
    assert all(t <= s for s, t in report.leaks)


def test_a_shift_in_every_layer_is_a_blind_spot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GatedLayer, "forward", shifted)
    model = GatedPixelCNN((1, 6, 6), width=8, depth=6)
    model.net.vertical = _Narrow(model.net.vertical)
    report = ilk.check_causality(model)
    assert report.blind and not report.leaks and not report.ok


class _Narrow(nn.Module):
    """A stem that looks straight up, so that the layers alone must widen the field."""

    def __init__(self, vertical: nn.Module) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, vertical.conv.out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class _Wrong(Conditional):
    """A net of one's own: a row of logits that depend on what a mask names."""

    def __init__(self, sees: Tensor, crosstalk: bool = False) -> None:
        super().__init__()
        self.weight, self.crosstalk = nn.Parameter(sees.double()), crosstalk

    def forward(self, x: Tensor, context: Context) -> Tensor:
        y = x.flatten(1).double() @ self.weight
        y = y - y.mean(0) if self.crosstalk else y
        return y.view_as(x)

    def start(self, batch: int, size: tuple[int, int], context: Context) -> None:
        return None

    def step(self, x: Tensor | None, state: None) -> tuple[Tensor, None]:
        return torch.zeros(1, 1), None


def judged(sees: Tensor, crosstalk: bool = False) -> ilk.CausalityReport:
    net = _Wrong(sees, crosstalk)
    return ilk.check_causality(Autoregressive(net, Bernoulli(1), (1, 2, 3)))


def test_every_single_fault_is_found_and_named() -> None:
    sound = torch.ones(6, 6).triu(1)
    assert judged(sound).ok
    for s in range(6):
        for t in range(6):
            other = sound.clone()
            other[s, t] = 1 - other[s, t]
            report = judged(other)
            assert report.leaks == ([(s, t)] if t <= s else [])
            assert report.blind == ([(s, t)] if s < t else [])


def test_statistics_of_the_batch_are_crosstalk() -> None:
    report = judged(torch.ones(6, 6).triu(1), crosstalk=True)
    assert report.crosstalk and "crosstalk between" in str(report)


def test_float32_is_judged_with_its_own_tolerance() -> None:
    torch.set_default_dtype(torch.float32)
    report = ilk.check_causality(GatedPixelCNN((1, 6, 6), width=16, depth=5))
    assert not report.leaks and not report.crosstalk


def test_a_batch_norm_is_crosstalk() -> None:
    model = GatedPixelCNN((1, 4, 4), width=8, depth=2)
    model.net.head.insert(0, nn.BatchNorm2d(8))
    report = ilk.check_causality(model.train())
    assert report.crosstalk and not report.ok
    # With its statistics fixed it is a layer like another.
    assert ilk.check_causality(model.eval()).ok


class _Sharp(Conditional):
    """One logistic a pixel, its mean low after an odd value and high after an even one."""

    def forward(self, x: Tensor, context: Context) -> Tensor:
        mean = torch.cos(math.pi * F.pad(x.double(), (1, -1)))
        return torch.cat([torch.zeros_like(mean), mean, torch.full_like(mean, -1.0)], dim=1)

    def start(self, batch: int, size: tuple[int, int], context: Context) -> Tensor:
        return torch.zeros(batch, 1)

    def step(self, x: Tensor | None, state: Tensor) -> tuple[Tensor, Tensor]:
        state = state if x is None else x.double()
        mean = torch.cos(math.pi * state)
        return torch.cat([torch.zeros_like(mean), mean, torch.full_like(mean, -1.0)], 1), state


def drawn_value_by_value(p: Autoregressive, count: int, rounded: bool) -> Tensor:
    """Draws of a logistic a pixel, rounded before they are fed back or only at the end."""
    x = torch.zeros(count, *p.event_shape)
    for t in range(x[0].numel()):
        _, mean, scale = p.net(x, p.context)[..., 0, t].unbind(1)
        value = mean + scale.exp() * torch.logit(torch.rand(count))
        value = (value.clamp(-1, 1) + 1) * (p.levels - 1) / 2
        x[:, 0, 0, t] = value.round() if rounded else value
    return x.round().long()


def test_a_sampler_that_rounds_at_the_end_does_not_agree_with_the_scores() -> None:
    p = Autoregressive(_Sharp(), Logistics(1, 3, mixtures=1), (1, 1, 4))
    images = all_images(1, 1, 4, 3)
    expected = 6000 * p.log_prob(images).exp()
    for draws in (p.sample((6000,)), drawn_value_by_value(p, 6000, rounded=True)):
        assert chance(frequencies(p, images, draws), expected) > FALSE_ALARM
    late = drawn_value_by_value(p, 6000, rounded=False)
    assert chance(frequencies(p, images, late), expected) < FALSE_ALARM


def test_the_measure_of_counts_is_that_of_tables() -> None:
    # Quantiles of chi-square, of 1 and of 10 degrees of freedom at 5 and at 0.1 per cent.
    assert chance(
        torch.tensor([100.0 + (3.841459 * 50) ** 0.5, 100 - (3.841459 * 50) ** 0.5]),
        torch.full((2,), 100.0),
    ) == pytest.approx(0.05, rel=1e-5)
    off = (29.5883 * 100 / 2) ** 0.5
    observed = torch.tensor([100 + off, 100 - off, *[100.0] * 9])
    assert chance(observed, torch.full((11,), 100.0)) == pytest.approx(0.001, rel=1e-4)


def test_naive_sampling_is_one_pass_a_pixel() -> None:
    model = attentive()
    calls = []
    model.net.register_forward_hook(lambda *_: calls.append(1))
    ilk.naive_sample(model(), 2)
    assert len(calls) == 25
