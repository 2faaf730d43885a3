"""A recipe: all that decides a run."""

from __future__ import annotations

import json
import math
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from ilk import models
from ilk.data import Kinds
from ilk.models import Model
from ilk.precision import PRECISIONS, Precision

from .starting import begin_with

__all__ = ["Recipe"]

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

    precision: Precision = "auto"
    """Autocast to bfloat16, float32 throughout, or whichever this machine is quicker in. Weights
    and likelihoods are float32 in both."""
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
        _check(self, "precision", self.precision in PRECISIONS, " or ".join(PRECISIONS))
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
            begin_with(model, self.start)
        return model

    def to_json(self) -> dict[str, Any]:
        """The recipe as JSON values."""
        values = {key: v for key, v in asdict(self).items() if key != "data_root"}
        return json.loads(json.dumps(values | {"total_steps": self.total_steps}))

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Recipe:
        """The recipe of JSON values; options that there are no more are passed over.

        Example:
            >>> Recipe.from_json(Recipe(width=32).to_json()) == Recipe(width=32)
            True
        """
        known: dict[str, Any] = {f.name: values[f.name] for f in fields(cls) if f.name in values}
        for key in ("read_at", "shape"):
            if isinstance(known.get(key), list):
                known[key] = tuple(known[key])
        return cls(**known)

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


def _check(recipe: Recipe, key: str, good: bool, wanted: str) -> None:
    if not good:
        raise ValueError(f"{key}: wanted {wanted}, got {getattr(recipe, key)!r}")
