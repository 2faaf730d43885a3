"""What models refuse: conditions that are not theirs, and arguments that make no sense."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from ilk.models import (
    AttentionPixelCNN,
    ConditionalPixelCNN,
    GatedPixelCNN,
    MetaPixelCNN,
    PixelSNAIL,
    RecallPixelCNN,
)
from ilk.nn import Context


def few_shot() -> ConditionalPixelCNN:
    return ConditionalPixelCNN((1, 4, 4), width=8, depth=2, summary=8)


@pytest.mark.parametrize(
    ("support", "message"),
    [
        (torch.zeros(2, 1, 4, 4), r"integer images \(K, 1, 4, 4\) in 0..1, got torch.float32"),
        (torch.zeros(2, 3, 4, 4).long(), r"got shape \(2, 3, 4, 4\)"),
        (torch.zeros(2, 1, 5, 4).long(), r"got shape \(2, 1, 5, 4\)"),
        (torch.zeros(1, 4, 4).long(), r"got shape \(1, 4, 4\)"),
        (torch.full((2, 1, 4, 4), 2), r"in 0..1, got 2..2"),
        (torch.full((2, 1, 4, 4), -1), r"in 0..1, got -1..-1"),
        (torch.ones(2, 1, 4, 4, dtype=torch.bool), r"in 0..1, got torch.bool"),
        (torch.zeros(0, 2, 1, 4, 4).long(), r"or a batch of such; got an empty batch"),
        (torch.full((2, 1, 4, 4), torch.nan), r"got torch.float32"),
    ],
)
def test_support_sets_that_do_not_fit(support: torch.Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        few_shot()(support)


def test_masks_that_do_not_fit() -> None:
    support = torch.zeros(2, 3, 1, 4, 4).long()
    with pytest.raises(
        ValueError, match=r"mask must be boolean \(2, 3\), got torch.bool \(2, 4\)"
    ):
        few_shot()(support, torch.ones(2, 4, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"mask must be boolean \(2, 3\), got torch.float32"):
        few_shot()(support, torch.ones(2, 3))
    with pytest.raises(ValueError, match="there is no support set for it to cover"):
        few_shot()(None, torch.ones(2, 3, dtype=torch.bool))


def test_no_shots_are_a_support_set_too() -> None:
    model = few_shot()
    x = torch.randint(2, (3, 1, 4, 4))
    empty = model(torch.zeros(0, 1, 4, 4, dtype=torch.uint8))
    assert torch.equal(empty.log_prob(x), model().log_prob(x))


def test_an_empty_set_in_a_batch_and_a_mask_of_nothing_are_no_shots() -> None:
    model, x = few_shot(), torch.randint(2, (3, 2, 1, 4, 4))
    wanted = model().log_prob(x[:, 0])
    empty = torch.zeros(2, 0, 1, 4, 4, dtype=torch.uint8)
    assert torch.allclose(model(empty).log_prob(x)[:, 0], wanted)
    support, nobody = torch.randint(2, (2, 3, 1, 4, 4)), torch.zeros(2, 3, dtype=torch.bool)
    assert torch.allclose(model(support, nobody).log_prob(x)[:, 0], wanted)


def test_more_shots_than_trained_for_still_work() -> None:
    assert few_shot()(torch.randint(2, (30, 1, 4, 4))).sample().shape == (1, 4, 4)


def test_a_condition_that_is_not_the_models() -> None:
    support = torch.zeros(2, 1, 4, 4).long()
    plain = GatedPixelCNN((1, 4, 4), width=8, depth=1)
    with pytest.raises(ValueError, match="support: GatedPixelCNN takes no support set"):
        plain(support)
    with pytest.raises(ValueError, match="label: GatedPixelCNN takes no label"):
        plain(label=1)
    with pytest.raises(ValueError, match="label: ConditionalPixelCNN takes no label"):
        few_shot()(label=1)
    with pytest.raises(ValueError, match="support: PixelSNAIL takes no support set"):
        PixelSNAIL((1, 4, 4), labels=2, width=8, depth=2)(support)


@pytest.mark.parametrize("label", [3, -1, 0.5, True, [], torch.zeros(0).long(), [[0]], [0, 3]])
def test_labels_that_do_not_fit(label: object) -> None:
    model = GatedPixelCNN((1, 4, 4), labels=3, width=8, depth=1)
    with pytest.raises(ValueError, match="label must be"):
        model(label=label)
    with pytest.raises(ValueError, match=r"needs one of 0..2, got none"):
        model()


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: GatedPixelCNN((4, 4)), r"shape must be \(channels, height, width\)"),
        (lambda: GatedPixelCNN((1, 4, 4), depth=0), "depth must be at least 1 with 'gated'"),
        (lambda: PixelSNAIL((1, 4, 4), depth=1), "depth must be at least 2 with 'snail', got 1"),
        (lambda: GatedPixelCNN((1, 4, 4), width=0), "width must be at least 1, got 0"),
        (lambda: GatedPixelCNN((1, 4, 4), labels=0), "labels must be at least 1 or None, got 0"),
        (lambda: ConditionalPixelCNN((1, 4, 4), shots=-3), "shots must be 0 or more, got -3"),
        (lambda: AttentionPixelCNN((1, 4, 4), heads=0), "heads=0, features=64"),
        (lambda: GatedPixelCNN((1, 4, 4), levels=4), "levels must be 2 for a Bernoulli"),
        (lambda: GatedPixelCNN((1, 4, 4), likelihood="x"), "likelihood must be one of"),
        (lambda: ConditionalPixelCNN((1, 4, 4), backbone="x"), "backbone must be one of"),
        (lambda: AttentionPixelCNN((1, 4, 4), read_at=(9,)), r"read_at=\(9,\) .* 0 to 7"),
        (lambda: AttentionPixelCNN((1, 4, 4), read_at=()), "must name at least one layer"),
        (lambda: AttentionPixelCNN((1, 4, 4), attention="x"), "attention must be 'dot' or"),
        (lambda: AttentionPixelCNN((1, 4, 4), heads=5), "heads=5, features=64"),
    ],
)
def test_arguments_that_make_no_sense(build, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()


def test_every_weight_learns() -> None:
    model = AttentionPixelCNN((1, 8, 8), width=8, depth=3, read_at=(1, 2), patches=8, heads=2)
    support = torch.randint(2, (2, 3, 1, 8, 8))
    mask = torch.tensor([[True, True, True], [True, False, False]])
    model(support, mask).log_prob(torch.randint(2, (4, 2, 1, 8, 8))).sum().backward()
    for name, weight in model.named_parameters():
        last = name.startswith("net.layers.2.vertical")
        assert weight.grad is not None and (weight.grad.abs().sum() > 0 or last), name


_TINY = {"width": 16, "depth": 2}
FEW_SHOT = {
    "conditional": lambda: ConditionalPixelCNN((1, 4, 4), **_TINY),
    "attention": lambda: AttentionPixelCNN((1, 4, 4), read_at=(1,), **_TINY),
    "recall": lambda: RecallPixelCNN((1, 4, 4), read_at=(1,), **_TINY),
    "meta": lambda: MetaPixelCNN(GatedPixelCNN((1, 4, 4), **_TINY), layer=1),
}


@pytest.mark.parametrize("name", FEW_SHOT)
def test_a_thousand_samples_and_their_scores_look_at_the_support_set_once(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, calls = FEW_SHOT[name](), []
    context = type(model).context

    def counted(self, *args, **kwargs):
        calls.append(args)
        return context(self, *args, **kwargs)

    monkeypatch.setattr(type(model), "context", counted)
    encoders = [m for m in model.children() if m not in (model.net, getattr(model, "base", None))]
    for module in encoders:
        module.register_forward_hook(lambda *_: calls.append("module"))
    p = model(torch.randint(2, (3, 1, 4, 4)))
    conditioned = len(calls)
    x = p.sample((1000,))
    p.log_prob(x)
    assert x.shape == (1000, 1, 4, 4) and conditioned >= 1 and len(calls) == conditioned


def test_a_context_is_that_of_the_model_and_comes_alone() -> None:
    make = {
        "conditional": lambda: ConditionalPixelCNN((1, 4, 4), width=8, depth=2),
        "attention": lambda: AttentionPixelCNN((1, 4, 4), read_at=(1,), **_TINY),
        "narrow": lambda: AttentionPixelCNN((1, 4, 4), read_at=(1,), **{**_TINY, "patches": 4}),
    }
    models = {name: build() for name, build in make.items()}
    support = torch.randint(2, (3, 1, 4, 4))
    contexts = {name: model.context(support) for name, model in models.items()}
    for name, model in models.items():
        assert model(context=contexts[name]).batch_shape == ()
        with pytest.raises(ValueError, match="context: it takes the place of a support set"):
            model(support, context=contexts[name])
        for other, context in contexts.items():
            if other != name:
                with pytest.raises(ValueError, match=r"context: \w+ must be .*, got .*another"):
                    model(context=context)
        with pytest.raises(ValueError, match="got nothing"):
            model(context=Context())


def test_a_context_on_disk_that_is_none(tmp_path: Path) -> None:
    model = ConditionalPixelCNN((1, 4, 4), width=8, depth=2)
    path = tmp_path / "a.safetensors"
    model.context(torch.randint(2, (3, 1, 4, 4))).save(path)
    whole = path.read_bytes()
    assert Context.load(path).summary is not None
    other = safetensors.torch.save({"x": torch.ones(1)})
    for damaged in (whole[: len(whole) // 2], b"", b"hello", other):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"a\.safetensors is no context, or damaged"):
            Context.load(path)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int64])
def test_labels_of_any_integers(dtype: torch.dtype) -> None:
    model = GatedPixelCNN((1, 4, 4), width=8, depth=2, labels=3)
    assert model(label=torch.tensor([1, 2], dtype=dtype)).batch_shape == (2,)


@pytest.mark.parametrize("support", [[[0]], np.zeros((2, 1, 4, 4), dtype=np.uint8)])
def test_a_support_set_is_a_tensor(support: object) -> None:
    model = ConditionalPixelCNN((1, 4, 4), width=8, depth=2)
    with pytest.raises(ValueError, match=r"as a tensor, got (list|ndarray)"):
        model(support)  # type: ignore[arg-type]
