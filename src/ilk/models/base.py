"""What every model is: a module that is called on a condition and returns a distribution."""

from __future__ import annotations

import functools
import inspect
import json
from abc import ABC
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from ..distributions import Autoregressive, Likelihood
from ..nn import Conditional, Context

__all__ = ["Model"]

# What layers raise at arguments of a wrong type or size.
_UNFIT = (ArithmeticError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError)


class Model(nn.Module, ABC):
    """A model is called on a condition and returns a distribution over images.

    A final class says in `conditioning` what it takes. Its constructor's arguments are plain
    values, and are the saved `config`.

    Attributes:
        shape: Of an image, `(C, H, W)`.
        levels: Values of a pixel are `0..levels-1`.
        conditioning: `"none"`, `"label"` or `"support"`.
        shots: Most support images that the model was meant for, 0 if it takes none.
        config: The name of the class and its constructor's arguments.
    """

    conditioning: Literal["none", "label", "support"] = "none"
    shots: int = 0
    shape: tuple[int, int, int]
    levels: int
    config: dict[str, Any]
    net: Conditional
    likelihood: Likelihood
    _told: dict[str, str] | None = None
    classes: ClassVar[dict[str, type[Model]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if ABC not in cls.__bases__:
            taken = Model.classes.get(cls.__name__)
            if taken is not None and taken.__module__.startswith("ilk.models."):
                raise TypeError(f"class {cls.__name__}: a model of ilk has that name")
            Model.classes[cls.__name__] = cls
        if "__init__" in vars(cls):
            cls.__init__ = _recording(cls.__init__)

    def __init__(self, shape: Sequence[int], levels: int) -> None:
        super().__init__()
        if len(shape) != 3 or min(shape) < 1:
            raise ValueError(f"shape must be (channels, height, width), got {tuple(shape)}")
        self.shape, self.levels = (shape[0], shape[1], shape[2]), levels

    @staticmethod
    def of(config: Mapping[str, Any]) -> Model:
        """A new model, with random weights, of a `config`.

        Raises:
            ValueError: If it names no model of the package, or arguments that do not fit.

        Example:
            >>> import ilk
            >>> model = ilk.models.GatedPixelCNN((1, 4, 4), width=8, depth=2)
            >>> Model.of(model.config).config == model.config
            True
        """
        if not isinstance(config, Mapping):
            raise ValueError(f"config must be a dictionary, got {config!r:.40}")
        name, arguments = config.get("model"), {k: v for k, v in config.items() if k != "model"}
        if not isinstance(name, str) or name not in Model.classes:
            raise ValueError(f"unknown model {name!r:.40}; known: {sorted(Model.classes)}")
        try:
            return Model.classes[name](**arguments)
        except _UNFIT as error:
            first = str(error).partition("\n")[0]
            raise ValueError(f"this does not fit {name}: {first}") from None

    def context(
        self, support: Tensor | None = None, mask: Tensor | None = None, *, label: Any = None
    ) -> Context:
        """What conditioning computes: make it once, save it, pass it as `context`.

        Arguments:
            support: Integer images `(K, C, H, W)`, or a batch `(B, K, C, H, W)`.
            mask: For a batch, which images are there, boolean `(B, K)`; all by default.
            label: An integer, or integers `(B,)`.

        Raises:
            ValueError: If this is not what the model is conditioned on.
        """
        if support is not None:
            raise ValueError(f"support: {type(self).__name__} takes no support set")
        if label is not None:
            raise ValueError(f"label: {type(self).__name__} takes no label")
        return Context()

    def forward(
        self,
        support: Tensor | None = None,
        mask: Tensor | None = None,
        *,
        label: Any = None,
        context: Context | None = None,
    ) -> Autoregressive:
        """The distribution given a support set, a label or a context made of either.

        Its batch shape is `(B,)` for a batch of conditions and `()` for one, or for a context of
        one.

        Raises:
            ValueError: If this is not what the model is conditioned on, or the context is another
                model's, or comes with something else.
        """
        if context is None:
            context = self.context(support, mask, label=label)
            several = support is not None and support.dim() == 5
            several = several or (label is not None and torch.as_tensor(label).dim() == 1)
        else:
            if support is not None or mask is not None or label is not None:
                raise ValueError("context: it takes the place of a support set, mask and label")
            context = self._fitting(context)
            several = context.batch > 1
        batch_shape = (context.batch,) if several else ()
        free = self.context if self.conditioning == "support" else None
        return Autoregressive(self.net, self.likelihood, self.shape, context, batch_shape, free)

    def _fitting(self, context: Context) -> Context:
        """A context of this model, where the model is."""
        if self._told is None:
            with torch.no_grad():
                own = self.context(label=0 if self.conditioning == "label" else None)
            self._told = _sizes(own)
        given = _sizes(context)
        for name in sorted(self._told.keys() | given.keys()):
            wanted, got = (told.get(name, "nothing") for told in (self._told, given))
            if wanted != got:
                raise ValueError(f"context: {name} must be {wanted}, got {got}: another model's?")
        like = next(self.parameters(), torch.empty(0))
        return context.to(self.device, like.dtype) if given else context

    def save(
        self, directory: str | Path, card: dict[str, Any] | None = None, *, half: bool = False
    ) -> Path:
        """Writes `config.json` and `model.safetensors`, and a card if there is one, atomically.

        Arguments:
            directory: A new one, or that of a model, which is replaced.
            card: What `ilk.models.storage.card` will return.
            half: Round weights to 16 bits, in half the room; a model computes in 32 all the same.

        Raises:
            OSError: If the directory can't be written; what was there stays.
            ValueError: If `half`, and a weight is beyond what 16 bits hold.
        """
        from .storage import save

        return save(self, Path(directory), card, half=half)

    def push_to_hub(
        self, repo: str, card: dict[str, Any] | None = None, *, private: bool = False
    ) -> str:
        """Writes the model to the Hugging Face hub as `you/name`; see `ilk.models.hub.push`."""
        from .hub import push

        return push(self, repo, card, private=private)

    @staticmethod
    def from_pretrained(repo: str, revision: str = "") -> Model:
        """A model of the hub, `you/name`; `ilk.load` by another name, and for directories too."""
        from .storage import load, shipped

        if Path(repo).is_dir() or repo in shipped():
            return load(repo)
        return load(f"hub:{repo}@{revision}" if revision else f"hub:{repo}")

    @property
    def device(self) -> torch.device:
        """Where its parameters are, or its buffers if it has none; the CPU without either."""
        held = (t for part in (self.parameters(), self.buffers()) for t in part)
        return next((t.device for t in held), torch.device("cpu"))

    @property
    def dims(self) -> int:
        """Number of values of an image, C x H x W."""
        channels, height, width = self.shape
        return channels * height * width


def _sizes(context: Context) -> dict[str, str]:
    """What is in a context, by name: its size, as far as it is the same for all conditions."""
    sizes = {name: f"of size {t.shape[-1]}" for name, t in context.told.items()}
    sizes |= {"mask": "there"} if "mask" in sizes else {}
    return sizes | {k: f"of shape {tuple(t.shape[1:])}" for k, t in context.weights.items()}


def _plain(value: Any) -> Any:
    """A model as its config, a number of NumPy as one of Python."""
    return value.config if isinstance(value, Model) else value.item()


def _recording(init: Callable[..., None]) -> Callable[..., None]:
    """A constructor that keeps its arguments, defaults too, as the config."""
    signature = inspect.signature(init)
    kinds = {p.kind: name for name, p in signature.parameters.items()}
    if inspect.Parameter.VAR_POSITIONAL in kinds:
        raise TypeError("a model's constructor takes named arguments, not any number of others")
    rest = kinds.get(inspect.Parameter.VAR_KEYWORD)

    @functools.wraps(init)
    def wrapped(self: Model, *args: Any, **kwargs: Any) -> None:
        bound = signature.bind(self, *args, **kwargs)
        bound.apply_defaults()
        init(self, *args, **kwargs)
        _, *arguments = bound.arguments.items()
        named = dict(arguments)
        named |= named.pop(rest, {}) if rest else {}
        config = {"model": type(self).__name__, **named}
        self.config = json.loads(json.dumps(config, default=_plain))

    return wrapped
