"""The learning rate and the averaging of weights, pure functions of the step."""

from __future__ import annotations

import math

__all__ = ["ema_decay", "learning_rate"]


def learning_rate(step: int, steps: int, peak: float, warmup: int) -> float:
    r"""Linear warm-up over `warmup` steps, then a half cosine down to zero at `steps`.

    .. math:: \eta_i = \eta \, \frac{i + 1}{w} \;\; (i < w), \qquad
        \eta_i = \frac{\eta}{2} \Big(1 + \cos \pi \frac{i - w}{n - w}\Big) \;\; (i \ge w)

    Source: Loshchilov & Hutter, *SGDR*, 2017 (arXiv 1608.03983), equation 5, without restarts.

    Example:
        >>> [learning_rate(i, steps=6, peak=1.0, warmup=2) for i in range(6)]
        [0.5, 1.0, 1.0, 0.854, 0.5, 0.146]
    """
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak / 2 * (1 + math.cos(math.pi * (step - warmup) / max(steps - warmup, 1)))


def ema_decay(step: int, limit: float) -> float:
    r"""The decay of the moving average of the weights, small at first.

    .. math:: \bar\theta_{i+1} = d_i \bar\theta_i + (1 - d_i) \theta_{i+1}, \qquad
        d_i = \min\Big(d, \frac{1 + i}{10 + i}\Big)

    Example:
        >>> ema_decay(0, 0.999), ema_decay(10**6, 0.999)
        (0.1, 0.999)
    """
    return min(limit, (1 + step) / (10 + step))
