"""Models and checkpoints that were interrupted, changed, or claim to be huge."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch

import ilk
from ilk.files import previous
from ilk.models import GatedPixelCNN, Model, storage
from ilk.training.checkpoint import Checkpoints


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    return GatedPixelCNN((1, 4, 4), width=8, depth=2).save(tmp_path / "model", {"by": "me"})


def edit(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_model_whose_replacing_was_interrupted_is_found(saved: Path) -> None:
    os.rename(saved, previous(saved))
    assert ilk.load(saved).config["depth"] == 2 and storage.card(saved) == {"by": "me"}
    GatedPixelCNN((1, 4, 4), width=8, depth=1).save(saved)
    assert ilk.load(saved).config["depth"] == 1 and not previous(saved).exists()


def test_a_model_that_is_replaced_while_it_is_read(saved: Path, monkeypatch) -> None:
    """Weights of the one with the config of the other would be a mixture."""
    real, calls = storage._weights, []

    def replaced(path: Path) -> dict[str, torch.Tensor]:
        weights = real(path)
        if not calls:
            GatedPixelCNN((1, 4, 4), width=4, depth=1).save(saved)
        calls.append(path)
        return weights

    monkeypatch.setattr(storage, "_weights", replaced)
    assert ilk.load(saved).config["width"] == 4 and len(calls) == 2


def test_a_changed_weight_is_found(saved: Path) -> None:
    path = saved / "model.safetensors"
    content = path.read_bytes()
    for i in range(len(content) - 1, 8, -len(content) // 20):
        path.write_bytes(content[:i] + bytes([content[i] ^ 1]) + content[i + 1 :])
        with pytest.raises(ValueError, match=r"model\.safetensors"):
            ilk.load(saved)


@pytest.mark.parametrize("changes", [{"depth": 10**9}, {"width": 10**7}])
def test_sizes_are_checked_before_memory_is_taken(saved: Path, changes: dict) -> None:
    edit(saved / "config.json", **changes)
    with pytest.raises(ValueError, match=r"config\.json: .*(far more weights|allocate)"):
        ilk.load(saved)


@pytest.mark.parametrize(
    "changes", [{"width": "8"}, {"width": -8}, {"depth": None}, {"model": ["a"]}, {"shape": {}}]
)
def test_arguments_of_another_type(saved: Path, changes: dict) -> None:
    edit(saved / "config.json", **changes)
    with pytest.raises(ValueError, match=r"config\.json"):
        ilk.load(saved)


def test_a_model_in_a_model_that_is_none() -> None:
    with pytest.raises(ValueError, match="config must be a dictionary, got 'nonsense'"):
        Model.of({"model": "MetaPixelCNN", "base": "nonsense"})


@pytest.mark.parametrize("text", ["", "[]", "\xff", "[" * 100_000])
def test_a_card_that_is_none(saved: Path, text: str) -> None:
    (saved / "card.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match=r"card\.json is not the card of an ilk model"):
        storage.card(saved)
    ilk.load(saved)


def test_a_checkpoint_that_claims_another_step_is_passed_over(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    tensors = {part: {"w": torch.zeros(2)} for part in ("model", "ema", "optimizer")}
    for step in (3, 6):
        checkpoints.save(step, tensors, {"recipe": {"lr": 0.1}})
    head = tmp_path / "step-00000006" / "checkpoint.json"
    for changes in ({"step": 7}, {"recipe": {"lr": 0.2}}):
        good = head.read_text()
        edit(head, **changes)
        found, messages = checkpoints.newest()
        assert found is not None and found.step == 3 and "does not match" in messages[0]
        head.write_text(good)
    assert checkpoints.read(6).meta["recipe"] == {"lr": 0.1}


def test_a_checkpoint_of_the_first_format_has_no_digest_of_its_head(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    tensors = {part: {"w": torch.zeros(2)} for part in ("model", "ema", "optimizer")}
    checkpoints.save(3, tensors, {})
    head = tmp_path / "step-00000003" / "checkpoint.json"
    digests = json.loads(head.read_text())["sha256"]
    del digests["head"]
    edit(head, sha256=digests)
    assert checkpoints.read(3).step == 3


def test_foreign_folders_among_checkpoints(tmp_path: Path) -> None:
    for name in ("step-3", "step-²", "step-x", "step-0000000x"):
        (tmp_path / name).mkdir()
    assert Checkpoints(tmp_path).newest() == (None, [])
