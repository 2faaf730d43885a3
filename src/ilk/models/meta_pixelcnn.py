"""Meta PixelCNN: gradient steps on a learned inner loss, around any model of the package."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.func import grad_and_value, vmap

from ..nn import AdaptedNet, Conditional, Context, PixelNet, positions
from ..nn.adapted import begin
from .base import Model
from .few_shot import FewShot

__all__ = ["MetaPixelCNN"]


class MetaPixelCNN(FewShot):
    r"""A PixelCNN that takes gradient steps on a learned loss of the support set.

    .. math::
        q = \mathrm{PixelCNN}_L(s; \theta), \qquad
        \theta' = \theta - \alpha \nabla_\theta \frac1K \sum_k \lVert g(q_k) \rVert_2, \qquad
        p(x_t \mid x_{<t}, s) = p(x_t \mid x_{<t}; \theta')

    g, three convolutions, is trained with all else through the steps, by second derivatives
    taken for all support sets at once. Around an `AttentionPixelCNN` it is the Attention Meta
    PixelCNN. Without support images :math:`\theta' = \theta`.

    Source: Reed et al., *Few-shot autoregressive density estimation*, 2018 (arXiv 1710.10304),
    section 3.2 and algorithm 1.

    Arguments:
        base: A model, or the config of one. Its own conditioning stays as it is.
        layer: L, the number of layers that take the steps.
        steps: Gradient steps.
        step_size: :math:`\alpha`.
        learn_step_size: Learn an :math:`\alpha` for every parameter, from that value on.
        first_order: Train as if the gradient did not depend on the parameters: cheaper.
        positions: Give g the position of each feature.
        shots: Most support images that it is meant for, if the base takes none.

    Example:
        >>> import torch
        >>> from ilk.models import GatedPixelCNN
        >>> model = MetaPixelCNN(GatedPixelCNN((1, 8, 8), width=8, depth=2), layer=1)
        >>> model(torch.randint(2, (3, 1, 8, 8))).sample((5,)).shape
        torch.Size([5, 1, 8, 8])
    """

    def __init__(
        self,
        base: Model | Mapping[str, Any],
        *,
        layer: int = 4,
        steps: int = 1,
        step_size: float = 0.1,
        learn_step_size: bool = False,
        first_order: bool = False,
        positions: bool = False,
        shots: int = 8,
    ) -> None:
        base = base if isinstance(base, Model) else Model.of(base)
        super().__init__(base.shape, base.levels, base.shots or shots)
        if base.conditioning == "label":
            raise ValueError("base must take a support set or nothing, got one that takes labels")
        if not isinstance(base.net, PixelNet):
            raise ValueError(f"base must have a PixelNet, got {type(base.net).__name__}")
        if not 1 <= layer <= len(base.net.layers):
            raise ValueError(f"layer must be in 1..{len(base.net.layers)}, got {layer}")
        if steps < 1:
            raise ValueError(f"steps must be at least 1, got {steps}")
        if not 0 < step_size < math.inf:
            raise ValueError(f"step_size must be above 0 and finite, got {step_size}")
        self.base, self.layer, self.steps, self.first_order = base, layer, steps, first_order
        self.likelihood = base.likelihood
        self.positions = positions
        self.names = base.net.below(layer)
        rates = torch.full((len(self.names),), float(step_size))
        if learn_step_size:
            self.log_rates = nn.Parameter(rates.log())
        else:
            self.register_buffer("log_rates", rates.log(), persistent=False)
        features = base.net.features
        self.inner = nn.Sequential(
            nn.Conv2d(features + 2 * positions, features, 3, stride=2, padding=1),
            nn.SiLU(),
            nn.Conv2d(features, features, 3, stride=2, padding=1),
            nn.SiLU(),
            nn.Conv2d(features, features, 3, stride=2, padding=1),
        )

    @property
    def net(self) -> Conditional:  # type: ignore[override]
        """The base's network with task parameters, built anew: its weights are the base's."""
        return AdaptedNet(self._net, self.layer)

    @property
    def _net(self) -> PixelNet:
        return cast(PixelNet, self.base.net)

    def inner_loss(self, features: Tensor, mask: Tensor) -> Tensor:
        r"""The learned loss :math:`\frac1K \sum_k \lVert g(q_k) \rVert_2` of one support set.

        Arguments:
            features: q, `(K, features, H, W)`.
            mask: Which images are there, `(K,)`.
        """
        if self.positions:
            place = positions(*features.shape[-2:], like=features)
            features = torch.cat([features, place.expand(len(features), -1, -1, -1)], dim=1)
        each = self.inner(features).flatten(1)
        each = each if each.dtype == torch.float64 else each.float()
        # At zero the norm has no gradient; so near to it nothing else depends on the 1e-6.
        norm = (each.square().sum(dim=1) + 1e-6).sqrt()
        return (norm * mask).sum() / mask.sum().clamp(min=1)

    def encode(self, support: Tensor, mask: Tensor) -> Context:
        told = self.base.context(support, mask) if self.base.conditioning == "support" else None
        context = told or Context()
        return replace(context, weights=self.adapt(support, mask, context))

    def adapt(self, support: Tensor, mask: Tensor, context: Context) -> dict[str, Tensor]:
        r"""The task parameters :math:`\theta'` of B support sets, `(B, ...)` by name.

        Raises:
            FloatingPointError: If the inner loss stops being finite, with the step and the loss.
            MemoryError: If second derivatives of so many images will not fit.
        """
        if torch.is_inference_mode_enabled():
            # Up to PyTorch 2.11 every gradient of torch.func is zero there, and nobody says so.
            told = Context.of({name: t.clone() for name, t in context.told.items()})
            with torch.inference_mode(False), torch.no_grad():
                return self.adapt(support.clone(), mask.clone(), told)
        if torch.is_grad_enabled() and not self.first_order:
            self._check_memory(support)
        own = dict(self._net.named_parameters())
        weights = {name: own[name].expand(len(support), *own[name].shape) for name in self.names}
        rates = dict(zip(self.names, self.log_rates.exp(), strict=True))

        def inner(weights: dict, support: Tensor, mask: Tensor, told: dict) -> Tensor:
            stacks = begin(self._net, weights, support, told, self.layer)
            return self.inner_loss(stacks.horizontal, mask)

        gradient = vmap(grad_and_value(inner), randomness="different")
        for step in range(self.steps if support.shape[1] else 0):
            slopes, loss = gradient(weights, support, mask, context.told)
            bad = loss.detach()[~loss.isfinite()]
            if len(bad):
                raise FloatingPointError(
                    f"step_size: inner step {step + 1} of {self.steps} met a loss of"
                    f" {float(bad[0])}; a smaller one may help"
                )
            if self.first_order:
                slopes = {name: slope.detach() for name, slope in slopes.items()}
            weights = {name: w - rates[name] * slopes[name] for name, w in weights.items()}
        return weights

    def _check_memory(self, support: Tensor) -> None:
        images, free = support.shape[0] * support.shape[1], _free_memory(support.device)
        _, height, width = self.shape
        one = height * width * self._net.features * self.layer * self.steps * _BYTES
        if free is not None and images * one > free:
            raise MemoryError(
                f"support: second derivatives of {images} images need some"
                f" {images * one / 2**30:.1f} GB, and {free / 2**30:.1f} GB are free;"
                f" {free // one} images fit, more with first_order, a smaller layer or fewer"
                " steps; under torch.no_grad() there are none"
            )


# Measured for a gated backbone in float32, for every pixel, feature, layer and step of an image.
_BYTES = 200


def _free_memory(device: torch.device) -> int | None:
    """Bytes that are free on a device, None where nobody says."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    kilobytes = (line.split()[1] for line in lines if line.startswith("MemAvailable"))
    return next((int(amount) * 1024 for amount in kilobytes), None)
