"""ilk: show it a few examples; get a distribution.

>>> import ilk
>>> model = ilk.models.AttentionPixelCNN((1, 4, 4), width=8, depth=2, read_at=(1,))
>>> p = model(torch.randint(2, (3, 1, 4, 4)))     # a support set of three images
>>> x = p.sample((16,))                           # sixteen more
>>> nats = p.log_prob(x)
"""

from __future__ import annotations

from . import data, distributions, models, nn
from .checks import CausalityReport, check_causality, naive_sample
from .models import load

__all__ = [
    "CausalityReport",
    "check_causality",
    "data",
    "distributions",
    "load",
    "models",
    "naive_sample",
    "nn",
]

__version__ = "0.1.0"
