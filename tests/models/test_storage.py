"""Models on disk: whole or not there, refused with a reason, readable forever."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import ilk
from ilk.models import AttentionPixelCNN, GatedPixelCNN, Model, storage

FILES = Path(__file__).parent / "files"
OLD, OLD_COLOUR = FILES / "v1", FILES / "v1-colour"


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    return GatedPixelCNN((1, 4, 4), width=8, depth=2).save(tmp_path / "model", card={"by": "me"})


def expected(directory: Path) -> dict[str, list]:
    return json.loads((directory / "expected.json").read_text())


def nats(directory: Path) -> list[float]:
    support, x = (torch.tensor(expected(directory)[name]) for name in ("support", "x"))
    return ilk.load(directory)(support).log_prob(x).tolist()


def edit(saved: Path, **changes: object) -> Path:
    config = json.loads((saved / "config.json").read_text())
    (saved / "config.json").write_text(json.dumps(config | changes))
    return saved


def test_a_file_of_the_first_format_is_read_forever() -> None:
    assert isinstance(ilk.load(OLD), AttentionPixelCNN)
    assert nats(OLD) == pytest.approx(expected(OLD)["log_prob"], abs=1e-4)


def test_a_model_of_before_the_straight_path_says_what_it_said(tmp_path: Path) -> None:
    assert nats(OLD_COLOUR) == pytest.approx(expected(OLD_COLOUR)["log_prob"], abs=1e-2)
    ilk.load(OLD_COLOUR).save(tmp_path / "new")
    config = json.loads((tmp_path / "new" / "config.json").read_text())
    support, x = (torch.tensor(expected(OLD_COLOUR)[name]) for name in ("support", "x"))
    assert config["format"] == 2
    assert ilk.load(tmp_path / "new")(support).log_prob(x).tolist() == nats(OLD_COLOUR)


def test_a_file_of_the_next_format_can_be_made_as_that_was(tmp_path: Path) -> None:
    command = [sys.executable, str(FILES / "make.py"), str(tmp_path / "v2")]
    subprocess.run(command, check=True, capture_output=True)
    assert ilk.load(tmp_path / "v2").config == ilk.load(OLD).config
    assert nats(tmp_path / "v2") == pytest.approx(expected(tmp_path / "v2")["log_prob"], abs=1e-4)


def test_a_model_comes_back_ready_to_use(saved: Path) -> None:
    model = ilk.load(saved)
    assert not model.training and storage.card(saved) == {"by": "me"}
    assert sorted(p.name for p in saved.iterdir()) == [
        "card.json",
        "config.json",
        "model.safetensors",
    ]


def test_saving_again_replaces_and_leaves_nothing_behind(saved: Path) -> None:
    GatedPixelCNN((1, 4, 4), width=4, depth=1).save(saved)
    assert ilk.load(saved).config["width"] == 4
    assert storage.card(saved) is None
    assert [p.name for p in saved.parent.iterdir()] == ["model"]


def test_sixteen_bits_take_half_the_room_and_round_once(tmp_path: Path) -> None:
    model = AttentionPixelCNN((1, 8, 8), width=16, depth=2, read_at=(1,))
    whole, half = (model.save(tmp_path / str(h), half=h) for h in (False, True))
    size = [(d / "model.safetensors").stat().st_size for d in (whole, half)]
    assert size[1] < 0.6 * size[0]
    read = ilk.load(half)
    for name, weight in model.state_dict().items():
        assert read.state_dict()[name].dtype == torch.float32
        assert torch.equal(read.state_dict()[name], weight.half().float())
    read.save(tmp_path / "again", half=True)
    again = (tmp_path / "again" / "model.safetensors").read_bytes()
    assert again == (half / "model.safetensors").read_bytes()


def test_a_weight_beyond_sixteen_bits_is_named(tmp_path: Path) -> None:
    model = GatedPixelCNN((1, 4, 4), width=8, depth=2)
    with torch.no_grad():
        next(model.parameters()).view(-1)[0] = 1e6
    name = next(name for name, _ in model.named_parameters())
    with pytest.raises(ValueError, match=rf"half: {re.escape(name)} holds 1e\+06; 16 bits"):
        model.save(tmp_path / "model", half=True)
    assert not (tmp_path / "model").exists()


def test_a_failure_leaves_what_was_there(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        GatedPixelCNN((1, 4, 4), width=4, depth=1).save(saved)
    assert ilk.load(saved).config["width"] == 8
    assert [p.name for p in saved.parent.iterdir()] == ["model"]


def test_a_folder_of_something_else_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "draft.txt").write_text("years of work")
    with pytest.raises(FileExistsError, match="holds something else"):
        GatedPixelCNN((1, 4, 4), width=8, depth=2).save(tmp_path / "thesis")
    assert (tmp_path / "thesis" / "draft.txt").read_text() == "years of work"


@pytest.mark.parametrize("config", ['{"theme": "dark"}', None])
def test_what_lies_beside_a_config_is_not_lost(saved: Path, config: str | None) -> None:
    """A folder is replaced whole: only if there is nothing in it but a model."""
    if config is None:
        (saved / "sheet.png").write_bytes(b"drawn")
    else:
        (saved / "config.json").write_text(config)
    before = {path.name: path.read_bytes() for path in saved.iterdir()}
    with pytest.raises(FileExistsError, match="model exists and holds something else"):
        GatedPixelCNN((1, 4, 4), width=4, depth=1).save(saved)
    assert {path.name: path.read_bytes() for path in saved.iterdir()} == before


def test_a_file_is_not_replaced_by_a_model(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("hello")
    with pytest.raises(FileExistsError, match="notes exists and is no folder"):
        GatedPixelCNN((1, 4, 4), width=4, depth=1).save(tmp_path / "notes")
    assert (tmp_path / "notes").read_text() == "hello"


def test_a_folder_of_pictures_hides_no_shipped_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("omniglot").mkdir()
    assert ilk.load("omniglot").shape == (1, 26, 26)
    GatedPixelCNN((1, 4, 4), width=4, depth=1).save("omniglot")
    assert ilk.load("omniglot").shape == (1, 4, 4)  # one's own model of that name comes first


def test_configs_of_ones_own_models(tmp_path: Path) -> None:
    class Mine(GatedPixelCNN):
        def __init__(self, shape: Sequence[int], **more: Any) -> None:
            super().__init__(shape, **more)

    model = Mine((1, 4, 4), width=np.int64(4), depth=1)
    assert model.config == {"model": "Mine", "shape": [1, 4, 4], "width": 4, "depth": 1}
    assert ilk.load(model.save(tmp_path / "mine")).config == model.config
    with pytest.raises(TypeError, match="a model of ilk has that name"):
        type("AttentionPixelCNN", (GatedPixelCNN,), {})
    with pytest.raises(TypeError, match="named arguments"):
        type("Other", (GatedPixelCNN,), {"__init__": lambda self, *shape: None})


def test_a_model_that_another_process_replaces_meanwhile_is_no_other_thing(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = storage._says_model

    def between_two_renames(directory: Path) -> bool:
        monkeypatch.setattr(storage, "_says_model", looked)
        os.rename(directory, directory.with_name("gone"))
        GatedPixelCNN((1, 4, 4), width=2, depth=1).save(directory)
        return False  # what was seen in between

    monkeypatch.setattr(storage, "_says_model", between_two_renames)
    GatedPixelCNN((1, 4, 4), width=4, depth=1).save(saved)
    assert ilk.load(saved).config["width"] == 4


def test_no_such_model(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no model 'cuneiform'"):
        ilk.load("cuneiform")
    with pytest.raises(FileNotFoundError, match=r"must be a directory with config\.json"):
        ilk.load(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": storage.FORMAT + 1}, "format 3; this ilk reads up to 2: update ilk"),
        ({"model": "Diffusion"}, "unknown model 'Diffusion'; known: .*GatedPixelCNN"),
        ({"colour": True}, "does not fit GatedPixelCNN: .*colour"),
        ({"width": 9}, "holds other weights than its config.json says"),
    ],
)
def test_foreign_configs(saved: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ilk.load(edit(saved, **changes))


@pytest.mark.parametrize("text", ["", "[]", "{}", "not json", "\xff"])
def test_what_is_no_config(saved: Path, text: str) -> None:
    (saved / "config.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match="is not the config of an ilk model"):
        ilk.load(saved)


@pytest.mark.parametrize("keep", [0, 7, 100, -1])
def test_truncated_weights(saved: Path, keep: int) -> None:
    path = saved / "model.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match="damaged or no safetensors file"):
        ilk.load(saved)


def test_weights_of_another_model(saved: Path) -> None:
    save_file({"weight": torch.zeros(3)}, saved / "model.safetensors")
    with pytest.raises(ValueError, match=r"other weights .*wanted None, got \(3,\)|wanted"):
        ilk.load(saved)


def test_a_weight_of_another_name(saved: Path) -> None:
    path = saved / "model.safetensors"
    tensors = load_file(path)
    tensors["net.stem.weight"] = tensors.pop("net.place.weight")
    save_file(tensors, path)
    with pytest.raises(ValueError, match=r"net\.place\.weight: wanted \(.*\), got None"):
        ilk.load(saved)


def test_missing_weights(saved: Path) -> None:
    (saved / "model.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"model\.safetensors is missing"):
        ilk.load(saved)


def test_configs_hold_every_argument() -> None:
    model = AttentionPixelCNN((1, 8, 8), width=8, depth=2, read_at=(1,))
    assert model.config["read_at"] == [1] and model.config["dropout"] == 0.0
    assert set(Model.classes) >= {"AttentionPixelCNN", "GatedPixelCNN"}
    assert "ByLabel" not in Model.classes
