"""A recipe: all that decides a run. The named ones stand at the end."""

from __future__ import annotations

import json
import math
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from ilk import models
from ilk.data import Kinds
from ilk.models import Model
from ilk.nn import GatedLayer

__all__ = ["RECIPES", "Recipe"]

MODELS = {
    "gated": "GatedPixelCNN",
    "pixelsnail": "PixelSNAIL",
    "pixelcnnpp": "PixelCNNpp",
    "conditional": "ConditionalPixelCNN",
    "attention": "AttentionPixelCNN",
    "recall": "RecallPixelCNN",
}
FEW_SHOT = ("conditional", "attention", "recall")
# What may differ between a run and the run that goes on with it: none of it moves a weight.
FREE = frozenset(("name", "data_root", "device", "images", "steps"))
FREE |= {"checkpoint_every", "sample_every", "log_every", "keep", "tensorboard"}


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a run: model, data, budget, optimiser, precision, seed.

    Raises:
        ValueError: If an option is out of range, named in the message.

    Example:
        >>> Recipe(images=1000, batch=8, queries=2).total_steps
        63
    """

    name: str = "custom"
    """What the run is called on the model's card."""
    model: Literal["gated", "pixelsnail", "pixelcnnpp", "conditional", "attention", "recall"] = (
        "attention"
    )
    """Gated PixelCNN, PixelSNAIL or PixelCNN++ (all without a support set), Conditional PixelCNN
    (a summary of the support set enters every gate), Attention PixelCNN (support patches are read)
    or Recall PixelCNN (the network's own states on the support set are read)."""
    backbone: Literal["gated", "snail", "pixelcnnpp"] = "gated"
    """The causal network of a conditional or attention model."""
    width: int = 64
    """Channels."""
    depth: int = 8
    """Layers."""
    likelihood: Literal["bernoulli", "categorical", "logistics"] = "bernoulli"
    """Distribution of a pixel: Bernoulli, categorical, or a mixture of discretised logistics."""
    dropout: float = 0.0
    """Probability of dropping a unit."""
    read_at: tuple[int, ...] = (4,)
    """Layers before which an attention or recall model reads the support set."""
    start: str | None = None
    """A model to begin with, a shipped name or a directory: of the same parameters, or with fewer
    gated layers or nothing carried, beyond which those of this run begin as the identity."""
    by_label: bool = False
    """Condition a model without a support set on the label of the kind."""
    meta: bool = False
    """Wrap the model as a Meta PixelCNN: gradient steps on a learned loss of the support set."""
    meta_args: dict[str, int | float | bool | str] = field(default_factory=dict)
    """Arguments of the Meta PixelCNN: name value pairs."""
    model_args: dict[str, int | float | bool | str] = field(default_factory=dict)
    """Further arguments of the model's constructor: name value pairs."""

    data: str = "omniglot-26"
    """A named data set (`ilk data` lists them), or a folder of folders of images."""
    split: str = "30-20"
    """Which kinds are for training, where the data have several splits."""
    data_root: Path | None = None
    """Where the data are; by default what ILK_DATA says, or the cache."""
    shape: tuple[int, int, int] | None = None
    """Channels, height and width to bring a folder's pictures to; inferred where not given."""
    levels: int | None = None
    """Values of a pixel to quantise a folder's pictures to; inferred where not given."""
    rotate: bool = False
    """Every kind turned by 90, 180 and 270 degrees is a further kind."""
    mirror: bool = False
    """The mirror image of every kind is a further kind."""
    shots: int = 8
    """Most support images of an episode; the number is drawn uniformly from the least to this."""
    least_shots: int = 0
    """Fewest support images of an episode."""
    even_shots: bool = False
    """Draw one number of shots for all episodes of a step, so that no support set is padded."""

    batch: int = 32
    """Episodes a step, over all processes."""
    queries: int = 1
    """Images scored an episode."""
    steps: int = 20_000
    """Steps in all."""
    images: int | None = None
    """Budget in images scored; overrides steps."""
    optimizer: Literal["adamw", "muon"] = "adamw"
    """AdamW, or Muon for kernels and matrices and AdamW for all else."""
    lr: float = 2e-3
    """Highest learning rate."""
    warmup: int = 200
    """Steps of linear warm-up; then a half cosine down to zero."""
    weight_decay: float = 0.01
    """Decay of matrices and kernels (not of biases and gains), times the learning rate."""
    beta2: float = 0.99
    """Decay of AdamW's second moments."""
    clip: float = 1.0
    """Highest norm of the gradient."""
    ema: float = 0.999
    """Decay of the average of the weights; the average is the model that is saved."""

    precision: Literal["bf16", "float32"] = "bf16"
    """Autocast to bfloat16, or float32 throughout. Weights and likelihoods are float32 in both."""
    channels_last: bool = True
    """Keep channels innermost in memory, where convolutions in bfloat16 are quicker."""
    compile: bool = False
    """Compile the training step with torch.compile; not that of a Meta PixelCNN."""
    device: Literal["auto", "cpu"] = "auto"
    """The accelerator that there is, or the CPU."""
    seed: int = 0
    """Decides the first weights and every batch."""

    checkpoint_every: int = 1000
    """Steps between checkpoints, each with a validation."""
    sample_every: int = 5000
    """Steps between sheets of samples; 0 for none."""
    log_every: int = 50
    """Steps between reports."""
    keep: int = 2
    """Checkpoints to keep."""
    tensorboard: bool = False
    """Write for TensorBoard too."""

    def __post_init__(self) -> None:
        for key in ("model_args", "meta_args"):
            object.__setattr__(self, key, dict(getattr(self, key)))
        for key in ("width", "depth", "batch", "queries", "steps"):
            _check(self, key, getattr(self, key) >= 1, "1 or more")
        for key in ("checkpoint_every", "log_every", "keep"):
            _check(self, key, getattr(self, key) >= 1, "1 or more")
        for key in ("shots", "warmup", "weight_decay", "seed", "sample_every"):
            _check(self, key, getattr(self, key) >= 0, "0 or more")
        for key in ("lr", "clip"):
            value = getattr(self, key)
            _check(self, key, value > 0 and math.isfinite(value), "a finite number above 0")
        for key in ("beta2", "ema", "dropout"):
            _check(self, key, 0 <= getattr(self, key) < 1, "0 or more, below 1")
        least = 0 <= self.least_shots <= self.shots
        _check(self, "least_shots", least, f"0 to shots={self.shots}")
        _check(self, "images", self.images is None or self.images >= 1, "1 or more")
        _check(self, "model", self.model in MODELS, " or ".join(MODELS))
        _check(self, "optimizer", self.optimizer in ("adamw", "muon"), "adamw or muon")
        _check(self, "precision", self.precision in ("bf16", "float32"), "bf16 or float32")
        _check(self, "by_label", not (self.by_label and self.few_shot), "False with a support set")
        _check(self, "compile", not (self.compile and self.meta), "False with meta")
        for key in ("rotate", "mirror"):
            _check(self, key, not (self.by_label and getattr(self, key)), "False with labels")

    def __hash__(self) -> int:
        values = (getattr(self, f.name) for f in fields(self))
        return hash(tuple(frozenset(v.items()) if isinstance(v, dict) else v for v in values))

    def further(self, kinds: Kinds) -> Kinds:
        """The kinds with those that the recipe makes of them: mirror images and turned ones."""
        kinds = kinds.mirrored() if self.mirror else kinds
        return kinds.rotated() if self.rotate else kinds

    @property
    def few_shot(self) -> bool:
        """Whether the model is called on a support set."""
        return self.meta or self.model in FEW_SHOT

    @property
    def images_per_step(self) -> int:
        """Images scored a step, over all processes."""
        return self.batch * self.queries

    @property
    def total_steps(self) -> int:
        """The length of the run in steps, whichever way the budget is given."""
        return self.steps if self.images is None else -(-self.images // self.images_per_step)

    def build(self, shape: tuple[int, int, int], levels: int, kinds: int) -> Model:
        """A new model for images of a shape, of which there are so many kinds.

        Raises:
            ValueError: If the model does not take these arguments.
        """
        arguments: dict[str, Any] = {
            "width": self.width,
            "depth": self.depth,
            "likelihood": self.likelihood,
            "dropout": self.dropout,
        }
        if self.model in FEW_SHOT:
            arguments |= {"backbone": self.backbone, "shots": self.shots}
        if self.model in ("attention", "recall"):
            arguments["read_at"] = self.read_at
        if self.by_label:
            arguments["labels"] = kinds
        try:
            model = getattr(models, MODELS[self.model])(
                shape, levels, **(arguments | self.model_args)
            )
        except TypeError as error:
            raise ValueError(f"model_args: {error}") from None
        steps: dict[str, Any] = {"shots": self.shots, **self.meta_args}
        try:
            model = models.MetaPixelCNN(model, **steps) if self.meta else model
        except TypeError as error:
            raise ValueError(f"meta_args: {error}") from None
        if self.start is not None:
            self._begin(model)
        return model

    def _begin(self, model: Model) -> None:
        """Gives a new model the weights that the run starts from."""
        began = models.load(str(self.start))
        has = began.state_dict()
        try:
            model.load_state_dict(has | _grown(model, has))
        except RuntimeError:
            has, wants = began.config, model.config
            differ = [
                f"{k}={has.get(k)!r}, this run {v!r}" for k, v in wants.items() if has.get(k) != v
            ]
            raise ValueError(f"start: {self.start} has {'; '.join(differ)}") from None

    def to_json(self) -> dict[str, Any]:
        """The recipe as JSON values."""
        values = {key: v for key, v in asdict(self).items() if key != "data_root"}
        return json.loads(json.dumps(values | {"total_steps": self.total_steps}))

    def differences(self, saved: dict[str, Any]) -> list[str]:
        """How a saved recipe differs where it matters, as `field: saved -> now`.

        Example:
            >>> Recipe(width=32).differences(Recipe(width=64, log_every=1).to_json())
            ['width: 64 -> 32']
        """
        # An option that is newer than the saved run had its default value then.
        saved = {f.name: f.default for f in fields(self) if f.default is not MISSING} | saved
        saved, now = json.loads(json.dumps(saved, default=str)), self.to_json()
        keys = [k for k in dict.fromkeys((*now, *saved)) if k not in FREE]
        return [
            f"{k}: {saved.get(k)!r} -> {now.get(k)!r}" for k in keys if saved.get(k) != now.get(k)
        ]

    def command(self) -> str:
        """The command line of this recipe: the named one it comes from, and what was changed.

        Example:
            >>> Recipe(name="omniglot", width=32).command().split(" --")[0]
            'ilk train omniglot'
        """
        base = RECIPES.get(self.name, Recipe())
        words = ["ilk", "train", self.name]
        for f in fields(self):
            value = getattr(self, f.name)
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
        return " ".join(words)


def _check(recipe: Recipe, key: str, good: bool, wanted: str) -> None:
    if not good:
        raise ValueError(f"{key}: wanted {wanted}, got {getattr(recipe, key)!r}")


def _grown(model: Model, has: dict[str, Tensor]) -> dict[str, Tensor]:
    """What further gated layers, reads and what these carry add to a model without changing it."""
    layers = getattr(getattr(model, "net", None), "layers", ())
    if not all(isinstance(layer, GatedLayer) for layer in layers):
        return {}
    parts = ("net.layers.", "net.reads.", "net.queries.", "net.carry.")
    new = {k: t for k, t in model.state_dict().items() if k not in has and k.startswith(parts)}
    silent = [k for k in new if k.endswith(".out.weight") or k.startswith("net.carry.")]
    return new | {k: torch.zeros_like(new[k]) for k in silent}


def _named(*recipes: Recipe) -> dict[str, Recipe]:
    return {recipe.name: recipe for recipe in recipes}


_OMNIGLOT: dict[str, Any] = {"rotate": True, "batch": 8, "queries": 4, "steps": 7_500}

# Small steps, many of them: a few numbers of a local read have far to go.
_SMALL_STEPS: dict[str, Any] = {
    "rotate": True,
    "even_shots": True,
    "batch": 2,
    "queries": 4,
    "warmup": 100,
}
_MUON: dict[str, Any] = {"optimizer": "muon", "lr": 4e-3}
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
# In photographs what is made of the support set grows without it until every gate is shut.
_PHOTOS: dict[str, Any] = _FINE | {"norm": True}

RECIPES: dict[str, Recipe] = _named(
    Recipe(name="omniglot", model="attention", model_args=_FINE, steps=21_000, **_SMALL_STEPS),
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
        model_args=_PHOTOS,
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
        model_args=_PHOTOS,
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
