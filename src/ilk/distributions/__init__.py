"""What a model returns: distributions over images, and the likelihood of one pixel."""

from __future__ import annotations

from .autoregressive import Autoregressive
from .likelihoods import Bernoulli, Categorical, Likelihood, Logistics, likelihood

__all__ = [
    "Autoregressive",
    "Bernoulli",
    "Categorical",
    "Likelihood",
    "Logistics",
    "likelihood",
]
