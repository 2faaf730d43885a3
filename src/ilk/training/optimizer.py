"""The optimisers: AdamW, and Muon for kernels and matrices with AdamW for the rest."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.optim import AdamW

from .recipe import Recipe

__all__ = ["Muon", "Optimizer", "adamw", "muon", "optimizer"]

# A kernel with a side shorter than this (places, a last layer, where heads look) has few
# directions to even out, and is left to AdamW.
SIDE = 32


def optimizer(recipe: Recipe, weights: list[Tensor]) -> Optimizer:
    """The optimiser of a recipe for the parameters of its model."""
    return muon(recipe, weights) if recipe.optimizer == "muon" else adamw(recipe, weights)


def adamw(recipe: Recipe, weights: list[Tensor]) -> AdamW:
    """AdamW with decay on what multiplies (kernels, matrices), none on what adds or scales.

    Source: Loshchilov & Hutter, *Decoupled weight decay regularization*, 2019 (arXiv 1711.05101).
    """
    groups = [
        {"params": [w for w in weights if w.ndim >= 2], "weight_decay": recipe.weight_decay},
        {"params": [w for w in weights if w.ndim < 2], "weight_decay": 0.0},
    ]
    return AdamW(groups, lr=recipe.lr, betas=(0.9, recipe.beta2), fused=True)


def muon(recipe: Recipe, weights: list[Tensor]) -> Muon | AdamW:
    """Muon for kernels and matrices whose sides are long enough, `adamw` for all else."""
    wide = [w for w in weights if w.ndim in (2, 4) and min(_matrix(w, w).shape) >= SIDE]
    if not wide:
        return adamw(recipe, weights)
    ids = {id(w) for w in wide}
    rest = adamw(recipe, [w for w in weights if id(w) not in ids])
    return Muon(wide, rest, recipe.lr, recipe.weight_decay)


class Muon:
    r"""Muon for matrices and for the kernels of convolutions, beside AdamW for all else.

    .. math::
        M_{i+1} = 0.95 \, M_i + 0.05 \, G_i, \qquad
        \theta_{i+1} = (1 - \eta \lambda) \theta_i
            - 0.2 \, \eta \sqrt{\max(n, m)} \; \mathrm{orth}(0.05 \, G_i + 0.95 \, M_{i+1})

    where orth takes all singular values to about 1. A kernel `(n, ...)` is the matrix of n rows
    that it multiplies windows with. PyTorch's Muon takes matrices alone: it is given the kernels
    as views of these.

    Source: Jordan et al., *Muon: an optimizer for hidden layers in neural networks*, 2024; the
    factor of the step is that of Liu et al., *Muon is scalable for LLM training*, 2025
    (arXiv 2502.16982), equation 4.

    Arguments:
        kernels: Parameters of two or four dimensions.
        rest: Has all other parameters, and steps whenever this does.
        lr: Learning rate.
        weight_decay: Of the kernels.

    Attributes:
        param_groups: Those of both, by reference.
        state: What either keeps of a parameter, by reference.

    Example:
        >>> kernel = torch.nn.Parameter(torch.zeros(4, 2, 3, 3))
        >>> rest = AdamW([torch.nn.Parameter(torch.zeros(3))])
        >>> kernel.sum().backward()
        >>> Muon([kernel], rest, lr=0.1, weight_decay=0.0).step()
        >>> kernel.detach().flatten()[:3]
        tensor([-0.007, -0.007, -0.007])
    """

    def __init__(self, kernels: list[Tensor], rest: AdamW, lr: float, weight_decay: float) -> None:
        self.kernels, self.rest = kernels, rest
        self.matrices = [_matrix(w, w).detach() for w in kernels]
        self.muon = torch.optim.Muon(
            self.matrices, lr=lr, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw"
        )
        self.param_groups: list[dict[str, Any]] = [*self.muon.param_groups, *rest.param_groups]
        others = [w for group in rest.param_groups for w in group["params"]]
        self.state: dict[Tensor, dict[str, Any]] = {w: rest.state[w] for w in others}
        for w, matrix in zip(kernels, self.matrices, strict=True):
            self.state[w] = self.muon.state[matrix]

    def step(self) -> None:
        """One step of both."""
        for w, matrix in zip(self.kernels, self.matrices, strict=True):
            matrix.grad = None if w.grad is None else _matrix(w.grad, w)
        self.muon.step()
        self.rest.step()

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forgets all gradients."""
        for w, matrix in zip(self.kernels, self.matrices, strict=True):
            w.grad = matrix.grad = None
        self.rest.zero_grad(set_to_none)


Optimizer = AdamW | Muon


def _matrix(x: Tensor, like: Tensor) -> Tensor:
    """A kernel or its gradient as `(n, m)`: a view of one that is laid out like `like`."""
    inner = like.ndim == 4 and not like.is_contiguous()  # channels are innermost in memory
    return (x.movedim(1, -1) if inner else x).reshape(len(x), -1)
