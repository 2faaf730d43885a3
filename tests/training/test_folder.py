"""A folder becomes a recipe: what is inferred, what a person overrides, what is left out."""

from __future__ import annotations

import dataclasses
import shlex
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from training.toys import striped, tiny, weights

import ilk
from ilk.cli.train import read_recipe
from ilk.training import RECIPES, estimate, fit_folder, plan_folder, preview, train
from ilk.training.fitting import HOUR, SHEETS
from ilk.training.recipes import command


def folder(
    root: Path, kinds: int = 10, images: int = 8, levels: int = 2, colour=False, side: int = 8
) -> Path:
    """A folder of folders of noise, and one kind of one image."""
    shape = (side, side, 3) if colour else (side, side)
    for k in range(kinds):
        (root / f"kind{k:02}").mkdir(parents=True)
        for i in range(1 if k == 0 else images):
            values = np.random.default_rng([k, i]).integers(levels, size=shape)
            values = (values * (255 // (levels - 1))).astype(np.uint8)
            Image.fromarray(values).save(root / f"kind{k:02}" / f"{i}.png")
    return root


def planned(root: Path, **changes):
    from dataclasses import replace

    return plan_folder(replace(RECIPES["folder"], data=str(root), **changes))


def test_binary_drawings_are_scored_as_bernoulli_and_photos_as_logistics(tmp_path):
    plan = planned(folder(tmp_path / "bits"))
    assert (plan.recipe.shape, plan.recipe.levels) == ((1, 8, 8), 2)
    assert plan.recipe.likelihood == "bernoulli" and plan.recipe.queries == 4
    assert plan.recipe.shots == 4
    plan = planned(folder(tmp_path / "grey", levels=256))
    assert (plan.recipe.shape, plan.recipe.levels) == ((1, 8, 8), 256)
    assert plan.recipe.likelihood == "logistics"
    plan = planned(folder(tmp_path / "red", levels=256, colour=True))
    assert plan.recipe.shape == (3, 8, 8)


def test_what_is_given_is_not_inferred(tmp_path):
    plan = planned(folder(tmp_path / "bits"), shape=(1, 4, 4), levels=16)
    assert plan.kinds[0].shape == (1, 4, 4) and plan.kinds[0].levels == 16
    root = str(tmp_path / "bits")
    recipe = read_recipe(["--data", root, "--steps", "7", "--likelihood", "categorical"])
    assert recipe.steps == recipe.total_steps == 7 and recipe.likelihood == "categorical"
    assert recipe.shape == (1, 8, 8) and recipe.name == "folder" and recipe.queries == 4
    assert read_recipe(["folder", f"--data={root}", "--images", "80"]).total_steps == 10
    line = command(dataclasses.replace(recipe, data=f"{root}/my leaves (2024)"))
    assert f"--data '{root}/my leaves (2024)'" in line and "--shape 1 8 8" in line
    assert read_recipe(shlex.split(command(recipe))[2:]) == recipe


def test_few_images_get_a_smaller_budget(tmp_path):
    few = planned(folder(tmp_path / "few", kinds=5))
    assert few.recipe.total_steps * few.recipe.images_per_step == 8_000
    many = planned(folder(tmp_path / "many", kinds=40, images=12))
    images = len(many.kinds[0].images)
    assert images > 200
    assert many.recipe.total_steps * many.recipe.images_per_step == pytest.approx(
        40 * images, abs=many.recipe.images_per_step
    )


def test_kinds_of_one_image_are_left_out_and_named(tmp_path):
    plan = planned(folder(tmp_path / "k"))
    train_, valid = plan.kinds
    assert valid is not None
    assert train_.counts.min() == 8 and not {"kind00"} & {*train_.names, *valid.names}
    assert "1 kinds of one image left out: kind00" in plan.notes
    assert "10 kinds, 1 to 8 images each, 1 of one image" in str(plan.report)


def test_a_kind_of_one_image_is_not_counted_among_those_to_validate(tmp_path):
    root = folder(tmp_path / "k", kinds=6)
    for part, count in {"train": 3, "valid": 2, "test": 1}.items():
        (root / part).mkdir()
        for kind in sorted(root.glob("kind*"), reverse=part != "valid")[:count]:
            kind.rename(root / part / kind.name)
    plan = planned(root)
    assert plan.kinds[1] is not None and len(plan.kinds[1]) == 1
    assert plan.notes == (
        "3 kinds to train, 1 to validate, 1 held back for `ilk evaluate`",
        "1 kinds of one image left out: valid/kind00",
    )


def test_kinds_too_few_to_part_are_all_trained_on(tmp_path):
    root = folder(tmp_path / "two", kinds=3)
    (root / "kind00" / "0.png").unlink()
    (root / "kind00").rmdir()
    plan = planned(root)
    assert len(plan.kinds[0]) == 2 and plan.kinds[1] is None
    assert "nothing is validated" in "\n".join(plan.notes)


def test_a_folder_without_two_images_of_a_kind_is_refused(tmp_path):
    root = folder(tmp_path / "one", kinds=4, images=1)
    with pytest.raises(ValueError, match="no kind of two or more images to train on"):
        planned(root)


def test_a_preview_has_a_row_for_each_kind():
    kinds = striped(kinds=3, images=5)
    picture = preview(kinds, rows=2, columns=4)
    assert picture.height == 2 * (picture.height // 2)
    paper = np.asarray(picture)
    scale = 20  # 78 screen pixels over 4
    tile = paper[16 : 16 + 4 * scale, 16 : 16 + 4 * scale][
        scale // 2 :: scale, scale // 2 :: scale
    ]
    assert np.array_equal(tile[..., 0] < 128, kinds.of(0)[0, 0].numpy() == 1)


def test_an_estimate_leaves_nothing_behind(tmp_path):
    kinds = (striped(), striped(seed=1))
    torch.manual_seed(5)
    state = torch.get_rng_state()
    assert 0 < estimate(tiny(), kinds, steps=2) < 60
    assert torch.equal(torch.get_rng_state(), state)
    train(tiny(steps=2), tmp_path / "a", kinds=kinds)
    estimate(tiny(steps=2), kinds, steps=1)
    train(tiny(steps=2), tmp_path / "b", kinds=kinds)
    assert weights(tmp_path / "a")["model"] == weights(tmp_path / "b")["model"]


def test_an_estimate_tells_of_its_steps_and_of_slow_ones_takes_fewer(monkeypatch):
    kinds = (striped(), striped(seed=1))
    told = []
    estimate(tiny(), kinds, steps=2, on_step=lambda *at: told.append(at))
    assert told == [(0, 2), (1, 2)]
    monkeypatch.setattr("ilk.training.loop.SLOW", 0.0001)
    told.clear()
    estimate(tiny(), kinds, steps=9, on_step=lambda *at: told.append(at))
    assert told == [(0, 9)]


@pytest.fixture(scope="module")
def photographs(tmp_path_factory) -> Path:
    """A folder of kinds of 64x64 colour noise."""
    root = tmp_path_factory.mktemp("photographs")
    return folder(root, kinds=4, images=6, levels=256, colour=True, side=64)


def fitted(root: Path, pace, words=(), **changes):
    """A recipe fitted to a machine that takes so long for a step of a recipe."""
    recipe = dataclasses.replace(RECIPES["folder"], data=str(root), **changes)
    timed = []

    def seconds(recipe, kinds, on_step):
        assert kinds[0].shape == recipe.shape
        timed.append((recipe.shape[1], recipe.width, recipe.start))
        return pace(recipe)

    complete = (lambda r: dataclasses.replace(r, **dict(words))) if words else (lambda r: r)
    return fit_folder(recipe, complete, seconds=seconds), timed


def test_a_quick_machine_trains_the_largest_for_all_of_the_budget(photographs):
    found, timed = fitted(photographs, lambda recipe: 0.01)
    recipe = found.plan.recipe
    assert timed == [(64, 48, "products-64")] and found.tried == ()
    assert recipe.steps == planned(photographs).recipe.steps == -(-1_600 // recipe.images_per_step)
    assert recipe.sample_every == recipe.total_steps


def test_a_slow_machine_trains_smaller_images_and_then_a_smaller_network(photographs):
    """Down to what scores as many images in an hour as are worth it, if anything does."""
    pixels = 64 * 64
    slow = lambda recipe: 20.0 * recipe.shape[1] ** 2 / pixels  # noqa: E731
    found, timed = fitted(photographs, slow)
    assert timed == [(64, 48, "products-64"), (32, 64, "products")]
    assert found.tried == ("3x64x64, 48 channels: 20.0 s a step",)
    assert found.plan.kinds[0].shape == found.plan.recipe.shape == (3, 32, 32)
    slower = lambda recipe: 400.0 * recipe.shape[1] ** 2 / pixels  # noqa: E731
    found, timed = fitted(photographs, slower)
    recipe = found.plan.recipe
    assert timed[-1] == (32, 32, None) and len(found.tried) == 2
    assert recipe.total_steps == HOUR / found.pace == 36
    assert recipe.sample_every * found.pace <= SHEETS < HOUR / 2
    assert recipe.checkpoint_every == 12


def test_what_a_person_asks_for_is_not_fitted(photographs):
    forever = lambda recipe: 1e3  # noqa: E731
    found, timed = fitted(photographs, forever, words={"steps": 5_000, "sample_every": 0})
    assert (found.plan.recipe.steps, found.plan.recipe.sample_every) == (5_000, 0)
    assert len(timed) == 3
    _, timed = fitted(photographs, forever, shape=(3, 64, 64), levels=256)
    assert timed == [(64, 48, "products-64"), (64, 32, None)]
    _, timed = fitted(photographs, forever, width=40)
    assert timed == [(64, 40, None), (32, 40, None)]


def test_a_folder_of_such_images_begins_with_what_ships(photographs):
    recipe = planned(photographs).recipe
    kinds = planned(photographs).kinds[0]
    model = recipe.build(kinds.shape, kinds.levels, len(kinds))
    shipped = ilk.load("products-64").state_dict()
    assert all(torch.equal(v, shipped[k]) for k, v in model.state_dict().items())
    assert recipe.lr == 1e-3
    words = ["--data", str(photographs)]
    assert read_recipe(words) == recipe
    assert read_recipe(shlex.split(command(recipe))[2:]) == recipe
    for own in (["--start", "None"], ["--width", "64"], ["--depth", "9"]):
        other = read_recipe([*words, *own])
        assert other.start is None and other.lr == RECIPES["folder"].lr, own
        assert (other.width, other.depth) == (64, 9 if "--depth" in own else 8)
        assert other.model_args["patch"] == 4
    assert read_recipe([*words, "--lr", "0.0005"]).lr == 0.0005


def test_drawings_begin_with_the_model_of_drawings(tmp_path):
    recipe = planned(folder(tmp_path / "glyphs", side=26)).recipe
    assert recipe.start == "omniglot" and recipe.model_args["carry"]
    recipe.build((1, 26, 26), 2, 5)
