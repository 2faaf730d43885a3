"""The loss, its value on fixed episodes, and samples to look at."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ilk.data.episodes import Batch
from ilk.models import Model

__all__ = ["Objective", "samples", "score"]


class Objective(nn.Module):
    r"""The training loss, a module so that processes can share it.

    .. math:: L = -\frac{1}{QBD} \sum_{q,b} \log p(x_{qb} \mid s_b), \qquad D = C H W

    Source: Reed et al., *Few-shot autoregressive density estimation*, 2018 (arXiv 1710.10304),
    section 3.

    Arguments:
        model: Called on supports, on labels or on nothing, as its conditioning says.
    """

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(self, support: Tensor, mask: Tensor, queries: Tensor, kind: Tensor) -> Tensor:
        """Nats a dimension, averaged over queries `(Q, B, C, H, W)`."""
        if self.model.conditioning == "support":
            p = self.model(support, mask)
        elif self.model.conditioning == "label":
            p = self.model(label=kind)
        else:
            p = self.model()
        return -p.log_prob(queries).mean() / self.model.dims


@torch.inference_mode()
def score(model: Model, batch: Batch, size: int) -> float:
    """Nats a dimension of fixed episodes, `size` of them at a time, in float32."""
    objective, total, episodes = Objective(model), 0.0, len(batch.kind)
    for start in range(0, episodes, size):
        part = slice(start, start + size)
        loss = objective(
            batch.support[part], batch.mask[part], batch.queries[:, part], batch.kind[part]
        )
        total += float(loss) * len(batch.kind[part])
    return total / episodes


def samples(
    model: Model, batch: Batch, seed: int, rows: int = 6, drawn: int = 8, shown: int = 4
) -> tuple[Tensor, int]:
    """Images for a sheet `(N, C, H, W)`, uint8 or wider, and its number of columns.

    For a few-shot model a row is `shown` support images, blank where there are fewer, and `drawn`
    samples given these; by label, samples of one kind; else just samples.
    """
    generator = torch.Generator().manual_seed(seed)
    if model.conditioning == "support":
        support, mask = batch.support[:rows, :shown], batch.mask[:rows, :shown]
        x = model(support, mask).sample((drawn,), generator).cpu().transpose(0, 1)
        return torch.cat([support.to(x.dtype), x], dim=1).flatten(0, 1), support.shape[1] + drawn
    if model.conditioning == "label":
        kind = batch.kind.unique()[:rows]
        x = model(label=kind).sample((drawn,), generator).cpu().transpose(0, 1)
        return x.flatten(0, 1), drawn
    return model().sample((rows * drawn,), generator).cpu(), drawn
