from __future__ import annotations

import dataclasses
import json

import pytest
import torch
from training.toys import tiny

from ilk.cli.train import read_recipe
from ilk.training import RECIPES, Recipe
from ilk.training.recipes import command


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("batch", 0), ("queries", 0), ("steps", 0), ("images", 0), ("shots", -1), ("lr", 0.0),
        ("lr", float("nan")), ("clip", -1.0), ("ema", 1.0), ("dropout", 1.0), ("keep", 0),
        ("model", "nothing"), ("precision", "fp16"), ("by_label", True), ("log_every", 0),
    ],
)  # fmt: skip
def test_a_bad_option_is_named(field, value):
    with pytest.raises(ValueError, match=f"^{field}: .*got"):
        tiny(**{field: value})


def test_labels_and_rotated_kinds_exclude_each_other():
    with pytest.raises(ValueError, match="rotate"):
        Recipe(model="gated", by_label=True, rotate=True)


def test_compile_and_meta_exclude_each_other():
    """The network of a Meta PixelCNN is built anew each time: there is nothing to compile."""
    with pytest.raises(ValueError, match="compile: wanted False with meta, got True"):
        Recipe(model="gated", meta=True, compile=True)


def test_a_recipe_has_dictionaries_of_its_own():
    given = {"patch": 2}
    recipe, other = Recipe(model_args=given, meta_args=given), RECIPES["products"]
    given["patch"] = 1
    assert recipe.model_args == recipe.meta_args == {"patch": 2}
    assert other.model_args is not RECIPES["omniglot"].model_args
    assert dataclasses.replace(other).model_args is not other.model_args


def test_equal_recipes_have_one_hash():
    one, same = (
        Recipe(lr=1, model_args=dict(pairs))
        for pairs in ([("patch", 2), ("local", True)], [("local", True), ("patch", 2)])
    )
    assert one == same and hash(one) == hash(same)
    assert len({one, same, Recipe(lr=1.0, model_args=one.model_args), Recipe()}) == 2


def test_a_budget_in_images_becomes_whole_steps():
    assert tiny(images=81, batch=4, queries=2).total_steps == 11
    assert tiny(images=80, batch=4, queries=2).total_steps == 10
    assert tiny(steps=7).total_steps == 7


def test_only_what_moves_weights_counts_as_a_difference():
    saved = json.loads(json.dumps(tiny().to_json()))
    assert tiny(log_every=9, checkpoint_every=1, keep=5, tensorboard=True).differences(saved) == []
    assert tiny(images=96, steps=99).differences(saved) == []
    assert tiny(lr=0.5, steps=13).differences(saved) == [
        "lr: 0.002 -> 0.5",
        "total_steps: 12 -> 13",
    ]
    weightless = {"name", "data_root", "device", "images", "steps", "checkpoint_every"}
    weightless |= {"sample_every", "log_every", "keep", "tensorboard"}
    for f in dataclasses.fields(Recipe):
        other = {k: "other" if k == f.name else v for k, v in saved.items()}
        assert bool(tiny().differences(other)) == (f.name not in weightless), f.name


@pytest.mark.parametrize("name", RECIPES)
def test_named_recipes_build_and_their_command_comes_back(name):
    recipe = RECIPES[name]
    model = recipe.build((1, 8, 8), 2, kinds=10)
    assert model.conditioning == (
        "support" if recipe.few_shot else "label" if recipe.by_label else "none"
    )
    assert model.shots == (recipe.shots if recipe.few_shot else 0)
    more = recipe.model_args | {"patches": 8}
    changed = dataclasses.replace(recipe, width=24, compile=not recipe.meta, model_args=more)
    words = command(changed).split()
    assert words[:3] == ["ilk", "train", name]
    assert read_recipe(words[2:]) == changed


def test_a_run_from_before_an_option_existed_had_its_default():
    saved = json.loads(json.dumps(tiny().to_json()))
    del saved["clip"], saved["read_at"]
    assert tiny().differences(saved) == ["read_at: [4] -> [1]"]
    assert tiny(clip=9.0, read_at=(4,)).differences(saved) == ["clip: 1.0 -> 9.0"]


def test_the_three_coarse_ones_of_omniglot_differ_in_the_conditioning_alone():
    names = ("omniglot-coarse", "omniglot-conditional", "omniglot-unconditional")
    plain = [dataclasses.replace(RECIPES[n], name="", model="gated") for n in names]
    assert plain[0] == plain[1] == plain[2]


def test_model_arguments_that_do_not_exist_are_named():
    with pytest.raises(ValueError, match=r"model_args: .*wings"):
        tiny(model_args={"wings": 2}).build((1, 4, 4), 2, 3)


def test_a_run_can_begin_with_the_weights_of_another(tmp_path):
    shape = (1, 4, 4)
    torch.manual_seed(1)
    old = tiny().build(shape, 2, 3)
    old.save(tmp_path / "old")
    new = tiny(start=str(tmp_path / "old")).build(shape, 2, 3)
    state = old.state_dict()
    assert all(torch.equal(v, state[k]) for k, v in new.state_dict().items())
    with pytest.raises(ValueError, match=r"start: .*old has width=\d+, this run 24"):
        tiny(start=str(tmp_path / "old"), width=24).build(shape, 2, 3)


def test_a_deeper_model_begins_as_a_shallower_one(tmp_path):
    shape = (1, 4, 4)
    torch.manual_seed(1)
    old = tiny().build(shape, 2, 3).eval()
    old.save(tmp_path / "old")
    deeper = {"depth": old.config["depth"] + 2, "read_at": (1, 3)}
    new = tiny(start=str(tmp_path / "old"), **deeper).build(shape, 2, 3).eval()
    x = torch.randint(2, (5, *shape), dtype=torch.uint8)
    assert torch.equal(new(x[:2]).log_prob(x), old(x[:2]).log_prob(x))
    assert new.state_dict()["net.queries.1.weight"].any()


def test_a_model_that_carries_begins_as_one_that_does_not(tmp_path):
    shape = (1, 4, 4)
    torch.manual_seed(1)
    old = tiny().build(shape, 2, 3).eval()
    old.save(tmp_path / "old")
    arguments = tiny().model_args | {"carry": True}
    new = tiny(start=str(tmp_path / "old"), model_args=arguments).build(shape, 2, 3)
    x = torch.randint(2, (5, *shape), dtype=torch.uint8)
    assert torch.equal(new.eval()(x[:2]).log_prob(x), old(x[:2]).log_prob(x))
    new(x[:2]).log_prob(x).sum().backward()
    assert new.get_parameter("net.carry.0.weight").grad.any()
