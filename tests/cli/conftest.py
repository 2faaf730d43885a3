"""A small model, and kinds of drawings of its size, for the verbs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import ilk

SIDE = 8


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The directory of a few-shot model of binary images of 8x8."""
    torch.manual_seed(0)
    model = ilk.models.AttentionPixelCNN(
        (1, SIDE, SIDE), width=8, depth=2, read_at=(1,), patches=8, shots=4
    )
    return str(model.save(tmp_path_factory.mktemp("models") / "tiny"))


@pytest.fixture
def kinds(tmp_path: Path) -> Path:
    """A folder of kinds "bar", "dot" and "one": 4, 3 and 1 drawings."""
    root = tmp_path / "kinds"
    for k, (name, count) in enumerate({"bar": 4, "dot": 3, "one": 1}.items()):
        (root / name).mkdir(parents=True)
        for i in range(count):
            ink = np.random.default_rng([k, i]).random((SIDE, SIDE)) < 0.1 + 0.3 * k
            Image.fromarray((ink * 255).astype(np.uint8)).save(root / name / f"{i}.png")
    return root
