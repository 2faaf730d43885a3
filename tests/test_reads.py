"""Where attention looks: the very weights of the forward pass, causal, in the order of the set."""

from __future__ import annotations

import pytest
import torch
from PIL import Image

import ilk
from ilk import cli
from ilk.models import AttentionPixelCNN, ConditionalPixelCNN
from ilk.reads import animation, looks, strip


def make(**kwargs) -> AttentionPixelCNN:
    torch.manual_seed(0)
    options = {"width": 8, "depth": 3, "patches": 16, "heads": 2, "read_at": (1, 2), "patch": 2}
    model = AttentionPixelCNN((1, 7, 6), **(options | kwargs)).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.2 * torch.randn_like(weight))
    return model


@pytest.mark.parametrize("kwargs", [{}, {"local": True}, {"attention": "additive"}])
def test_the_weights_are_those_of_what_is_read(kwargs) -> None:
    model = make(**kwargs)
    x, support = torch.randint(2, (1, 7, 6)), torch.randint(2, (3, 1, 7, 6))
    found: list[torch.Tensor] = []
    net = model.net
    for read in net.reads:
        read.register_forward_hook(lambda module, given, out: found.append(out))
    with torch.inference_mode():
        context = model.context(support)
        net(x[None], context)
        wanted = found[:2]
        for weights, read in zip(net.looks(x[None], context), wanted, strict=True):
            value = context.value.unflatten(-1, (weights.shape[1], -1))
            mine = torch.einsum("nhyxs,nshd->nyxhd", weights, value).flatten(1, 2).flatten(2)
            assert torch.allclose(mine, read, atol=1e-5)


def test_weights_sum_to_one_and_follow_the_set() -> None:
    model, x, support = make(), torch.randint(2, (1, 7, 6)), torch.randint(2, (3, 1, 7, 6))
    seen = looks(model, x, support, read=1)
    assert seen.patches.shape == (2, 7, 6, 3, 4, 3)
    assert torch.allclose(seen.patches.sum((3, 4, 5)) + seen.nothing, torch.ones(2, 7, 6))
    turned = looks(model, x, support[[2, 0, 1]], read=1)
    assert torch.allclose(turned.patches, seen.patches[:, :, :, [2, 0, 1]], atol=1e-6)


def test_a_look_knows_earlier_pixels_alone() -> None:
    model, x, support = make(), torch.randint(2, (1, 7, 6)), torch.randint(2, (3, 1, 7, 6))
    other = x.clone()
    other[0, 3, 2:] = 1 - other[0, 3, 2:]
    other[0, 4:] = 1 - other[0, 4:]
    a, b = (looks(model, image, support).nothing.flatten(1) for image in (x, other))
    t = 3 * 6 + 2
    assert torch.equal(a[:, : t + 1], b[:, : t + 1]) and not torch.equal(a, b)


def test_what_can_not_be_looked_at_is_named() -> None:
    x, support = torch.zeros(1, 7, 6).long(), torch.zeros(2, 1, 7, 6).long()
    with pytest.raises(ValueError, match="ConditionalPixelCNN has 0 reads"):
        looks(ConditionalPixelCNN((1, 7, 6), width=8, depth=1), x, support)
    with pytest.raises(ValueError, match="2 reads, got number 2"):
        looks(make(), x, support, read=2)
    with pytest.raises(ValueError, match="an empty set has nothing to look at"):
        looks(make(), x, support[:0])


def test_images_come_to_where_the_model_is() -> None:
    x, support = torch.randint(2, (1, 7, 6)), torch.randint(2, (3, 1, 7, 6))
    seen = looks(make(read_at=(1,)).to("meta"), x, support)
    assert seen.patches.device.type == "meta" and seen.patches.shape == (2, 7, 6, 3, 4, 3)


def test_pictures_show_every_moment() -> None:
    model, x, support = make(), torch.randint(2, (1, 7, 6)), torch.randint(2, (3, 1, 7, 6))
    seen = looks(model, x, support)
    frames = list(animation(x, support, seen, 2, every=5))
    assert len(frames) == 9 and len({frame.tobytes() for frame in frames}) == 9
    assert strip(x, support, seen, 2, moments=4).size[0] > frames[0].size[0]


def test_the_verb_writes_strips_and_films(tmp_path, capsys) -> None:
    model = AttentionPixelCNN((1, 7, 7), width=8, depth=2, read_at=(1,), patches=8, heads=2)
    model.save(tmp_path / "model")
    for i in range(3):
        Image.new("L", (7, 7), 255 * (i % 2)).save(tmp_path / f"{i}.png")
    words = ["reads", str(tmp_path / "model"), str(tmp_path / "0.png")]
    words += ["--support", str(tmp_path / "1.png"), str(tmp_path / "2.png")]
    assert cli.main([*words, "--out", str(tmp_path / "strip.png")]) == 0
    assert cli.main([*words, "--out", str(tmp_path / "film.gif"), "--every", "7"]) == 0
    with Image.open(tmp_path / "film.gif") as film:
        assert film.n_frames == 7
    assert "of the attention is on the support set" in capsys.readouterr().out
    assert cli.main([*words, "--row", "7"]) == 1
    assert "--row: wanted 0 to 6, got 7" in capsys.readouterr().err
    assert ilk.reads is not None
