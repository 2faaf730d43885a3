"""Anomalies by eight normal examples: `python -m benchmarks.anomalies [--json FILE]`.

For each test kind, 8 images are normal, 12 more of the kind are to pass and as many of other
kinds to be found; AUROC of the model's scores under each correction, beside PyOD's ECOD, kNN and
isolation forest fitted to the same 8 images, pixel by pixel. Then how often a normal image is
called an anomaly at stated rates. Where kinds are few and images many, each `--rounds` takes other
images. `--steps` adds the ratio with a copy of the model that learned the normal images, in so
many gradient steps, in place of the model that is shown them. Images of another size or levels
than the model's are brought to these first, for all detectors alike. Needs `pip install
'ilk[bench]' scikit-learn`, and the data.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import sys
import warnings
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from sklearn.metrics import roc_auc_score
from torch import Tensor

import ilk
from ilk.data import Kinds
from ilk.evaluation import CORRECTIONS, Normal, anomaly_scores, codec_nats, leave_one_out
from ilk.evaluation.likelihood import evaluating, fitting_precision
from ilk.models import Model
from ilk.precision import PRECISIONS, Precision

SHOTS, QUERIES = 8, 12
RATES = (0.05, 0.1, 0.2)


def main() -> None:
    """Prints the table and, with `--json`, writes it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", default="omniglot", help="a name or a directory")
    parser.add_argument("--data", default="omniglot-26", help="a named set or a folder")
    parser.add_argument("--split", default="30-20", help="of Omniglot")
    parser.add_argument("--kinds", type=int, default=40, help="test kinds, first by hash")
    parser.add_argument("--rounds", type=int, default=1, help="times that each kind comes up")
    parser.add_argument("--steps", type=int, default=0, help="of learning the normal images")
    parser.add_argument("--precision", choices=PRECISIONS, default="auto")
    parser.add_argument("--json", type=Path, help="write the figures here")
    arguments = parser.parse_args()
    test = ilk.data.load(arguments.data, arguments.split, "test")
    chosen = ilk.data.kinds.first_by_hash(test.names, arguments.kinds)
    kinds = test.subset(chosen, f"{test.name}, {len(chosen)} kinds")
    queries = min(QUERIES, int(kinds.counts.min()) // arguments.rounds - SHOTS)
    model = ilk.load(arguments.model)
    precision = fitting_precision(model, arguments.precision).precision
    parts = [fitted(portion(kinds, i, SHOTS + queries), model) for i in range(arguments.rounds)]
    figures = measure(model, parts, queries, precision, arguments.steps)
    report = {
        "model": arguments.model,
        "data": kinds.name,
        "rounds": arguments.rounds,
        "normal": SHOTS,
        "queries": queries,
        "strangers": queries,
        "steps": arguments.steps,
        "precision": precision,
        "ilk": ilk.__version__,
        "torch": torch.__version__,
        "machine": platform.processor() or platform.machine(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        **figures,
    }
    show(report)
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")


def portion(kinds: Kinds, number: int, size: int) -> Kinds:
    """As many images of each kind, others for each number, in the order of their hashes."""
    chosen = []
    for k, start in enumerate(kinds.starts):
        key = lambda i: hashlib.sha256(kinds.images[i].numpy().tobytes()).digest()  # noqa: E731
        ordered = sorted(range(start, start + int(kinds.counts[k])), key=key)
        chosen += ordered[number * size : (number + 1) * size]
    at = torch.tensor(chosen)
    return replace(kinds, images=kinds.images[at], kind=kinds.kind[at])


def fitted(kinds: Kinds, model: Model) -> Kinds:
    """The images as a user's would come to the model, where they are not of its shape."""
    if kinds.shape == model.shape and kinds.levels == model.levels:
        return kinds
    values = kinds.images.permute(0, 2, 3, 1).numpy() * (255 // (kinds.levels - 1))
    pictures = [Image.fromarray(v[..., 0] if v.shape[-1] == 1 else v) for v in values]
    images = [ilk.data.read_image(p, model.shape, model.levels) for p in pictures]
    return replace(kinds, images=torch.stack(images), levels=model.levels)


def measure(
    model: Model, rounds: list[Kinds], queries: int, precision: Precision, steps: int
) -> dict[str, Any]:
    """AUROC by method over kinds, over all scores together, and rates of false alarms."""
    each: dict[str, list[float]] = {}
    pooled: dict[str, list[Tensor]] = {}
    alarms: dict[str, list[Tensor]] = {}
    labels = torch.arange(2 * queries) >= queries
    digest = hashlib.sha256()
    total = sum(map(len, rounds))
    for kinds in rounds:
        episodes = ilk.data.test_episodes(kinds, shots=SHOTS, queries=queries)
        digest.update(episodes.digest.encode())
        images = kinds.images
        with evaluating(model, precision):
            alone = torch.cat([model().log_prob(x).double() for x in images.split(32)])
        codec = codec_nats(images, model.levels)
        for k in range(len(episodes)):
            support = episodes.support[k]
            shown = torch.cat([episodes.queries[k], strangers(episodes, k, queries)])
            x = images[shown]
            with evaluating(model, precision):
                p = model(images[support])
                given = torch.cat([p.log_prob(part).double() for part in x.split(32)])
            others = leave_one_out(model, images[support], precision).double()
            found: dict[str, tuple[Tensor, Normal]] = {}
            for name in CORRECTIONS:
                scores, normal = -given, -others
                if name == "ratio":
                    scores, normal = scores + alone[shown], normal + alone[support]
                elif name == "complexity":
                    scores, normal = scores - codec[shown], normal - codec[support]
                found[name] = scores, Normal(tuple(normal.tolist()))
            if steps:
                learned = anomaly_scores(model, images[support], x, steps=steps)
                found[f"ratio, {steps} steps"] = learned
            for name, (scores, reference) in found.items():
                each.setdefault(name, []).append(roc_auc_score(labels, scores))
                pooled.setdefault(name, []).append(reference.standardised(scores))
                alarms.setdefault(name, []).append(reference.chance(scores)[:queries])
            for name, scores in detectors(images[support], x).items():
                each.setdefault(name, []).append(roc_auc_score(labels, scores))
            done = len(each["ratio"])
            print(f"{done} of {total}", end="\r", file=sys.stderr, flush=True)
    every = labels.repeat(total)
    return {
        "auroc": {name: spread(values) for name, values in each.items()},
        "auroc_by_kind": {name: list(map(float, values)) for name, values in each.items()},
        "auroc_all_together": {
            name: float(roc_auc_score(every, torch.cat(parts))) for name, parts in pooled.items()
        },
        "false_alarms": {
            name: {f"{r}": float((torch.cat(parts) < r).double().mean()) for r in RATES}
            for name, parts in alarms.items()
        },
        "episodes": digest.hexdigest(),
    }


def strangers(episodes: ilk.data.Episodes, kind: int, count: int) -> Tensor:
    """One query each of other kinds, those first by the hash of the pair of names."""
    names = episodes.kinds.names
    others = [k for k in range(len(episodes)) if k != kind]
    key = lambda k: hashlib.sha256(f"{names[kind]}/{names[k]}".encode()).digest()  # noqa: E731
    chosen = [sorted(others, key=key)[i % len(others)] for i in range(count)]
    return torch.stack([episodes.queries[k, i] for i, k in enumerate(chosen)])


def detectors(support: Tensor, x: Tensor) -> dict[str, np.ndarray]:
    """Scores by PyOD's detectors, fitted to the pixels of the support set."""
    from pyod.models.ecod import ECOD
    from pyod.models.iforest import IForest
    from pyod.models.knn import KNN

    # Many pixels are the same in all of 8 drawings, which ECOD remarks on.
    warnings.filterwarnings("ignore", message="Precision loss")
    normal, asked = (t.flatten(1).double().numpy() for t in (support, x))
    made = {"ECOD": ECOD(), "kNN": KNN(), "isolation forest": IForest(random_state=0)}
    return {name: d.fit(normal).decision_function(asked) for name, d in made.items()}


def spread(values: list[float]) -> dict[str, float]:
    """Mean, its standard error, and quartiles over kinds."""
    low, middle, high = np.percentile(values, [25, 50, 75])
    error = np.std(values, ddof=1) / len(values) ** 0.5
    figures = {"mean": np.mean(values), "stderr": error, "q1": low, "median": middle, "q3": high}
    return {name: round(float(v), 4) for name, v in figures.items()}


def show(report: dict[str, Any]) -> None:
    """Prints the tables."""
    print(
        f"{report['model']} on {report['data']}: {SHOTS} normal images, {report['queries']} more"
    )
    print(f"{'AUROC':20} {'median':>7} {'quartiles':>16} {'mean':>7} {'error':>7} {'together':>9}")
    for name, a in report["auroc"].items():
        together = report["auroc_all_together"].get(name)
        end = "" if together is None else f"{together:9.3f}"
        figures = f"{a['q1']:.3f} to {a['q3']:.3f} {a['mean']:7.3f} {a['stderr']:7.3f}"
        print(f"{name:20} {a['median']:7.3f}   {figures} {end}")
    for name, rates in report["false_alarms"].items():
        told = ", ".join(f"{v:.1%} at {float(r):.0%}" for r, v in rates.items())
        print(f"false alarms, {name:14} {told}")


if __name__ == "__main__":
    main()
