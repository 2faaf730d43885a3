"""Every sort of model can be drawn from and scored, without gradients being kept."""

from __future__ import annotations

import base64

import pytest
import torch

import ilk

pytest.importorskip("fastapi", reason="needs the extra `studio`")

from ilk.models import Model
from ilk.reads import grid
from ilk.studio import Limits
from ilk.studio.drawing import draw
from ilk.studio.wire import Image, Look, Sample, Score
from ilk.studio.work import attention, score


def models() -> list[Model]:
    attentive = ilk.models.AttentionPixelCNN(
        (1, 5, 6), width=8, depth=2, read_at=(0, 1), patches=8, patch=2, margin=1
    )
    return [
        attentive,
        ilk.models.MetaPixelCNN(attentive, layer=1),
        ilk.models.RecallPixelCNN((1, 8, 8), width=8, depth=2, read_at=(1,), patches=24),
        ilk.models.GatedPixelCNN((3, 4, 4), levels=256, width=8, depth=2, likelihood="logistics"),
        ilk.models.AttentionPixelCNN(
            (3, 6, 6),
            levels=256,
            width=8,
            depth=2,
            backbone="pixelcnnpp",
            likelihood="logistics",
            read_at=(1,),
            patches=8,
        ),
    ]


@pytest.mark.parametrize("model", models(), ids=lambda model: type(model).__name__)
def test_every_model(model: Model) -> None:
    model.eval()
    blank = Image(pixels=base64.b64encode(bytes(model.dims)).decode())
    support = [blank] * 2 if model.conditioning == "support" else []
    with torch.inference_mode():
        *_, done = draw(Sample(support=support, count=2, seed=0), model, Limits())
        drawn = [Image(pixels=image["pixels"]) for image in done["images"]]
        *_, scored = score(Score(support=support, images=drawn), model, Limits())
        told = [image["nats"] for image in done["images"]]
        assert [row["nats"] for row in scored["images"]] == pytest.approx(told, rel=1e-3)
        if grid(model) is not None:
            rows, columns = grid(model) or (0, 0)
            *_, read = attention(Look(support=support, image=blank), model, Limits())
            _, height, width = model.shape
            size = len(base64.b64decode(read["weights"]))
            assert size == height * width * len(support) * rows * columns


def test_attention_is_not_told_without_end() -> None:
    """A large image read pixel by pixel would be billions of numbers."""
    model = ilk.models.AttentionPixelCNN((1, 6, 6), width=8, depth=2, read_at=(1,), patch=1)
    image = Image(pixels=base64.b64encode(bytes(36)).decode())
    look = Look(support=[image], image=image)
    with torch.inference_mode():
        assert list(attention(look, model.eval(), Limits(reading=36 * 36)))
        with pytest.raises(ValueError, match="numbers: wanted at most 1295, got 1296"):
            list(attention(look, model, Limits(reading=36 * 36 - 1)))
