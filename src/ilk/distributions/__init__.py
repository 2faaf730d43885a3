"""What a model returns: distributions over images, and the likelihood of one pixel."""

from __future__ import annotations

from .autoregressive import Autoregressive
from .completion import Completions, complete_around, completing, follows, resample, sweep
from .likelihoods import Bernoulli, Categorical, Likelihood, Logistics, likelihood
from .turned import Sides, Turned

__all__ = [
    "Autoregressive",
    "Bernoulli",
    "Categorical",
    "Completions",
    "Likelihood",
    "Logistics",
    "Sides",
    "Turned",
    "complete_around",
    "completing",
    "follows",
    "likelihood",
    "resample",
    "sweep",
]
