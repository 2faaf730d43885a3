"""`check_causality` and the contract catch the faults that networks of this kind really have."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import ilk
from ilk.distributions import Autoregressive, Bernoulli
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


def test_naive_sampling_is_one_pass_a_pixel() -> None:
    model = attentive()
    calls = []
    model.net.register_forward_hook(lambda *_: calls.append(1))
    ilk.naive_sample(model(), 2)
    assert len(calls) == 25
