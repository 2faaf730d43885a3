"""Layers: the two faces agree, nothing leaks, a state is a value."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ilk.nn import (
    CausalConv1d,
    CausalSelfAttention,
    GatedLayer,
    HorizontalConv2d,
    PixelLayer,
    SnailLayer,
    VerticalConv2d,
)
from ilk.nn.residual import Half, ResidualLayer
from ilk.nn.snail import DownRightConv2d

pytestmark = pytest.mark.usefixtures("float64")


def stepped(layer, elements: list[Tensor], state) -> list[Tensor]:
    """What `step` makes of elements one by one, checking on the way that states are values."""
    outputs = []
    for x in elements:
        y, after = layer.step(x, state)
        layer.step(torch.full_like(x, 9.0), after)
        again, _ = layer.step(x, state)
        assert torch.equal(y, again)
        outputs.append(y)
        state = after
    return outputs


@pytest.mark.parametrize(("kernel", "dilation"), [(2, 1), (3, 1), (2, 4), (3, 2), (1, 1)])
def test_causal_conv_1d(kernel: int, dilation: int) -> None:
    conv, x = CausalConv1d(2, 3, kernel, dilation), torch.randn(4, 2, 11)
    steps = stepped(conv, list(x.unbind(-1)), conv.start(4))
    assert torch.allclose(torch.stack(steps, -1), conv(x))


def test_causal_conv_1d_by_hand() -> None:
    conv = CausalConv1d(1, 1, kernel=2, dilation=2)
    with torch.no_grad():
        conv.conv.weight.copy_(torch.tensor([[[10.0, 1.0]]]))
        conv.conv.bias.zero_()
    x = torch.tensor([[[1.0, 2.0, 3.0, 4.0]]])
    assert conv(x).tolist() == [[[1.0, 2.0, 13.0, 24.0]]]


@pytest.mark.parametrize("kernel", [3, 5, 7])
def test_vertical_conv_steps_by_rows(kernel: int) -> None:
    conv, x = VerticalConv2d(2, 3, kernel), torch.randn(4, 2, 6, 5)
    steps = stepped(conv, list(x.unbind(2)), conv.start(4, 5))
    assert torch.allclose(torch.stack(steps, 2), conv(x))


@pytest.mark.parametrize("kernel", [3, 5, 7])
def test_horizontal_conv_steps_by_pixels(kernel: int) -> None:
    conv, x = HorizontalConv2d(2, 3, kernel), torch.randn(4, 2, 1, 9)
    steps = stepped(conv, list(x[:, :, 0].unbind(-1)), conv.start(4))
    assert torch.allclose(torch.stack(steps, -1), conv(x)[:, :, 0])
    window = torch.cat([*x[:, :, 0, : conv.past].unbind(-1), x[:, :, 0, conv.past]], 1)
    wanted = conv(x)[:, :, 0, conv.past]
    assert torch.allclose(window @ conv.matrix() + conv.conv.bias, wanted)


def test_down_right_conv_steps_in_raster_order() -> None:
    conv, x = DownRightConv2d(2, 3), torch.randn(4, 2, 5, 4)
    steps = stepped(conv, list(x.flatten(2).unbind(-1)), conv.start(4, 4))
    assert torch.allclose(torch.stack(steps, -1), conv(x).flatten(2))


def zigzag(height: int, width: int) -> Tensor:
    rows = torch.arange(height * width).view(height, width)
    return torch.cat([row if i % 2 == 0 else row.flip(0) for i, row in enumerate(rows)])


def moves(layer, *shape: int) -> Tensor:
    """Which element of the input `[s, t]` moves which of the output, over all after channels."""
    x = torch.randn(1, *shape)
    jacobian = torch.autograd.functional.jacobian(layer, x)
    by_element = jacobian[0].flatten(1, len(shape) - 1)[:, :, 0].flatten(3)
    return by_element.abs().sum((0, 2)).t() > 0


@pytest.mark.parametrize(("kernel", "dilation"), [(2, 1), (3, 2), (2, 4)])
def test_causal_conv_1d_sees_its_taps_alone(kernel: int, dilation: int) -> None:
    time = torch.arange(11)
    back = time - time[:, None]
    taps = (back >= 0) & (back % dilation == 0) & (back <= (kernel - 1) * dilation)
    assert torch.equal(moves(CausalConv1d(2, 3, kernel, dilation), 2, 11), taps)


@pytest.mark.parametrize("kernel", [3, 5])
def test_two_dimensional_convolutions_see_their_windows_alone(kernel: int) -> None:
    t, past = torch.arange(30), (kernel - 1) // 2
    i, j = t // 6, t % 6
    up, left = i - i[:, None], j - j[:, None]
    seen = moves(VerticalConv2d(2, 3, kernel), 2, 5, 6)
    assert torch.equal(seen, (up >= 0) & (up <= past) & (left.abs() <= past))
    seen = moves(HorizontalConv2d(2, 3, kernel), 2, 5, 6)
    assert torch.equal(seen, (up == 0) & (left >= 0) & (left <= past))
    seen = moves(DownRightConv2d(2, 3), 2, 5, 6)
    assert torch.equal(seen, (up >= 0) & (up <= 1) & (left >= 0) & (left <= 1))


@pytest.mark.parametrize("attention", [True, False])
def test_a_snail_layer_sees_all_that_came_before_if_it_attends(attention: bool) -> None:
    layer = SnailLayer(6, attention).double()
    seen = moves(lambda h: layer(torch.zeros_like(h), h)[1], 6, 4, 5)
    t = torch.arange(20)
    up, left = t // 5 - t[:, None] // 5, t % 5 - t[:, None] % 5
    near = (up >= 0) & (up <= 2) & (left >= 0) & (left <= 2)
    assert torch.equal(seen, t >= t[:, None] if attention else near)
    # The vertical stack passes through.
    v, h = torch.randn(2, 1, 6, 4, 5)
    assert torch.equal(layer(v, h)[0], v)


def test_self_attention_steps_as_it_goes() -> None:
    layer = CausalSelfAttention(6, heads=2, size=4, outputs=5)
    x = torch.randn(3, 12, 6)
    steps = stepped(layer, list(x.unbind(1)), layer.start(3))
    assert layer(x).shape == (3, 12, 5) and torch.allclose(torch.stack(steps, 1), layer(x))


def test_self_attention_sees_all_that_came_before_and_nothing_else() -> None:
    layer = CausalSelfAttention(6, heads=2)
    jacobian = torch.autograd.functional.jacobian(lambda x: layer(x[None])[0], torch.randn(12, 6))
    assert torch.equal(jacobian.abs().sum((1, 3)) > 0, torch.ones(12, 12).tril() > 0)


def layers() -> dict[str, PixelLayer]:
    torch.manual_seed(1)
    return {
        "gated": GatedLayer(6, 3, summary=4, read=5).double(),
        "gated, wide": GatedLayer(6, 5, summary=4, read=5).double(),
        "snail": SnailLayer(6, True, summary=4, read=5, heads=2).double(),
        "snail, no attention": SnailLayer(6, False, summary=4, read=5).double(),
        "residual": ResidualLayer(6, summary=4, read=5).double(),
        "half": Half(6, [ResidualLayer(6, 4), ResidualLayer(6, 4, short=True)]).double(),
        "quarter": Half(6, [Half(6, [ResidualLayer(6, summary=4)])]).double(),
    }


@pytest.mark.parametrize("name", layers())
@pytest.mark.parametrize("told", [True, False], ids=["told", "untold"])
def test_layers_of_two_stacks(name: str, told: bool) -> None:
    layer = layers()[name]
    v, h = torch.randn(2, 6, 4, 5), torch.randn(2, 6, 4, 5)
    summary = torch.randn(2, 4) if told else None
    read = torch.randn(2, 5, 4, 5) if told else None
    down, right = layer(v, h, summary, read)
    state = layer.start(2, (4, 5), summary)
    for i in range(4):
        row, state = layer.row(v[:, :, i], state)
        assert torch.allclose(row, down[:, :, i])
        for j in range(5):
            y, state = layer.step(h[..., i, j], state, None if read is None else read[..., i, j])
            assert torch.allclose(y, right[..., i, j])


@pytest.mark.parametrize("name", layers())
def test_from_a_kept_state_one_can_branch(name: str) -> None:
    layer = layers()[name]
    v, h = torch.randn(2, 6, 3, 4), torch.randn(2, 6, 3, 4)
    state, kept = layer.start(2, (3, 4)), []
    for i in range(3):
        _, state = layer.row(v[:, :, i], state)
        for j in range(4):
            kept.append((i, j, state))
            _, state = layer.step(h[..., i, j], state)
    for i, j, state in reversed(kept):
        other = h.clone()
        other[..., i, j] = torch.randn(2, 6)
        y, _ = layer.step(other[..., i, j], state)
        assert torch.allclose(y, layer(v, other)[1][..., i, j])


def test_a_gated_layer_moves_only_what_it_may() -> None:
    layer = layers()["gated"]
    v, h, read = torch.randn(1, 6, 4, 5), torch.randn(1, 6, 4, 5), torch.randn(1, 5, 4, 5)
    jacobians = torch.autograd.functional.jacobian(
        lambda *inputs: layer(*inputs[:2], None, inputs[2]), (v, h, read)
    )
    moved = [
        [j.abs().sum((0, 1, 4, 5)).flatten(2).flatten(0, 1) > 0 for j in row] for row in jacobians
    ]
    (vertical_v, vertical_h, vertical_read), (_, horizontal_h, horizontal_read) = moved
    assert not vertical_h.any() and not vertical_read.any()
    t = torch.arange(20)
    i, j = t // 5, t % 5
    above = (i[:, None] - i[None]).clamp(min=-1)
    assert torch.equal(
        vertical_v, (above >= 0) & (above <= 1) & ((j[:, None] - j[None]).abs() <= 1)
    )
    assert torch.equal(horizontal_read, t[:, None] == t[None])
    left = j[:, None] - j[None]
    assert torch.equal(horizontal_h, (above == 0) & (left >= 0) & (left <= 1))


def test_a_residual_layer_takes_in_an_earlier_one_pixel_by_pixel() -> None:
    torch.manual_seed(1)
    layer = ResidualLayer(6, short=True).double()
    v, h, v0, h0 = torch.randn(4, 2, 6, 4, 5)
    down, right = layer(v, h, short=(v0, h0))
    assert not torch.allclose(right, layer(v, h)[1])
    state = layer.start(2, (4, 5))
    for i in range(4):
        row, state = layer.row(v[:, :, i], state, v0[:, :, i])
        assert torch.allclose(row, down[:, :, i])
        for j in range(5):
            y, state = layer.step(h[..., i, j], state, None, h0[..., i, j])
            assert torch.allclose(y, right[..., i, j])


@pytest.mark.parametrize("size", [(4, 6), (5, 5), (1, 3)])
def test_a_detour_at_half_the_resolution_sees_no_later_element(size: tuple[int, int]) -> None:
    half = Half(6, [ResidualLayer(6)]).double()
    t = torch.arange(size[0] * size[1])
    later = t[:, None] > t  # [moved element, element that it moved]
    seen = moves(lambda h: half(torch.zeros_like(h), h)[1], 6, *size)
    assert not (seen & later).any() and seen.diagonal().all()
    # Rows below alone may not move what the vertical stack says of a row.
    rows = moves(lambda v: half(v, torch.zeros_like(v))[0], 6, *size)
    assert not (rows & (t[:, None] // size[1] > t // size[1])).any()
