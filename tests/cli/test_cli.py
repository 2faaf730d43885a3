"""The command line, as a person would use and misuse it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import ilk
from ilk.cli import VERBS, main
from ilk.cli.demo import DRAWINGS


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    torch.manual_seed(0)
    small = ilk.models.AttentionPixelCNN(
        (1, 26, 26), width=8, depth=2, read_at=(1,), patches=8, shots=4
    )
    return str(small.save(tmp_path_factory.mktemp("models") / "small", card={"made": "by a test"}))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four drawings of one kind, 105x105."""
    kind = tmp_path / "drawings"
    kind.mkdir()
    for i in range(4):
        paper = np.full((105, 105), 255, dtype=np.uint8)
        paper[20 + i : 80, 50:53] = 0
        paper[50:53, 20 : 80 - i] = 0
        Image.fromarray(paper).save(kind / f"{i}.png")
    return kind


def failing(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """The message of a command line that fails as one that holds a mistake does."""
    assert main([str(w) for w in words]) == 1
    error = capsys.readouterr().err
    assert error.splitlines()[-1].startswith("ilk: error: ") and "Traceback" not in error
    return error


def test_sample_writes_a_sheet(model: str, folder: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "new" / "sheet.png"
    assert main(["sample", model, "--support", str(folder), "-n", "6", "--out", str(out)]) == 0
    with Image.open(out) as picture:
        assert picture.width > picture.height
    assert "6 drawn" in capsys.readouterr().out
    assert [p.name for p in out.parent.iterdir()] == ["sheet.png"]


def test_help_does_not_wait_for_torch() -> None:
    asked = "import importlib, sys; from ilk.cli import VERBS\n"
    asked += "for verb in VERBS: importlib.import_module('ilk.cli.' + verb)\n"
    asked += "print('torch' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", asked], text=True).strip() == "False"


def test_threads_do_not_spin_for_long_unless_told_to(tmp_path: Path) -> None:
    """What decides it is in the environment before torch, which reads it, is there."""
    asked = (
        "import os, sys; from ilk.cli import main; print('torch' in sys.modules); main(['help'])"
    )
    asked += "; print(os.environ['GOMP_SPINCOUNT'])"
    for told, wanted in (({}, "1000"), ({"GOMP_SPINCOUNT": "7"}, "7")):
        kept = {k: v for k, v in os.environ.items() if k != "GOMP_SPINCOUNT"}
        said = subprocess.check_output([sys.executable, "-c", asked], env=kept | told, text=True)
        assert said.startswith("False") and said.split()[-1] == wanted


def test_seeds_decide(model: str, folder: Path, tmp_path: Path, capsys) -> None:
    nats = []
    for seed in ("1", "1", "2"):
        words = ["sample", model, "--support", str(folder), "-n", "2", "--seed", seed, "--json"]
        assert main([*words, "--out", str(tmp_path / "s.png")]) == 0
        nats.append(json.loads(capsys.readouterr().out)["nats_per_dim"])
    assert nats[0] == nats[1] != nats[2]


def test_score_is_what_the_model_says(model: str, folder: Path, tmp_path: Path, capsys) -> None:
    files = sorted(folder.iterdir())
    words = ["score", model, *map(str, files[2:]), "--support", *map(str, files[:2])]
    assert main([*words, "--json", "--surprise", str(tmp_path / "maps")]) == 0
    rows = json.loads(capsys.readouterr().out)["pictures"]
    loaded = ilk.load(model)
    x = torch.stack([ilk.data.read_image(f, loaded.shape, 2) for f in files])
    wanted = -loaded(x[:2]).log_prob(x[2:])
    assert [r["nats"] for r in rows] == pytest.approx(wanted.tolist(), rel=1e-5)
    gain = -loaded().log_prob(x[2:]) - wanted
    assert [r["gain_nats"] for r in rows] == pytest.approx(gain.tolist(), abs=1e-3)
    assert len(list((tmp_path / "maps").glob("*.png"))) == 2
    assert main(words) == 0
    assert "nats/dim" in capsys.readouterr().out


