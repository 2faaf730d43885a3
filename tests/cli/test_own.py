"""One's own kinds at the command line: train on any folder, adapt a model, keep what was drawn."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import ilk
from ilk.cli import main
from ilk.data import read_image
from ilk.distributions import pick
from ilk.models.storage import card
from ilk.precision import choose
from ilk.trace import trace

SMALL = [
    "--width",
    "8",
    "--depth",
    "2",
    "--read-at",
    "1",
    "--model-args",
    "patches",
    "8",
    "heads",
    "1",
]
SMALL += ["--precision", "float32", "--sample-every", "0", "--steps", "2"]


def test_adapt_writes_a_model_that_says_what_it_came_from(tiny, kinds, tmp_path, capsys):
    out = tmp_path / "mine"
    words = ["adapt", tiny, "--support", str(kinds / "bar"), "--out", str(out), "--own", "8"]
    assert main([*words, "--steps", "12", "--lr", "0.003"]) == 0
    told = capsys.readouterr()
    facts = card(out)
    assert facts is not None and facts["from"]["model"] == tiny
    assert facts["support"]["images"] == 4
    options = {"steps": 12, "lr": 0.003, "rehearsal": 4.0, "own": 8, "seed": 0}
    assert facts["options"] == options | {"precision": choose().precision}
    assert f"ilk: {choose()}" in told.err
    before, after = facts["figures"]["before"], facts["figures"]["after"]
    assert before["step"] == 0 and after["held_nats"] < before["held_nats"]
    assert f"{before['held_nats']:.4f} -> {after['held_nats']:.4f} nats/dim" in told.out
    assert "10/12  held out " in told.err and "its own" in told.err
    old, new = ilk.load(tiny), ilk.load(out)
    assert new.config == old.config
    assert any(
        not torch.equal(a, b) for a, b in zip(old.parameters(), new.parameters(), strict=True)
    )


def test_adapt_needs_three_pictures(tiny, kinds, tmp_path, capsys):
    words = ["adapt", tiny, "--support", str(kinds / "one"), "--out", str(tmp_path / "mine")]
    assert main(words) == 1
    assert "--support: wanted 3 pictures or more, got 1" in capsys.readouterr().err
    assert not (tmp_path / "mine").exists()


def test_adapt_replaces_a_model_when_told_to_and_nothing_else(tiny, kinds, tmp_path, capsys):
    out = tmp_path / "mine"
    words = ["adapt", tiny, "--support", str(kinds / "bar"), "--out", str(out), "--steps", "1"]
    out.mkdir()
    (out / "letter.txt").write_text("dear")
    assert main([*words, "--overwrite"]) == 1
    assert "holds something else" in capsys.readouterr().err
    (out / "letter.txt").unlink()
    assert main([*words, "--own", "2"]) == 0
    capsys.readouterr()
    before = (out / "model.safetensors").stat().st_mtime_ns
    assert main(words) == 1
    assert "is there; choose another folder or --overwrite" in capsys.readouterr().err
    assert (out / "model.safetensors").stat().st_mtime_ns == before
    assert main([*words, "--own", "2", "--overwrite"]) == 0
    assert (out / "model.safetensors").stat().st_mtime_ns != before


def noise(root: Path, kinds: int = 6, seed: int = 0) -> Path:
    """A folder of kinds of six drawings of 8x8 each."""
    for k in range(kinds):
        (root / f"kind{k}").mkdir(parents=True)
        for i in range(6):
            ink = np.random.default_rng([seed, k, i]).random((8, 8)) < 0.3
            Image.fromarray((ink * 255).astype(np.uint8)).save(root / f"kind{k}" / f"{i}.png")
    return root


def test_train_on_a_folder_says_what_it_found_and_shows_it(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    root = noise(tmp_path / "leaves")
    (root / "kind0" / "notes.txt").write_text("hello")
    (root / "kind0" / "torn.png").write_bytes((root / "kind0" / "0.png").read_bytes()[:50])
    assert main(["train", "--data", str(root), *SMALL]) == 0
    told = capsys.readouterr()
    out = Path("runs") / "leaves"
    assert "36 images read, 2 files skipped" in told.err and "6 kinds, 6 images each" in told.err
    assert "skipped 1: damaged or cut short" in told.err and "torn.png" in told.err
    assert "bernoulli likelihood" in told.err and "for 2 steps" in told.err
    assert "timing steps on the first batches: 1x8x8, 8 channels" in told.err
    found, timing, hours = (told.err.index(w) for w in ("36 images read", "timing", "about 0:00:"))
    assert found < timing < hours
    with Image.open(out / "preview.png") as picture:
        assert picture.width > 300
    model, facts = ilk.load(out / "model"), card(out / "model")
    assert facts is not None and str(out / "model") in told.out
    assert (model.shape, model.levels) == ((1, 8, 8), 2)
    assert facts["recipe"]["likelihood"] == "bernoulli" and facts["steps"] == 2
    assert main(["train", "folder", "--data", str(root), *SMALL]) == 0
    again = capsys.readouterr().err
    assert "step 2: going on from step 2" in again and "timing" not in again


def test_a_run_goes_on_as_it_was_fitted_when_it_began(tmp_path, capsys, monkeypatch):
    """Whatever the machine does then: the same command, no steps said, another pace."""
    root, out = noise(tmp_path / "leaves"), tmp_path / "run"
    words = ["train", "--data", str(root), "--out", str(out), *SMALL[: SMALL.index("--steps")]]
    monkeypatch.setattr("ilk.training.fitting.HOUR", 1e-9)
    assert main(words) == 0
    assert (card(out / "model") or {})["steps"] == 1
    monkeypatch.undo()
    capsys.readouterr()
    assert main(words) == 0
    told = capsys.readouterr().err
    assert "going on from step 1" in told and "timing" not in told


def test_a_folder_may_be_called_like_a_recipe(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    noise(tmp_path / "products")
    assert main(["train", "--data", "products", *SMALL]) == 0
    recipe = (card(Path("runs") / "products" / "model") or {})["recipe"]
    assert recipe["name"] == "folder" and recipe["data"] == "products"
    capsys.readouterr()
    assert main(["train", "omniglot", "--depth", "2", "--steps", "1", "--data", "products"]) == 1
    told = capsys.readouterr().err
    assert "read_at=(4,) does not fit depth=2: wanted layers 0 to 1" in told


def test_a_refused_run_leaves_its_folder_as_it_is(tmp_path, capsys):
    out = tmp_path / "run"
    words = ["train", "--out", str(out), *SMALL, "--data"]
    assert main([*words, str(noise(tmp_path / "leaves"))]) == 0
    before = {p: p.read_bytes() for p in out.rglob("*") if p.is_file() and p.name != ".lock"}
    assert out / "preview.png" in before
    capsys.readouterr()
    assert main([*words, str(noise(tmp_path / "shells", seed=1))]) == 1
    assert "holds a run that differs in data:" in capsys.readouterr().err
    after = {p: p.read_bytes() for p in out.rglob("*") if p.is_file() and p.name != ".lock"}
    assert after == before


def test_train_on_a_folder_that_is_not_there(tmp_path, capsys):
    assert main(["train", "--data", str(tmp_path / "none"), "--out", str(tmp_path / "run")]) == 1
    assert "none" in capsys.readouterr().err


def test_each_sample_is_a_picture_that_reads_back(tiny, kinds, tmp_path, capsys):
    words = ["sample", tiny, "--support", str(kinds / "bar"), "-n", "5", "--seed", "3"]
    sheet, each = tmp_path / "sheet.png", tmp_path / "each"
    assert main([*words, "--out", str(sheet), "--each", str(each), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["nats_per_dim"]) == 5
    model = ilk.load(tiny)
    support = torch.stack([read_image(f, (1, 8, 8), 2) for f in sorted((kinds / "bar").iterdir())])
    x = model(support).guided(0.5).sample((5,), torch.Generator().manual_seed(3))
    read = [read_image(each / f"{i + 1:02}.png", (1, 8, 8), 2) for i in range(5)]
    assert torch.equal(torch.stack(read), x)


def test_each_sample_is_an_outline(tiny, kinds, tmp_path, capsys):
    words = ["sample", tiny, "-n", "2", "--out", str(tmp_path / "sheet.png"), "--form", "svg"]
    assert main([*words, "--each", str(tmp_path / "each")]) == 0
    x = ilk.load(tiny)().sample((2,), torch.Generator().manual_seed(0))
    written = [(tmp_path / "each" / name).read_text() for name in ("01.svg", "02.svg")]
    assert written == [trace(image, 2) for image in x]
    assert main(words) == 1
    assert "--form is for --each" in capsys.readouterr().err


def test_the_best_of_many_are_those_that_the_examples_gained_most(tiny, kinds, tmp_path, capsys):
    words = ["sample", tiny, "--support", str(kinds / "bar"), "--json", "--seed", "3"]
    words += ["--out", str(tmp_path / "sheet.png"), "--guidance", "0"]
    assert main([*words, "--pick", "5", "--of", "20", "--each", str(tmp_path / "each")]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["of"], said["guidance"], len(said["nats_per_dim"])) == (20, 0, 5)
    model = ilk.load(tiny)
    p = model(
        torch.stack([read_image(f, (1, 8, 8), 2) for f in sorted((kinds / "bar").iterdir())])
    )
    x = p.sample((20,), torch.Generator().manual_seed(3))
    read = [read_image(tmp_path / "each" / f"{i + 1:02}.png", (1, 8, 8), 2) for i in range(5)]
    assert torch.equal(torch.stack(read), x[pick(x, p.gain(x), 5)])


def test_there_is_nothing_to_go_by_without_examples(tiny, tmp_path, capsys):
    words = ["sample", tiny, "--out", str(tmp_path / "sheet.png")]
    assert main([*words, "--guidance", "1"]) == 1
    assert "--guidance needs examples to go by" in capsys.readouterr().err
    assert main([*words, "--of", "20"]) == 1
    assert "--of needs examples to go by" in capsys.readouterr().err
    assert main([*words, "--of", "3"]) == 1
    assert "--of must be at least -n, 16; got 3" in capsys.readouterr().err
    assert main(words) == 0  # exact draws of any kind
    assert "guided" not in capsys.readouterr().err
