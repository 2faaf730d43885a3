"""The named recipes, and the command line of a recipe."""

from __future__ import annotations

import shlex
from dataclasses import fields
from typing import Any

from .recipe import Recipe

__all__ = ["RECIPES", "command"]


def _named(*recipes: Recipe) -> dict[str, Recipe]:
    return {recipe.name: recipe for recipe in recipes}


_OMNIGLOT: dict[str, Any] = {"rotate": True, "batch": 8, "queries": 4, "steps": 7_500}

# In a short run small steps, many of them: a few numbers of a local read have far to go.
_SMALL_STEPS: dict[str, Any] = {
    "rotate": True,
    "even_shots": True,
    "batch": 2,
    "queries": 4,
    "warmup": 100,
}
_MUON: dict[str, Any] = {"optimizer": "muon", "lr": 4e-3}
_LARGE_STEPS: dict[str, Any] = _SMALL_STEPS | _MUON | {"batch": 16}
_REED: dict[str, Any] = {"split": "45-5", "steps": 3_000, **_SMALL_STEPS, **_MUON}
# With 4e-3 a summary of the support set learns little.
_SLOWER: dict[str, Any] = _REED | {"lr": 2e-3}
_FLIPS: dict[str, Any] = {
    "data": "flips-24",
    "likelihood": "logistics",
    "width": 48,
    "shots": 1,
    "least_shots": 1,
    "batch": 8,
    "steps": 3_000,
    "warmup": 100,
}
_FINE: dict[str, Any] = {"patch": 2, "local": True}
_STEPS: dict[str, Any] = {"layer": 4, "learn_step_size": True}
_PLACES: dict[str, Any] = {"positions": True}
# In large steps and in photographs what is made of the support set grows without it until every
# gate is shut.
_SCALED: dict[str, Any] = _FINE | {"norm": True}

RECIPES: dict[str, Recipe] = _named(
    Recipe(
        name="omniglot",
        model="attention",
        model_args=_SCALED | {"carry": True},
        mirror=True,
        steps=3_973,
        **_LARGE_STEPS,
    ),
    Recipe(name="omniglot-coarse", model="attention", **_OMNIGLOT),
    Recipe(name="omniglot-conditional", model="conditional", **_OMNIGLOT),
    Recipe(name="omniglot-unconditional", model="gated", **_OMNIGLOT),
    Recipe(name="reed-unconditional", model="gated", **_REED),
    Recipe(name="reed-conditional", model="conditional", **_SLOWER),
    Recipe(name="reed-attention", model="attention", model_args=_FINE, **_REED),
    Recipe(name="reed-meta", model="gated", meta=True, meta_args=_STEPS, **_SLOWER),
    Recipe(
        name="reed-attention-meta",
        model="attention",
        model_args=_FINE,
        meta=True,
        meta_args=_STEPS | {"layer": 2},
        **_SLOWER,
    ),
    Recipe(name="reed-recall", model="recall", model_args=_FINE | {"carry": True}, **_REED),
    Recipe(name="flips", model="attention", model_args={"patch": 1, "local": True}, **_FLIPS),
    Recipe(name="flips-conditional", model="conditional", **_FLIPS),
    Recipe(
        name="flips-meta",
        model="gated",
        model_args={"place": False},
        meta=True,
        meta_args=_STEPS,
        **_FLIPS,
    ),
    Recipe(
        name="flips-meta-places", model="gated", meta=True, meta_args=_STEPS | _PLACES, **_FLIPS
    ),
    Recipe(
        name="products",
        model="attention",
        model_args=_SCALED,
        data="products-32",
        likelihood="logistics",
        mirror=True,
        batch=8,
        queries=4,
        even_shots=True,
        steps=7_000,
        warmup=100,
    ),
    Recipe(name="mnist-binary", model="gated", data="mnist-binary"),
    Recipe(
        name="cifar10",
        model="gated",
        data="cifar10",
        likelihood="logistics",
        batch=8,
        steps=5_000,
        warmup=100,
    ),
    Recipe(name="mnist-label", model="gated", by_label=True, data="mnist", likelihood="logistics"),
    Recipe(
        name="folder",
        model="attention",
        model_args=_SCALED,
        likelihood="logistics",
        data="images",
        batch=2,
        queries=4,
        even_shots=True,
        warmup=100,
    ),
)
"""Named recipes. `omniglot` is what ships. The other three of Omniglot, those of the table of Reed
et al., and those of flips differ among themselves in the conditioning alone."""


def command(recipe: Recipe) -> str:
    """The command line of this recipe: the named one it comes from, and what was changed.

    Example:
        >>> command(Recipe(name="omniglot", width=32)).split(" --")[0]
        'ilk train omniglot'
    """
    base = RECIPES.get(recipe.name, Recipe())
    words = ["ilk", "train", recipe.name]
    for f in fields(recipe):
        value = getattr(recipe, f.name)
        if f.name in ("name", "data_root") or value == getattr(base, f.name):
            continue
        flag = "--" + f.name.replace("_", "-")
        if isinstance(value, bool):
            words.append(flag if value else flag.replace("--", "--no-", 1))
        elif isinstance(value, dict):
            had = getattr(base, f.name)
            new = [(k, v) for k, v in value.items() if k not in had or had[k] != v]
            words += [flag, *(str(item) for pair in new for item in pair)] if new else []
        elif isinstance(value, tuple):
            words += [flag, *map(str, value)]
        else:
            words += [flag, str(value)]
    return shlex.join(words)
