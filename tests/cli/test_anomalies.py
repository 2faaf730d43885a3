"""`ilk anomalies` says what the scores say, in every form."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import torch

import ilk
from ilk.cli import main
from ilk.evaluation import anomaly_scores


def test_the_list_in_every_form(tiny: str, kinds: Path, tmp_path: Path, capsys) -> None:
    words = ["anomalies", tiny, str(kinds / "dot"), str(kinds / "one")]
    words += ["--normal", str(kinds / "bar"), "--false-alarms", "0.2"]
    table = tmp_path / "list.csv"
    maps = ["--surprise", str(tmp_path / "maps")]
    assert main([*words, "--json", "--out", str(table), *maps]) == 0
    report = json.loads(capsys.readouterr().out)
    model = ilk.load(tiny)
    normal, dots, ones = (
        torch.stack(
            [ilk.data.read_image(f, model.shape, 2) for f in sorted((kinds / k).iterdir())]
        )
        for k in ("bar", "dot", "one")
    )
    scores, reference = anomaly_scores(model, normal, torch.cat([dots, ones]))
    order = scores.argsort(descending=True)
    got = report["pictures"]
    assert [r["nats"] for r in got] == pytest.approx(scores[order].tolist(), rel=1e-5)
    chances = reference.chance(scores[order]).tolist()
    assert [r["chance"] for r in got] == pytest.approx(chances, rel=1e-4)
    assert [r["anomaly"] for r in got] == [c < 0.2 for c in chances]
    above = [r["nats"] > report["threshold_nats"] for r in got]
    assert above == [r["anomaly"] for r in got]
    with table.open() as f:
        rows = list(csv.DictReader(f))
    assert [r["file"] for r in rows] == [r["file"] for r in got]
    assert [float(r["score"]) for r in rows] == [r["score"] for r in got]
    assert sorted(r["surprise"] for r in rows) == sorted(
        str(p) for p in (tmp_path / "maps").iterdir()
    )
    assert main([*words, "--out", str(tmp_path / "list.json")]) == 0
    assert json.loads((tmp_path / "list.json").read_text())["normal"] == 4
    assert "at a rate of 0.2 false alarms" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--normal", "{kinds}/bar"], "FILES: name at least one picture"),
        (["{one}", "--normal", "{kinds}/one"], "--normal: wanted at least 3 pictures"),
        (["{one}", "--normal", "{kinds}/bar", "--false-alarms", "1"], "--false-alarms must be"),
        (["{one}", "--normal", "{kinds}/bar", "--out", "list.txt"], "--out must end in .csv or"),
        (["{one}", "--normal", "nowhere"], "nowhere"),
    ],
)
def test_mistakes_are_named(
    words: list[str], message: str, tiny: str, kinds: Path, capsys
) -> None:
    places = {"kinds": kinds, "one": kinds / "dot" / "0.png"}
    assert main(["anomalies", tiny, *[w.format(**places) for w in words]]) == 1
    assert message in capsys.readouterr().err.splitlines()[-1]


def test_a_copy_that_learned_the_normal_pictures_judges(
    tiny: str, kinds: Path, tmp_path: Path, capsys
) -> None:
    words = ["anomalies", tiny, str(kinds / "dot"), "--normal", str(kinds / "bar")]
    maps = tmp_path / "maps"
    assert main([*words, "--steps", "2", "--json", "--surprise", str(maps)]) == 0
    report = json.loads(capsys.readouterr().out)
    model = ilk.load(tiny)
    normal, dots = (
        torch.stack(
            [ilk.data.read_image(f, model.shape, 2) for f in sorted((kinds / k).iterdir())]
        )
        for k in ("bar", "dot")
    )
    scores, reference = anomaly_scores(model, normal, dots, steps=2)
    got = [r["nats"] for r in report["pictures"]]
    assert got == pytest.approx(scores.sort(descending=True).values.tolist(), rel=1e-4)
    assert report["steps"] == 2 and len(list(maps.iterdir())) == len(got)
    assert report["normal_nats"] == pytest.approx(list(reference.scores), rel=1e-4)
    assert main([*words, "--steps", "-1"]) == 1
    assert "--steps must be 0 or more" in capsys.readouterr().err
