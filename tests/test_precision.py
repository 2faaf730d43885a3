"""The precision of a network: what machines with and without bfloat16 are given."""

from __future__ import annotations

import dataclasses
import json

import pytest
import torch
from training.toys import striped, tiny

import ilk
from ilk.evaluation import fitting_precision, nats_by_shots
from ilk.models.storage import card
from ilk.precision import HERE, Probe, choose
from ilk.training import RECIPES, train
from ilk.training.machine import settle

KINDS = (striped(), striped(seed=1))


def machine(native: bool | None, bf16: float = 1.0, float32: float = 1.0) -> Probe:
    """A device that answers so, and what a convolution takes on it."""
    times = {"float32": float32, "bf16": bf16}
    return Probe(lambda device: (native, "what it has"), lambda device: times)


@pytest.mark.parametrize(
    ("probe", "precision"),
    [
        (machine(True, bf16=9.0), "bf16"),  # sure: nothing is timed
        (machine(False, bf16=0.1), "float32"),
        (machine(None, bf16=0.5), "bf16"),
        (machine(None, bf16=1.5), "float32"),
        (Probe(lambda d: (None, "?"), lambda d: {"float32": 1.0}), "float32"),  # it has no other
    ],
)
def test_auto_is_what_the_machine_is_quicker_in(probe, precision):
    assert choose("auto", probe=probe).precision == precision
    for asked in ("bf16", "float32"):
        assert choose(asked, probe=probe).precision == asked


def test_the_reason_is_one_line_with_the_times():
    said = str(choose(probe=machine(None, bf16=0.05, float32=0.01)))
    assert said == (
        "precision float32: a small convolution takes 10.0 ms in float32 and 50.0 ms in bf16 here"
        " (what it has)"
    )
    slow = choose("bf16", probe=machine(False))
    assert slow.slow and "float32 is several times quicker" in str(slow)
    assert not choose("bf16", probe=machine(True)).slow


def test_another_precision_is_refused():
    with pytest.raises(ValueError, match="precision: wanted auto or bf16 or float32, got 'fp16'"):
        choose("fp16")


def test_this_machine_is_timed_where_it_was_told_to_do_without(monkeypatch):
    """oneDNN computes convolutions, and can be told to leave instructions unused."""
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "ALL")
    device = torch.device("cpu")
    assert HERE.native(device) == (None, "ONEDNN_MAX_CPU_ISA is set")
    with torch.inference_mode():
        took = HERE.seconds(device)
    assert set(took) == {"float32", "bf16"} and min(took.values()) > 0
    assert choose().precision == min(took, key=took.get)


def test_what_has_many_levels_is_measured_in_float32():
    colour = ilk.models.GatedPixelCNN(
        (1, 4, 4), levels=256, width=8, depth=2, likelihood="logistics"
    )
    binary = ilk.models.GatedPixelCNN((1, 4, 4), width=8, depth=2)
    assert fitting_precision(colour, probe=machine(True)).precision == "float32"
    assert fitting_precision(colour, "bf16", machine(True)).precision == "bf16"
    assert fitting_precision(binary, probe=machine(True)).precision == "bf16"
    assert fitting_precision(binary, probe=machine(False)).precision == "float32"


def test_auto_measures_as_what_it_stands_for():
    torch.manual_seed(0)
    model = ilk.models.GatedPixelCNN((1, 4, 4), width=8, depth=2)
    episodes = ilk.data.test_episodes(striped(), shots=2, queries=2)
    (auto,) = nats_by_shots(model, episodes, precision="auto")
    (same,) = nats_by_shots(model, episodes, precision=choose().precision)
    assert auto == same


def test_a_named_recipe_takes_what_the_machine_is_quicker_in():
    for recipe in RECIPES.values():
        assert recipe.precision == "auto"
        old, said = settle(recipe, torch.device("cpu"), probe=machine(False))
        assert old == dataclasses.replace(recipe, precision="float32")
        assert said == "precision float32: what it has"


def test_asking_for_what_is_slow_is_done_and_remarked_on():
    asked = dataclasses.replace(tiny(), precision="bf16")
    recipe, said = settle(asked, torch.device("cpu"), probe=machine(False))
    assert recipe == asked and said is not None and "float32" in said
    assert settle(asked, torch.device("cpu"), probe=machine(True)) == (asked, None)


@pytest.mark.parametrize("began", ["bf16", "float32"])
def test_a_run_goes_on_in_the_precision_that_it_began_in(tmp_path, began):
    """Whatever the machine is quicker in; its card and checkpoints name it."""
    train(tiny(precision=began, steps=12), tmp_path, kinds=KINDS)
    (tmp_path / "model" / "card.json").unlink()
    reports = []
    result = train(tiny(precision="auto", steps=12), tmp_path, reports.append, kinds=KINDS)
    assert result.finished and result.resumed_from == 12
    assert not any("precision" in (report.message or "") for report in reports)
    assert card(result.model)["recipe"]["precision"] == began
    other = {"bf16": "float32", "float32": "bf16"}[began]
    with pytest.raises(ValueError, match=f"precision: '{began}' -> '{other}'"):
        train(tiny(precision=other, steps=12), tmp_path, kinds=KINDS)


def test_auto_is_settled_said_and_written_down(tmp_path):
    result = train(tiny(precision="auto", steps=3), tmp_path, kinds=KINDS)
    assert result.messages == (str(choose()),)
    facts = card(result.model)
    assert facts["recipe"]["precision"] == choose().precision
    (head,) = tmp_path.glob("checkpoints/*/checkpoint.json")
    assert json.loads(head.read_text())["recipe"]["precision"] == choose().precision