def test_no_support_is_said_and_works(model: str, folder: Path, capsys) -> None:
    assert main(["score", model, str(folder)]) == 0
    assert "0 shots" in capsys.readouterr().err


def test_more_shots_than_the_model_knows_warn(model: str, folder: Path, tmp_path, capsys) -> None:
    words = ["sample", model, "--support", str(folder), str(folder / "0.png"), "-n", "1"]
    assert main([*words, "--out", str(tmp_path / "s.png")]) == 0
    assert "warning: 5 support images" in capsys.readouterr().err


def test_info(model: str, capsys) -> None:
    assert main(["info", model, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["model"] == "AttentionPixelCNN" and facts["card"] == {"made": "by a test"}
    assert facts["parameters"] == sum(w.numel() for w in ilk.load(model).parameters())
    assert main(["info", model]) == 0
    assert "by a test" in capsys.readouterr().out


def test_info_shows_figures_as_a_table(model: str, tmp_path: Path, capsys) -> None:
    rows = [{"shots": 1, "nats": 0.0736809}, {"shots": 8, "nats": 10.5, "above": 2}]
    ilk.load(model).save(tmp_path / "told", {"figures": {"test": rows}, "seconds": 17077.12})
    assert main(["info", str(tmp_path / "told")]) == 0
    shown = capsys.readouterr().out.splitlines()[-5:]
    assert [line.split() for line in shown] == [
        ["test:"],
        ["shots", "nats", "above"],
        ["1", "0.07368"],
        ["8", "10.5", "2"],
        ["seconds", "17077"],
    ]
    assert len({line.index(word) for line, word in zip(shown[1:4], "n01", strict=True)}) == 1


def test_demo_draws_and_scores(model: str, tmp_path: Path, capsys) -> None:
    out = tmp_path / "demo.png"
    assert main(["demo", "--model", model, "--out", str(out), "--kind", "heron"]) == 0
    assert "heron" in capsys.readouterr().out
    with Image.open(out) as picture:
        assert picture.width > 800


def test_the_drawings_that_come_with_the_package_suffice_for_the_demo() -> None:
    kinds = [p for p in DRAWINGS.iterdir() if p.is_dir()]
    assert len(kinds) >= 3 and all(len(list(k.glob("*.png"))) == 12 for k in kinds)


def test_evaluate_and_train_on_a_folder(model: str, tmp_path: Path, capsys) -> None:
    root = tmp_path / "kinds"
    for k in range(20):
        (root / f"kind{k:02}").mkdir(parents=True)
        for i in range(5):
            paper = np.random.default_rng([k, i]).integers(0, 2, (26, 26)) * 255
            Image.fromarray(paper.astype(np.uint8)).save(root / f"kind{k:02}" / f"{i}.png")
    words = ["evaluate", model, "--data", str(root), "--shots", "0", "2", "--queries", "2"]
    report = tmp_path / "report.json"
    assert main([*words, "--out", str(report)]) == 0
    shown = capsys.readouterr().out
    rows = json.loads(report.read_text())["likelihood"]["test"]["rows"]
    assert {r["shots"] for r in rows} >= {0, 2}
    nats = {r["shots"]: r["nats_per_dim"] for r in rows if r["model"] != "context model"}
    line = next(line for line in shown.splitlines() if line.startswith("| small"))
    assert [cell.split()[0] for cell in line.split("|")[2:4]] == [f"{nats[k]:.4f}" for k in (0, 2)]


def test_a_folder_of_few_kinds_is_described_whole(kinds: Path, tmp_path: Path, capsys) -> None:
    shutil.rmtree(kinds / "one")
    words = ["data", str(kinds), "--preview", str(tmp_path / "p.png"), "--json"]
    assert main(words) == 0
    told = capsys.readouterr()
    (fact,) = json.loads(told.out)
    assert (fact["part"], fact["kinds"], fact["images"]) == ("all", 2, 7)
    assert f"`ilk train --data {kinds}` trains on all" in told.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["sample", "cuneiform"], "no model 'cuneiform'"),
        (["sample", "{model}", "--support", "nowhere.png"], "--support: no such file or folder"),
        (["sample", "{model}", "--support", "{empty}"], "--support: no picture"),
        (["sample", "{model}", "--support", "{broken}"], "broken.png"),
        (["sample", "{model}", "-n", "0"], "-n must be at least 1, got 0"),
        (["sample", "{model}", "--temperature", "-1"], "temperature must be finite"),
        (["sample", "{model}", "--out", "/proc/sheet.png"], "--out: can't write /proc/sheet.png"),
        (["sample", "{model}", "--out", "{empty}"], "is a folder, wanted a file"),
        (["sample", "{model}", "--out", "{empty}/s.tiff"], "--out must end in"),
        (["sample", "{model}", "--device", "abacus"], "--device 'abacus' can't be used here"),
        (["evaluate", "{model}", "--device", "abacus"], "--device 'abacus' can't be used here"),
        (["score", "{model}", "nowhere.png"], "FILES: no such file or folder: nowhere.png"),
        (["info", "cuneiform"], "no model 'cuneiform'"),
        (["demo", "--model", "{model}", "--kind", "cat"], "--kind must be one of"),
        (["evaluate", "{model}", "--data", "nothing"], "nothing"),
        (["train", "omniglot", "--out"], "--out: wanted a folder"),
        (["train", "omniglot", "--seed", str(2**64)], "--seed: wanted 0 to 2^63 - 1"),
        (["data", "mnst"], "got 'mnst'; did you mean 'mnist'?"),
    ],
)
def test_mistakes_are_named(
    words: list[str], message: str, model: str, tmp_path: Path, capsys, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "pets" / "cat").mkdir(parents=True)
    (tmp_path / "pets" / "cat" / "1.png").write_bytes(b"")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    places = {name: tmp_path / name for name in ("empty", "pets")}
    places |= {"model": model, "broken": tmp_path / "broken.png"}
    assert message.format(**places) in failing(capsys, *[w.format(**places) for w in words])


