"""`import ilk` is quick and pulls in nothing that only some commands need."""

from __future__ import annotations

import subprocess
import sys

LATE = ("PIL", "rich", "tyro", "accelerate", "tensorboard", "fastapi", "constriction")
LATE += ("onnx", "onnxruntime", "huggingface_hub")


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_import_costs_little_more_than_torch() -> None:
    code = (
        "import time, torch; b = time.process_time(); import ilk; ilk.load, ilk.nn, "
        "ilk.data, ilk.distributions; print(time.process_time() - b)"
    )
    # Processor time, the best of up to five: others may be using the machine.
    assert any(float(run(code)) < 0.2 for _ in range(5))


def test_import_leaves_out_what_is_not_needed() -> None:
    loaded = run(
        f"import sys, ilk; ilk.load, ilk.data; print([m for m in {LATE} if m in sys.modules])"
    )
    assert loaded == "[]"


def test_import_leaves_torch_as_it_was() -> None:
    code = """
import torch
from torch.distributions import Distribution
before = Distribution._Distribution__validate_args if hasattr(
    Distribution, "_Distribution__validate_args") else Distribution._validate_args
threads, dtype = torch.get_num_threads(), torch.get_default_dtype()
import ilk; ilk.load, ilk.data
after = Distribution._validate_args
print(before == after, threads == torch.get_num_threads(), dtype == torch.get_default_dtype())
"""
    assert run(code) == "True True True"
