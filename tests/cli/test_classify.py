"""`ilk classify` says what Bayes' rule says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import ilk
from ilk.cli import main


def told(capsys, *words: object) -> dict:
    assert main(["classify", *[str(w) for w in words], "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def read(model: ilk.models.Model, folder: Path) -> torch.Tensor:
    files = sorted(folder.glob("*.png"))
    return torch.stack([ilk.data.read_image(f, model.shape, model.levels) for f in files])


def test_posteriors_are_those_of_bayes_rule(tiny: str, kinds: Path, capsys) -> None:
    model, query = ilk.load(tiny), kinds / "bar" / "0.png"
    words = [tiny, query, "--kinds", kinds, "--prior", "dot=3", "--other", "0.5"]
    facts = told(capsys, *words, "--temperature", "2")
    assert [k["examples"] for k in facts["kinds"].values()] == [4, 3, 1, 0]
    assert facts["kinds"]["dot"]["prior"] == pytest.approx(3 / 5.5)
    x = ilk.data.read_image(query, model.shape, 2)[None]
    with torch.inference_mode():
        given = [model(read(model, kinds / n)).log_prob(x) for n in ("bar", "dot", "one")]
        nats = torch.stack([*given, model().log_prob(x)])[:, 0].double()
    wanted = (nats / 2).exp() * torch.tensor([1, 3, 1, 0.5])
    row = facts["pictures"][0]
    assert list(row["posterior"].values()) == pytest.approx(
        (wanted / wanted.sum()).tolist(), rel=1e-4
    )
    assert list(row["nats"].values()) == pytest.approx((-nats).tolist(), rel=1e-5)
    assert row["probability"] == max(row["posterior"].values())
    assert row["posterior"][row["kind"]] == row["probability"]


def test_a_temperature_is_fitted_by_leaving_out(tiny: str, kinds: Path, capsys) -> None:
    from ilk.evaluation import fit_temperature, held_out_scores

    facts = told(capsys, tiny, kinds / "dot", "--kinds", kinds, "--temperature", "fit")
    model = ilk.load(tiny)
    sets = [read(model, kinds / name) for name in ("bar", "dot", "one")]
    wanted = fit_temperature(*held_out_scores(model, sets))
    assert facts["temperature"] == pytest.approx(wanted, rel=1e-4)
    assert len(facts["pictures"]) == 3


def test_both_directions_from_four_sides(tiny: str, kinds: Path, capsys) -> None:
    from ilk.evaluation import classify_by_likelihood, fit_temperature, held_out_scores, padded

    query = kinds / "bar" / "0.png"
    words = ["--directions", "both", "--sides", "4", "--temperature", "fit"]
    facts = told(capsys, tiny, query, "--kinds", kinds, *words)
    model = ilk.load(tiny)
    sets = [read(model, kinds / name) for name in ("bar", "dot", "one")]
    supports, mask = padded(sets)
    x = ilk.data.read_image(query, model.shape, 2)[None]
    nats = classify_by_likelihood(model, supports, x, "both", mask=mask, sides=4)
    assert list(facts["pictures"][0]["nats"].values()) == pytest.approx((-nats[0]).tolist())
    wanted = fit_temperature(*held_out_scores(model, sets, "both", True))
    assert facts["temperature"] == pytest.approx(wanted, rel=1e-4)


def test_people_get_a_table(tiny: str, kinds: Path, capsys) -> None:
    assert main(["classify", tiny, str(kinds / "dot"), "--kinds", str(kinds)]) == 0
    shown = capsys.readouterr().out
    assert "probability" in shown and "temperature 1" in shown


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--kinds", "{kinds}"], "FILES: name at least one picture"),
        (["{one}", "--kinds", "{kinds}/dot"], "holds one kind, there is nothing to choose from"),
        (["{one}", "--kinds", "{kinds}", "--prior", "cat=2"], "--prior: no kind 'cat' in 'cat=2'"),
        (["{one}", "--kinds", "{kinds}", "--prior", "dot=x"], "--prior must be NAME=WEIGHT"),
        (["{one}", "--kinds", "{kinds}", "--prior", "dot=-1"], "prior must be weights"),
        (["{one}", "--kinds", "{kinds}", "--temperature", "0"], "--temperature must be positive"),
        (["{one}", "--kinds", "{kinds}/nowhere"], "nowhere"),
        (["nowhere.png", "--kinds", "{kinds}"], "FILES: no such file or folder"),
    ],
)
def test_mistakes_are_named(
    words: list[str], message: str, tiny: str, kinds: Path, capsys
) -> None:
    places = {"kinds": kinds, "one": kinds / "dot" / "0.png"}
    assert main(["classify", tiny, *[w.format(**places) for w in words]]) == 1
    assert message in capsys.readouterr().err.splitlines()[-1]
