"""The straight path by hand: what it begins as, what it adds, in how many bits."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ilk.models import GatedPixelCNN
from ilk.nn import Straight


def shifted(x: Tensor) -> tuple[Tensor, Tensor]:
    pixels = torch.cat([x, torch.ones_like(x[:, :1])], dim=1)
    return F.pad(pixels, (0, 0, 1, -1)), F.pad(pixels.flatten(2), (1, -1))[:, :, None]


def test_it_begins_as_the_mean_of_the_left_and_the_upper_pixel() -> None:
    straight, x = Straight(3, range(2, 8)), torch.randn(2, 3, 5, 4)
    y = torch.randn(2, 9, 5, 4)
    got = straight(*shifted(x), y)
    mean = (x[:, :, 1:-1, 1:] + x[:, :, 2:, :-1]) / 2
    value = y[:, 2:8, 2:, 1:] / 8 + mean.repeat_interleave(2, dim=1)
    torch.testing.assert_close(got[:, 2:8, 2:, 1:], value)
    assert torch.equal(got[:, :2], y[:, :2]) and torch.equal(got[:, 8:], y[:, 8:])


def test_a_value_is_not_rounded_in_autocast() -> None:
    straight, y = Straight(1, range(1)), torch.zeros(256, 1, 2, 2)
    x = (torch.arange(256)[:, None, None, None] * 2 / 255 - 1).expand(-1, 1, 2, 2)
    with torch.autocast("cpu", torch.bfloat16):
        got = straight(*shifted(x), y)
    torch.testing.assert_close(got[:, :, 1, 1], x[:, :, 1, 1], atol=1e-6, rtol=0)
    assert (x.bfloat16() - x).abs().max() > 1e-3


def test_only_likelihoods_with_values_have_one() -> None:
    assert GatedPixelCNN((1, 4, 4), 2, width=8, depth=1).net.straight is None
    model = GatedPixelCNN((3, 4, 4), 256, width=8, depth=1, likelihood="logistics")
    assert model.net.straight.values == range(10, 40)
    # Every mean of a new model on a plain image is that image, but for the network's eighth.
    x = torch.full((1, 3, 4, 4), 200)
    with torch.no_grad():
        model.net.head[3].weight.zero_()
        model.net.head[3].bias.zero_()
    means = model.net(x, model.context())[0, 10:40, 1:, 1:]
    torch.testing.assert_close(means, torch.full_like(means, 200 * 2 / 255 - 1))
