"""`ilk export`: a model as ONNX, to run without PyTorch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import tyro

from .common import JsonFlag, ModelName, check_writable, load_model, parse, write_file, write_json

__all__ = ["export", "main"]


def export(
    model: Annotated[ModelName, tyro.conf.Positional],
    onnx: Annotated[Path, tyro.conf.arg(help="File to write, .onnx.")],
    tolerance: Annotated[
        float, tyro.conf.arg(help="Largest difference from PyTorch; beyond it nothing is written.")
    ] = 1e-4,
    json: JsonFlag = False,
) -> None:
    """A model's conditional as ONNX, with any number of conditions, examples and images.

    It gives the parameters of every pixel given those before it, and log p(x | support) in nats.
    Before it is written it is run in onnxruntime beside PyTorch, at several sizes.

    Example: ilk export omniglot --onnx omniglot.onnx
    """
    check_writable(onnx, "--onnx")
    loaded = load_model(model, "cpu")
    from ilk.export import CHECKED, to_onnx

    done = to_onnx(loaded, model, tolerance)
    write_file(onnx, done.content)
    if json:
        sizes = [dict(zip(("batch", "images", "shots"), each, strict=True)) for each in CHECKED]
        facts = {"out": str(onnx), "bytes": len(done.content), "metadata": done.metadata}
        write_json({**facts, "difference": done.difference, "checked": sizes})
        return
    parameters, nats = done.difference["parameters"], done.difference["log_prob"]
    print(
        f"{onnx}: {len(done.content):,} bytes; at {len(CHECKED)} sizes onnxruntime differs from"
        f" PyTorch by at most {parameters:.1e} in parameters and {nats:.1e} in nats/dim"
    )


def main(arguments: Sequence[str]) -> None:
    """Runs `ilk export`."""
    parse(export, "export", arguments)
