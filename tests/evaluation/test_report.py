"""The whole report, on a small archive in Omniglot's format."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from evaluation.toy import PrototypeModel, prototypes

import ilk
from ilk.data import load
from ilk.evaluation import (
    evaluate,
    likelihood_table,
    nats_by_shots,
    table_episodes,
    training_kinds,
)
from ilk.models.context import ContextModel
from ilk.models.identity import fingerprint


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 training and 21 test characters of 20 drawings each, 105 x 105, two bars a character."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    character = np.arange(61).repeat(20)
    images = np.zeros((len(character), 105, 105), dtype=np.uint8)
    bars = rng.integers(10, 90, size=(61, 2))
    for image, k in zip(images, character, strict=True):
        row, column = bars[k] + rng.integers(-2, 3, size=2)
        image[row : row + 4, 10:90] = 1
        image[10:90, column : column + 4] = 1
    np.savez(
        folder / "omniglot.npz",
        images=np.packbits(images.reshape(len(images), -1), axis=1),
        character=character.astype(np.uint16),
        split=(character >= 40).astype(np.uint8),
        character_names=np.array([f"Bars{k // 20}/character{k:02}" for k in range(61)]),
    )
    return folder


@pytest.fixture(scope="module")
def model() -> ilk.models.Model:
    torch.manual_seed(0)
    return ilk.models.ConditionalPixelCNN((1, 26, 26), width=8, depth=1).eval()


@pytest.fixture(scope="module")
def report(root: Path, model: ilk.models.Model, tmp_path_factory: pytest.TempPathFactory) -> dict:
    twin = ilk.models.GatedPixelCNN((1, 26, 26), width=8, depth=1)
    where = twin.save(tmp_path_factory.mktemp("models") / "twin")
    seen = []
    found = evaluate(
        model,
        tasks=("likelihood",),
        beside=[where],
        shots=(0, 2),
        queries=3,
        root=root,
        on_progress=lambda *a: seen.append(a),
    )
    assert {what for what, done, total in seen if done == total} == {
        f"{part}: {name}"
        for part in ("test", "train")
        for name in ("ConditionalPixelCNN", "twin", "context model")
    }
    return found


def test_survives_json(report):
    assert json.loads(json.dumps(report, allow_nan=False)) == report


def test_names_what_the_figures_are_of(report, model):
    assert (report["model"], report["data"], report["split"]) == (
        "ConditionalPixelCNN",
        "omniglot-26",
        "30-20",
    )
    assert report["models"]["ConditionalPixelCNN"]["fingerprint"] == fingerprint(model)
    assert report["ilk"] == ilk.__version__
    test, train = report["likelihood"]["test"], report["likelihood"]["train"]
    assert test["kinds"] == "omniglot-26/30-20/test"
    assert test["episodes"] != train["episodes"]


def test_rows_are_those_of_the_models(report, model, root):
    test = load("omniglot-26", "30-20", "test", root=root)
    rows = report["likelihood"]["test"]["rows"]
    assert [(row["model"], row["shots"]) for row in rows] == [
        ("ConditionalPixelCNN", 0),
        ("ConditionalPixelCNN", 2),
        ("twin", "-"),
        ("context model", "-"),
    ]
    assert {(row["kinds"], row["queries"]) for row in rows} == {(21, 63)}
    episodes = table_episodes(test, (0, 2), queries=3)
    assert report["likelihood"]["test"]["episodes"] == episodes.digest
    wanted = nats_by_shots(model, episodes, shots=(0, 2))
    assert [row["nats_per_dim"] for row in rows[:2]] == [row.nats_per_dim for row in wanted]
    counted = ContextModel().fit(load("omniglot-26", "30-20", "train+valid", root=root).images)
    (row,) = nats_by_shots(counted, episodes)
    assert rows[3]["nats_per_dim"] == pytest.approx(row.nats_per_dim, rel=1e-6)


@pytest.mark.parametrize("shots", [(0, 2), (1, 2)])
def test_rows_are_above_those_of_the_first_model_alone(shots):
    """Rows without shots are above its row of none; among themselves they are not compared."""
    counted = [ContextModel((1, 4, 4), order=order) for order in (0, 2)]
    for logit, model in enumerate(counted, start=1):
        model.net.logit += logit
    few = PrototypeModel(2.0), PrototypeModel(1.0)
    models = {"first": few[0], "twin": counted[0], "second": few[1], "counts": counted[1]}
    table = likelihood_table(models, prototypes(5, flip=0.1), shots)
    nats = {(row["model"], row["shots"]): row["nats_per_dim"] for row in table["rows"]}
    wanted = {("second", k): nats["second", k] - nats["first", k] for k in shots}
    if 0 in shots:
        wanted |= {(n, "-"): nats[n, "-"] - nats["first", 0] for n in ("twin", "counts")}
    found = {(r["model"], r["shots"]): r["above"] for r in table["rows"] if "above" in r}
    assert found == pytest.approx(wanted, rel=1e-6)


def test_of_one_kind_there_is_no_standard_error():
    models = {"first": PrototypeModel(2.0), "second": PrototypeModel(1.0)}
    table = likelihood_table(models, prototypes(1), shots=(1,))
    row = table["rows"][1]
    assert row["stderr"] is None and row["above_stderr"] is None and math.isfinite(row["above"])
    assert json.loads(json.dumps(table, allow_nan=False)) == table


@pytest.mark.parametrize(
    ("count", "asked", "shots", "queries"),
    [
        (20, (1,), 8, 12),  # a column alone is scored on what the whole table is
        (20, (0, 1, 2, 4, 8), 8, 12),
        (20, (10,), 10, 10),
        (15, (1,), 3, 12),
        (2, (1,), 1, 1),  # pairs
        (9, (8,), 8, 1),
    ],
)
def test_episodes_of_a_table_are_those_for_eight_shots(count, asked, shots, queries):
    kinds = ilk.data.Kinds(
        torch.zeros(2 * count, 1, 1, 1, dtype=torch.uint8),
        torch.arange(2).repeat_interleave(count),
        ("a", "b"),
        2,
        "blanks",
    )
    wanted = ilk.data.test_episodes(kinds, shots, queries)
    assert table_episodes(kinds, asked).digest == wanted.digest


def test_classification_is_two_tasks_and_says_what_is_missing(root):
    model = ilk.models.ConditionalPixelCNN((1, 26, 26), width=2, depth=1)
    report = evaluate(model, tasks=("classification",), root=root)
    anywhere, official = report["classification"]
    assert (anywhere["ways"], anywhere["shots"], anywhere["tasks"]) == (20, 1, 50)
    assert 0 <= anywhere["accuracy"] <= 1
    assert "skipped" in official
    assert "likelihood" not in report
    alone = evaluate(model, tasks=("runs",), root=root)
    assert alone["classification"] == [official]
    path = evaluate(model, Path("omniglot-26"), tasks=("runs",), root=root)
    assert path["classification"] == [official]
    with pytest.raises(ValueError, match="official runs are of data 'omniglot-26', got 'mnist'"):
        evaluate(model, data="mnist", tasks=("runs",), root=root)


def test_official_runs_are_no_test_where_their_alphabets_are_trained_on(root, monkeypatch):
    monkeypatch.setattr("ilk.data.omniglot.TEST_ALPHABETS", ("Bars2",))
    model = ContextModel(order=2)
    found = evaluate(model, split="45-5", tasks=("classification",), root=root)
    assert "training data" in found["classification"][1]["skipped"]


def test_training_kinds_are_fixed(root):
    kinds = load("omniglot-26", "30-20", "train", root=root)
    some = training_kinds(kinds, 10)
    assert len(some) == 10
    assert some.digest() == training_kinds(kinds, 10).digest()
    assert set(some.names) < set(training_kinds(kinds, 20).names) < set(kinds.names)
    assert training_kinds(kinds).names == kinds.names


def test_a_fingerprint_is_of_config_and_weights(model, tmp_path):
    assert fingerprint(ilk.load(model.save(tmp_path / "same"))) == fingerprint(model)
    other = ContextModel((1, 4, 4), order=3)
    before = fingerprint(other)
    other.net.logit[5] += 1
    assert fingerprint(other) != before
    assert fingerprint(ContextModel((1, 4, 4), order=3, discount=4.0)) != before


def test_a_folder_is_read_at_the_models_size(tmp_path, model):
    from PIL import Image

    rng = np.random.default_rng(0)
    for kind in range(6):
        (tmp_path / f"kind{kind}").mkdir()
        for i in range(6):
            pixels = np.full((50, 60), 255, dtype=np.uint8)
            row = 10 + 5 * kind + int(rng.integers(3))
            pixels[row : row + 3, 5:55] = 0
            Image.fromarray(pixels).save(tmp_path / f"kind{kind}" / f"{i}.png")
    report = evaluate(model, data=tmp_path, tasks=("likelihood", "classification"), shots=(1, 2))
    test = report["likelihood"]["test"]
    assert test["queries_of_a_kind"] == 4
    assert [row["shots"] for row in test["rows"]] == [1, 2, "-"]
    assert "needs 20 kinds" in report["classification"][0]["skipped"]
    assert json.dumps(report, allow_nan=False)


def test_refuses_what_does_not_fit(root):
    with pytest.raises(ValueError, match=r"^tasks"):
        evaluate(ContextModel(order=2), tasks=("speed",), root=root)
    with pytest.raises(ValueError, match=r"\(1, 8, 8\)"):
        evaluate(ContextModel((1, 8, 8), order=2), root=root)
    with pytest.raises(FileNotFoundError, match="no model"):
        evaluate("nowhere", root=root)
