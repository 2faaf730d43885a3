"""ONNX graphs, run without PyTorch: the same distribution, at sizes that were not traced."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import all_images

import ilk
from ilk import export
from ilk.cli import main
from ilk.models import (
    AttentionPixelCNN,
    ConditionalPixelCNN,
    ContextModel,
    GatedPixelCNN,
    MetaPixelCNN,
    Model,
    PixelCNNpp,
    PixelSNAIL,
    RecallPixelCNN,
)
from ilk.models.identity import fingerprint

ort = pytest.importorskip("onnxruntime")

SHAPE = (1, 2, 3)
_FEW = {"width": 8, "depth": 1, "summary": 8}
_READ = {**_FEW, "depth": 2, "read_at": (1,), "patches": 24}
_RECALL = {**_FEW, "depth": 2, "read_at": (1,), "patches": 24}
_COLOUR = {"levels": 3, "likelihood": "logistics"}
_GREY = {"levels": 4, "likelihood": "categorical"}


def seeded(build: Callable[[], Model], seed: int = 0) -> Model:
    """A model of which everything shows, what begins at zero too."""
    torch.manual_seed(seed)
    model = build().eval().requires_grad_(False)
    for weight in model.parameters():
        weight.add_(0.2 * torch.randn_like(weight))
    if isinstance(model, ContextModel):
        model.net.logit.copy_(torch.randn_like(model.net.logit))
    return model


def session(content: bytes) -> ort.InferenceSession:
    return ort.InferenceSession(content, providers=["CPUExecutionProvider"])


@pytest.fixture(scope="module")
def model() -> Model:
    return seeded(lambda: AttentionPixelCNN(SHAPE, **_READ))


@pytest.fixture(scope="module")
def exported(model: Model) -> export.Exported:
    return export.to_onnx(model, "a/model")


def ask(content: bytes, x: np.ndarray, support: np.ndarray, mask: np.ndarray) -> list[np.ndarray]:
    given = {"x": x, "support": support, "mask": mask}
    return session(content).run(["parameters", "log_prob"], given)


def test_the_graph_alone_is_a_distribution(exported: export.Exported) -> None:
    images = all_images(*SHAPE, 2).numpy().astype(np.uint8)
    rng = np.random.default_rng(0)
    for shots in (0, 1, 6):
        support = rng.integers(2, size=(3, shots, *SHAPE)).astype(np.uint8)
        x = np.broadcast_to(images, (3, *images.shape))
        _, nats = ask(exported.content, x, support, np.ones((3, shots), dtype=bool))
        assert nats.shape == (3, 64)
        assert np.allclose(np.exp(nats).sum(1), 1, atol=1e-5)
        if shots:
            assert np.abs(nats[0] - nats[1]).max() > 1e-3, "the support set does not count"


def test_the_graph_gives_what_the_model_does(model: Model, exported: export.Exported) -> None:
    x, support = torch.randint(2, (4, 2, *SHAPE)), torch.randint(2, (2, 7, *SHAPE))
    mask = torch.rand(2, 7) < 0.5
    p = model(support.byte(), mask)
    given = (x.transpose(0, 1).byte(), support.byte(), mask)
    parameters, nats = ask(exported.content, *(t.numpy() for t in given))
    assert np.allclose(parameters, p.parameters(x).transpose(0, 1), atol=1e-5)
    assert np.allclose(nats, p.log_prob(x).T, atol=1e-4)


def test_no_pixel_of_the_graph_sees_itself_or_a_later_one(exported: export.Exported) -> None:
    x = np.zeros((1, 7, *SHAPE), dtype=np.uint8)
    for t in range(6):
        x[0, t + 1].reshape(-1)[t] = 1
    parameters, _ = ask(exported.content, x, x[:, :2], np.ones((1, 2), dtype=bool))
    flat = parameters[0].reshape(7, 6)
    moved = np.abs(flat[1:] - flat[0]) > 1e-6
    assert not np.tril(moved).any() and np.triu(moved, 1)[np.triu_indices(6, 1)].all()


@pytest.mark.parametrize("build", [GatedPixelCNN, PixelSNAIL])
def test_the_graph_is_right_where_the_model_is_certain(build: type[Model]) -> None:
    family = {"levels": 2, "likelihood": "bernoulli" if build is GatedPixelCNN else "logistics"}
    model = seeded(lambda: build(SHAPE, width=8, depth=2, **family))
    model.net.head[-1].bias.fill_(30 if build is GatedPixelCNN else -7)
    done = export.to_onnx(model)
    x = torch.stack([torch.zeros(SHAPE), torch.ones(SHAPE), torch.eye(2, 3)[None]]).byte()
    (nats,) = session(done.content).run(["log_prob"], {"x": x[None].numpy()})
    assert np.allclose(nats[0], model.double()().log_prob(x), rtol=1e-5, atol=1e-5)
    assert nats.min() < -100


def test_metadata(model: Model, exported: export.Exported) -> None:
    read = session(exported.content).get_modelmeta().custom_metadata_map
    assert read == exported.metadata
    assert read["fingerprint"] == fingerprint(model) and read["ilk"] == ilk.__version__
    assert read["levels"] == "2" and json.loads(read["shape"]) == list(SHAPE)
    assert read["likelihood"] == "Bernoulli(channels=1, levels=2)" and read["model"] == "a/model"
    assert Model.of(json.loads(read["config"])).config == model.config


def test_a_graph_that_differs_is_refused_and_not_left(
    model: Model,
    exported: export.Exported,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(export, "_trace", lambda graph, metadata: exported.content)
    assert export.to_onnx(model).difference == exported.difference
    assert all(0 < d < 1e-5 for d in exported.difference.values())
    with pytest.raises(RuntimeError, match=r"differs from PyTorch by .* in parameters at"):
        export.to_onnx(model, tolerance=1e-12)
    other = seeded(lambda: AttentionPixelCNN(SHAPE, **_READ), seed=1)
    folder, out = str(other.save(tmp_path / "other")), tmp_path / "out" / "other.onnx"
    assert main(["export", folder, "--onnx", str(out)]) == 1
    assert "onnxruntime differs from PyTorch" in capsys.readouterr().err
    assert list(out.parent.iterdir()) == []
    folder = str(model.save(tmp_path / "model"))
    assert main(["export", folder, "--onnx", str(out), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["bytes"] == out.stat().st_size and facts["difference"] == exported.difference


def test_meta_is_refused_with_the_reason() -> None:
    model = MetaPixelCNN(ConditionalPixelCNN(SHAPE, **_FEW), layer=1)
    with pytest.raises(ValueError, match="gradient steps on every support set"):
        export.to_onnx(model)
    with pytest.raises(ValueError, match="gradients of its likelihood"):
        export.to_onnx(RecallPixelCNN((3, 4, 4), **_RECALL, **_COLOUR))


def test_what_is_missing_is_named(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(ImportError, match=r"onnxruntime: not installed; pip install 'ilk\[exp"):
        export.to_onnx(model)


CASES: dict[str, Callable[[], Model]] = {
    "context": lambda: ContextModel(SHAPE, order=8),
    "gated": lambda: GatedPixelCNN(SHAPE, width=8, depth=2),
    "snail by label": lambda: PixelSNAIL(SHAPE, labels=3, width=8, depth=2, **_GREY),
    "pixelcnnpp": lambda: PixelCNNpp((3, 3, 3), width=8, depth=1, **_COLOUR),
    "conditional": lambda: ConditionalPixelCNN((3, 4, 4), **_FEW, **_COLOUR),
    "additive": lambda: AttentionPixelCNN(SHAPE, attention="additive", **_READ),
    "local snail": lambda: AttentionPixelCNN(
        (1, 5, 4), backbone="snail", local=True, patch=2, **_READ, **_GREY
    ),
    "attention pixelcnnpp": lambda: AttentionPixelCNN(
        (1, 5, 4), backbone="pixelcnnpp", **_READ, **_GREY
    ),
    "recall": lambda: RecallPixelCNN((1, 5, 4), **_RECALL),
    "recall snail": lambda: RecallPixelCNN((1, 5, 4), backbone="snail", **_RECALL, **_GREY),
    "recall pixelcnnpp": lambda: RecallPixelCNN((1, 5, 4), backbone="pixelcnnpp", **_RECALL),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_every_conditioning_on_every_backbone(name: str) -> None:
    model = seeded(CASES[name])
    done = export.to_onnx(model)
    # The sizes of `CHECKED` were run; these are further ones.
    for sizes in ((4, 1, 1), (1, 2, 5), (2, 2, 0)):
        given = export._inputs(model, sizes)
        told = {k: given[k] for k in ("support", "mask", "label") if k in given}
        x = given["x"]
        if model.conditioning == "none":
            p, wanted = model(), model().log_prob(x)
        else:
            p = model(**told)
            each = x if p.batch_shape else x[0]
            wanted = p.log_prob(each.transpose(0, 1)).T
        (nats,) = session(done.content).run(["log_prob"], {k: t.numpy() for k, t in given.items()})
        assert np.allclose(nats, wanted, atol=1e-3), (p, sizes)