def test_a_bomb_is_refused(model: str, tmp_path: Path, capsys) -> None:
    bomb = tmp_path / "bomb.png"
    Image.new("1", (30_000, 30_000)).save(bomb)
    assert "bomb.png" in failing(capsys, "score", model, bomb)


def test_command_lines_that_can_not_be_read(model: str, capsys) -> None:
    assert main(["smaple"]) == 2
    assert "did you mean 'sample'?" in capsys.readouterr().err
    assert main(["sample", model, "--suport", "x"]) == 2
    assert main(["sample"]) == 2


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb: str, capsys) -> None:
    assert main([verb, "--help"]) == 0
    assert len(capsys.readouterr().out) > 300


def test_debugging_shows_where(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ILK_DEBUG", "1")
    with pytest.raises(FileNotFoundError):
        main(["info", "cuneiform"])


def test_ctrl_c_is_130(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ilk.cli.info.parse", interrupt)
    assert main(["info"]) == 130


def test_help_needs_no_torch() -> None:
    code = "import sys; from ilk.cli import main; main(['--help']); print('torch' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(Path(ilk.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    assert "usage: ilk VERB" in done.stdout and done.stdout.endswith("False\n")


def test_version() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ilk", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == f"ilk {ilk.__version__}"


def test_the_studio_refuses_what_it_can_not_serve(model: str, tmp_path: Path, capsys) -> None:
    pytest.importorskip("fastapi", reason="needs the extra `studio`")
    labelled = ilk.models.GatedPixelCNN((1, 4, 4), labels=3, width=8, depth=2)
    place = labelled.save(tmp_path / "labelled")
    assert "takes labels" in failing(capsys, "studio", place, "--no-browser")
    assert "two models are called" in failing(capsys, "studio", model, model, "--no-browser")
    assert "no model 'cuneiform'" in failing(capsys, "studio", "cuneiform", "--no-browser")
    assert "--port must be" in failing(capsys, "studio", model, "--port", "70000", "--no-browser")
    assert "can't listen on" in failing(capsys, "studio", "--host", "256.0.0.1", "--no-browser")
