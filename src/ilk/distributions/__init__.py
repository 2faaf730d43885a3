"""What a model returns: distributions over images, and the likelihood of one pixel."""

from __future__ import annotations

from .autoregressive import Autoregressive
from .completion import Completions, complete_around, completing, follows, resample, sweep
from .guided import Guided
from .likelihoods import Bernoulli, Categorical, Likelihood, Logistics, likelihood
from .picking import flaw, pick
from .turned import Sides, Turned

__all__ = [
    "Autoregressive",
    "Bernoulli",
    "Categorical",
    "Completions",
    "Guided",
    "Likelihood",
    "Logistics",
    "Sides",
    "Turned",
    "complete_around",
    "completing",
    "flaw",
    "follows",
    "likelihood",
    "pick",
    "resample",
    "sweep",
]
