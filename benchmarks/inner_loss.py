"""Does the learned inner loss emulate the likelihood? `python -m benchmarks.inner_loss RUN`.

For every checkpoint of a run of a Meta PixelCNN (`ilk train reed-meta --keep 10`), over test
kinds: the cosine between the gradient of the inner loss and that of the negative log-likelihood of
the support set, both in the task parameters, and the same after the learned step sizes; the
correlation over kinds of the two losses; and what the step does to the nats/dim of the support
set and of queries.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

import ilk
from ilk.evaluation import clustered_stderr
from ilk.models import MetaPixelCNN
from ilk.nn import Context, PixelNet
from ilk.training.checkpoint import Checkpoints


def task(model: MetaPixelCNN, support: Tensor, queries: Tensor) -> dict[str, float]:
    """Figures of one support set `(K, C, H, W)` and its queries."""
    net = cast(PixelNet, model.base.net)
    own = dict(net.named_parameters())
    weights = [own[name] for name in model.names]
    told = model.base.context(support) if model.base.conditioning == "support" else Context()
    features = net.begin(support, told, model.layer).horizontal
    inner = model.inner_loss(features, torch.ones(len(support), dtype=torch.bool))
    before = model.base(context=told)
    nats = -before.log_prob(support).mean() / model.dims
    ours, theirs = (
        torch.autograd.grad(loss, weights, retain_graph=True) for loss in (inner, nats)
    )
    taken = [rate * slope for rate, slope in zip(model.log_rates.exp(), ours, strict=True)]
    with torch.no_grad():
        after = model(support)
        return {
            "cosine": cosine(ours, theirs),
            "cosine, learned step sizes": cosine(taken, theirs),
            "inner loss": float(inner),
            "support before": float(nats),
            "support after": float(-after.log_prob(support).mean() / model.dims),
            "queries before": float(-before.log_prob(queries).mean() / model.dims),
            "queries after": float(-after.log_prob(queries).mean() / model.dims),
        }


def cosine(a: Sequence[Tensor], b: Sequence[Tensor]) -> float:
    """Between two lists of tensors, each as one vector."""
    left, right = (torch.cat([t.flatten() for t in tensors]) for tensors in (a, b))
    return float(torch.cosine_similarity(left, right, dim=0))


def main() -> None:
    """Prints a row for each checkpoint, and JSON as the last line if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="the folder of a run")
    parser.add_argument("--data", default="omniglot-26")
    parser.add_argument("--split", default="45-5")
    parser.add_argument("--shots", type=int, default=4)
    parser.add_argument("--queries", type=int, default=4)
    parser.add_argument("--kinds", type=int, default=60)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    kinds = ilk.data.load(arguments.data, arguments.split, "test")
    chosen = ilk.evaluation.training_kinds(kinds, arguments.kinds)
    episodes = ilk.data.test_episodes(chosen, arguments.shots, arguments.queries)
    batch, model = episodes.batch(arguments.shots), ilk.load(arguments.run / "model")
    checkpoints, rows = Checkpoints(arguments.run / "checkpoints"), []
    print(f"{episodes.kinds.name}, {arguments.shots} shots: means over kinds, standard errors")
    for step in checkpoints.steps():
        model.load_state_dict(checkpoints.read(step).tensors["ema"])
        pairs = zip(batch.support, batch.queries.transpose(0, 1), strict=True)
        found = [task(cast(MetaPixelCNN, model), *pair) for pair in pairs]
        columns = {k: torch.tensor([each[k] for each in found]) for k in found[0]}
        both = torch.stack([columns["inner loss"], columns["support before"]])
        row = {"step": step, "correlation": float(torch.corrcoef(both)[0, 1])}
        for name, values in columns.items():
            row[name] = float(values.mean())
            row[f"{name} ±"] = clustered_stderr(values, torch.arange(len(values)))
        rows.append(row)
        shown = [f"{k} {row[k]:.4f} ± {row[f'{k} ±']:.4f}" for k in columns if k != "inner loss"]
        print(f"{step:6}  correlation {row['correlation']:+.3f}  {'  '.join(shown)}", flush=True)
    if arguments.json:
        print(json.dumps(rows))


if __name__ == "__main__":
    main()
