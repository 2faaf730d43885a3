r"""ONNX: a model's conditional as a graph that needs neither ilk nor PyTorch.

| input | |
| --- | --- |
| `x` | images, integers `(batch, images, C, H, W)` |
| `support` | support sets, integers `(batch, shots, C, H, W)`; models that take one |
| `mask` | which of these images are there, boolean `(batch, shots)` |
| `label` | integers `(batch)`; models that take one |

| output | |
| --- | --- |
| `parameters` | of every pixel given those before it, `(batch, images, P, H, W)` |
| `log_prob` | of every image, nats, `(batch, images)` |

`batch` conditions, each with as many `images` and `shots`, all three of any number: padding under
the mask does not count, and there may be no shots at all. Without a condition `batch` is free.
"""

from __future__ import annotations

import copy
import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .distributions import Logistics
from .models import MetaPixelCNN, Model, RecallPixelCNN
from .models.identity import fingerprint

__all__ = ["CHECKED", "TOLERANCE", "Exported", "to_onnx"]

TOLERANCE = 1e-4
# Batch, images and shots at which a graph is run beside the model.
CHECKED = ((1, 1, 0), (1, 1, 1), (1, 5, 4), (2, 3, 8), (3, 1, 2))
_TRACED = (2, 3, 4)


@dataclass(frozen=True)
class Exported:
    """A graph that was found to compute what its model does.

    Attributes:
        content: The file.
        difference: Largest difference from PyTorch over all sizes of `CHECKED`, by output: of
            parameters, and of nats a dimension; relative where a value exceeds 1.
        metadata: What the file says of itself: version of ilk, name and fingerprint of the model,
            its config, `shape`, `levels`, `shots`, `likelihood`.
    """

    content: bytes
    difference: dict[str, float]
    metadata: dict[str, str]


class _Graph(nn.Module):
    """What is exported: context, network and likelihood in one."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(
        self,
        x: Tensor,
        support: Tensor | None = None,
        mask: Tensor | None = None,
        label: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        model = self.model
        if support is not None and mask is not None:
            # One more image, under the mask: no operator has to do with an empty set.
            support = torch.cat([torch.zeros_like(x[:, :1]), support], dim=1)
            mask = nn.functional.pad(mask, (1, 0), value=False)
        context = model.context(support, mask, label=label).spread(x.shape[1])
        flat = x.flatten(0, 1)
        parameters = model.net(flat, context)
        nats = model.likelihood.log_prob(parameters, flat).sum(dim=(1, 2, 3))
        return parameters.unflatten(0, x.shape[:2]), nats.unflatten(0, x.shape[:2])


def to_onnx(model: Model, name: str = "", tolerance: float = TOLERANCE) -> Exported:
    """A model's conditional as ONNX, in float32, run beside PyTorch before it is returned.

    Arguments:
        model: Any model of the package but `MetaPixelCNN`, and `RecallPixelCNN` with logistics.
        name: By which `ilk.load` finds the model, for the metadata.
        tolerance: Largest difference from PyTorch that is accepted, see `Exported`.

    Raises:
        ValueError: If the model needs gradients, or the tolerance is not positive.
        ImportError: If the packages of `ilk[export]` are missing.
        RuntimeError: If onnxruntime computes something else than PyTorch.
    """
    _refuse(model)
    if not tolerance > 0:
        raise ValueError(f"tolerance must be positive, got {tolerance}")
    try:
        import onnxruntime
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ImportError(f"{error.name}: not installed; pip install 'ilk[export]'") from error
    graph = _Graph(copy.deepcopy(model).float().cpu().requires_grad_(False)).eval()
    metadata = _metadata(model, name)
    content = _trace(graph, metadata)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    difference = {"parameters": 0.0, "log_prob": 0.0}
    for sizes in CHECKED:
        given = _inputs(model, sizes)
        got = session.run(list(difference), {k: t.numpy() for k, t in given.items()})
        with torch.inference_mode():
            wanted = graph(**given)
        for (output, scale), a, b in zip(
            (("parameters", 1), ("log_prob", model.dims)), got, wanted, strict=True
        ):
            off = _difference(np.asarray(a) / scale, b.numpy() / scale)
            difference[output] = max(difference[output], off)
            if not off <= tolerance:
                raise RuntimeError(
                    f"onnxruntime differs from PyTorch by {off:.1e} in {output} at (batch, images,"
                    f" shots) = {sizes}, more than the tolerance {tolerance:.1e}"
                )
    return Exported(content, difference, metadata)


def _refuse(model: Model) -> None:
    if isinstance(model, MetaPixelCNN):
        raise ValueError(
            "model: MetaPixelCNN takes gradient steps on every support set; a graph has one set"
            " of weights, and no gradients. Export its base, or a model that reads the support set"
        )
    if isinstance(model, RecallPixelCNN) and isinstance(model.likelihood, Logistics):
        raise ValueError(
            "model: RecallPixelCNN reads gradients of its likelihood, and those of logistics are"
            " not written out for a graph; bernoulli and categorical are"
        )


def _difference(a: np.ndarray, b: np.ndarray) -> float:
    """Largest absolute difference, relative to b where that exceeds 1; NaN if any is."""
    if a.shape != b.shape:
        return float("inf")
    return float((np.abs(a - b) / np.maximum(1, np.abs(b))).max())


def _inputs(model: Model, sizes: tuple[int, int, int]) -> dict[str, Tensor]:
    """Inputs of the graph, the same every time: noise, a blank image, some shots masked."""
    batch, images, shots = sizes
    source = torch.Generator().manual_seed(0)
    dtype = torch.uint8 if model.levels <= 256 else torch.int64

    def pictures(count: int) -> Tensor:
        size = (batch, count, *model.shape)
        return torch.randint(model.levels, size, generator=source).to(dtype)

    # Noise is unlike all that a model expects, and hides small errors in what it does expect.
    given = {"x": torch.cat([pictures(images)[:, 1:], pictures(1).zero_()], dim=1)}
    if model.conditioning == "support":
        given["support"] = pictures(shots)
        given["mask"] = torch.rand(batch, shots, generator=source) < 0.8
    elif model.conditioning == "label":
        labels = int(model.config["labels"])
        given["label"] = torch.randint(labels, (batch,), generator=source)
    return given


def _trace(graph: _Graph, metadata: Mapping[str, str]) -> bytes:
    """The graph as a file."""
    given = _inputs(graph.model, _TRACED)
    batch, images, shots = (torch.export.Dim(name) for name in ("batch", "images", "shots"))
    dynamic = {
        "x": {0: batch, 1: images},
        "support": {0: batch, 1: shots},
        "mask": {0: batch, 1: shots},
        "label": {0: batch},
    }
    with _quiet():
        program: Any = torch.onnx.export(
            graph,
            kwargs=given,
            dynamo=True,
            input_names=list(given),
            output_names=["parameters", "log_prob"],
            dynamic_shapes={name: dynamic[name] for name in given},
            verbose=False,
        )
    program.model.metadata_props.update(metadata)
    return program.model_proto.SerializeToString()


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter remarks on what it does itself, and on packages that nobody asked for."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _metadata(model: Model, name: str) -> dict[str, str]:
    from . import __version__

    return {
        "ilk": __version__,
        "model": name,
        "fingerprint": fingerprint(model),
        "config": json.dumps(model.config),
        "shape": json.dumps(model.shape),
        "levels": str(model.levels),
        "conditioning": model.conditioning,
        "shots": str(model.shots),
        "likelihood": repr(model.likelihood),
    }
