"""Convolutions as products of matrices: the same numbers, the same derivatives."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ilk.models import AttentionPixelCNN, GatedPixelCNN, MetaPixelCNN, Model
from ilk.models import meta_pixelcnn as module
from ilk.nn import adapted
from ilk.nn.unfold import Unfolded, convolve

pytestmark = pytest.mark.usefixtures("float64")


@pytest.mark.parametrize("kernel", [(1, 1), (2, 3), (3, 3), (1, 4)])
@pytest.mark.parametrize("stride", [1, 2, (1, 2)])
@pytest.mark.parametrize("padding", [0, 1, (0, 2)])
def test_a_convolution_is_a_product(kernel, stride, padding) -> None:
    x, weight, bias = torch.randn(2, 3, 7, 6), torch.randn(5, 3, *kernel), torch.randn(5)
    for b in (bias, None):
        y = F.conv2d(x, weight, b, stride, padding)
        torch.testing.assert_close(convolve(x, weight, b, stride, padding), y)


def test_its_first_and_second_derivatives_are_those_of_finite_differences() -> None:
    inputs = [torch.randn(2, 2, 4, 3), torch.randn(3, 2, 2, 3), torch.randn(3)]
    inputs = [t.requires_grad_() for t in inputs]
    assert torch.autograd.gradcheck(lambda *a: convolve(*a, padding=1), inputs)
    assert torch.autograd.gradgradcheck(lambda *a: convolve(*a, padding=1), inputs)


def test_in_autocast_it_has_the_precision_of_a_convolution() -> None:
    x, weight = torch.randn(2, 3, 5, 5).float(), torch.randn(4, 3, 3, 3).float()
    bias = torch.randn(4).float()
    with torch.autocast("cpu", torch.bfloat16):
        y, z = F.conv2d(x, weight, bias), convolve(x, weight, bias)
    assert y.dtype == z.dtype == torch.bfloat16
    torch.testing.assert_close(z, y, atol=0.05, rtol=0.02)


def test_dilations_and_groups_are_left_alone() -> None:
    for options in ({"dilation": 2}, {"groups": 2}):
        conv = nn.Conv2d(4, 4, 3, **options)
        x = torch.randn(1, 4, 6, 6)
        with Unfolded():
            y = conv(x)
        torch.testing.assert_close(y, conv(x))


@pytest.mark.parametrize("kind", [GatedPixelCNN, AttentionPixelCNN])
def test_the_inner_loop_is_the_same_either_way(monkeypatch, kind: type[Model]) -> None:
    """As it runs on an accelerator, and as it runs on a CPU: the loss and all that it teaches."""
    torch.manual_seed(0)
    options = {"read_at": (1,), "patch": 2} if kind is AttentionPixelCNN else {}
    model = MetaPixelCNN(kind((1, 6, 6), width=8, depth=3, **options), layer=2, steps=2)
    support, x = torch.randint(2, (3, 2, 1, 6, 6)), torch.randint(2, (2, 3, 1, 6, 6))
    plain, found, entered = adapted.begin, [], []

    def begin(*args):
        entered.append(args)
        with Unfolded():
            return plain(*args)

    for face in (plain, begin):
        monkeypatch.setattr(module, "begin", face)
        monkeypatch.setattr(adapted, "begin", face)
        loss = -model(support).log_prob(x).mean()
        found.append([loss, *torch.autograd.grad(loss, [*model.parameters()], allow_unused=True)])
    assert entered
    for a, b in zip(*found, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            torch.testing.assert_close(a, b)
