"""ilk: show it a few examples; get a distribution.

>>> import ilk, torch
>>> model = ilk.models.AttentionPixelCNN((1, 4, 4), width=8, depth=2, read_at=(1,))
>>> p = model(torch.randint(2, (3, 1, 4, 4)))     # a support set of three images
>>> x = p.sample((16,))                           # sixteen more
>>> nats = p.log_prob(x)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import (
        coding,
        data,
        distributions,
        evaluation,
        export,
        models,
        nn,
        reads,
        render,
        training,
    )
    from .checks import CausalityReport, check_causality, naive_sample
    from .models import load

__all__ = [
    "CausalityReport",
    "check_causality",
    "coding",
    "data",
    "distributions",
    "evaluation",
    "export",
    "load",
    "models",
    "naive_sample",
    "nn",
    "reads",
    "render",
    "training",
]

__version__ = "0.1.0"

_HOMES = {
    "CausalityReport": "checks",
    "check_causality": "checks",
    "load": "models",
    "naive_sample": "checks",
}


def __getattr__(name: str) -> Any:
    # Loaded when asked for, so that `ilk --help` does not wait for torch.
    if name not in __all__:
        raise AttributeError(f"module 'ilk' has no attribute {name!r}")
    if name in _HOMES:
        return getattr(importlib.import_module(f"ilk.{_HOMES[name]}"), name)
    return importlib.import_module(f"ilk.{name}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
