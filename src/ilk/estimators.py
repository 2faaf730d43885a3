"""scikit-learn estimators over a model: `pip install 'ilk[sklearn]'`.

A row of `X` is an image as numpy and Pillow lay it out, `(H, W, C)` flattened: its values in
raster order. A row that is shorter than the model's images is the beginning of one, and is scored
by the exact marginal of these values: what follows them is summed out by not being asked.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin, DensityMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor

from .data.drawing import of_drawings
from .data.polarity import Polarity, check_polarity, ink_is_dark
from .evaluation import padded, posterior
from .evaluation.likelihood import evaluating
from .evaluation.posterior import log_posterior
from .models import Model, load

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["FewShotClassifier", "FewShotDensity"]

Scale = Literal["pixels", "range"]
BATCH = 256  # images at once, of support sets or under them
_validated: Any = validate_data  # untyped where it comes from


class _FewShot(BaseEstimator):
    """Rows as images, and their nats under mixtures over sets of examples."""

    n_features_in_: int

    def __init__(
        self,
        model: str | Path | Model = "omniglot",
        *,
        scale: Scale = "pixels",
        shots: int | None = None,
        ink: Polarity = "auto",
    ) -> None:
        self.model = model
        self.scale = scale
        self.shots = shots
        self.ink: Polarity = ink

    def _start(self, X: ArrayLike, y: Any = None) -> tuple[np.ndarray, Any]:
        """The model, and the scale that the values of training rows set."""
        if self.scale not in ("pixels", "range"):
            raise ValueError(f"scale must be 'pixels' or 'range', got {self.scale!r}")
        check_polarity(self.ink)
        if self.shots is not None and self.shots < 1:
            raise ValueError(f"shots must be at least 1 or None, got {self.shots}")
        rows, y = (_validated(self, X), None) if y is None else _validated(self, X, y)
        self.model_ = self.model if isinstance(self.model, Model) else load(self.model)
        if self.model_.conditioning != "support":
            raise ValueError(f"model must take a support set, got {type(self.model_).__name__}")
        if rows.shape[1] > self.model_.dims:
            raise ValueError(
                f"X must have at most {self.model_.dims} features, the values of an image"
                f" {self.model_.shape}; got {rows.shape[1]}"
            )
        if rows.shape[1] < self.model_.dims:
            warnings.warn(
                f"X has {rows.shape[1]} features: they are taken for the first values of images"
                f" {self.model_.shape}. Images of another size become rows of this one with"
                " ilk.data.read_image",
                stacklevel=3,
            )
        self.low_, self.high_ = rows.min(axis=0), rows.max(axis=0)
        self.dark_ = self._dark(rows)
        return rows, y

    def _dark(self, rows: np.ndarray) -> bool:
        """Whether low values are the ink of drawings, as most training rows have it."""
        _, height, width = shape = self.model_.shape
        drawings = of_drawings(shape, self.model_.levels) and rows.shape[1] == self.model_.dims
        if self.scale == "pixels" or not drawings:
            return False
        light = (rows > (rows.min() + rows.max()) / 2).reshape(-1, height, width)
        return bool(np.mean([ink_is_dark(row, self.ink) for row in light]) > 0.5)

    def _images(self, rows: np.ndarray) -> Tensor:
        """Rows as images `(N, C, H, W)`; beyond a short row there are zeros."""
        channels, height, width = self.model_.shape
        full = np.zeros((len(rows), self.model_.dims), dtype=np.int64)
        full[:, : rows.shape[1]] = self._levels(rows)
        images = torch.from_numpy(full).view(-1, height, width, channels)
        return images.movedim(-1, 1).contiguous()

    def _levels(self, rows: np.ndarray) -> np.ndarray:
        most = self.model_.levels - 1
        if self.scale == "pixels":
            if (rows != np.floor(rows)).any() or rows.min() < 0 or rows.max() > most:
                raise ValueError(
                    f"X must hold integers 0..{most}, the levels of the model;"
                    " scale='range' brings other numbers to them"
                )
            return rows.astype(np.int64)
        values = rows.astype(np.float64)
        share = (self.high_ - values if self.dark_ else values - self.low_) / self._spread()
        return np.clip(np.floor(share * (most + 1)), 0, most).astype(np.int64)

    def _spread(self) -> np.ndarray:
        spread = self.high_.astype(np.float64) - self.low_
        return np.where(spread > 0, spread, 1.0)

    def _sets(self, images: Tensor) -> list[Tensor]:
        """Examples dealt into as few sets as hold at most `shots` each, of nearly equal sizes."""
        most = self.shots or max(self.model_.shots, 1)
        count = -(-len(images) // most)
        return [images[i::count] for i in range(count)]

    def _nats(self, X: ArrayLike, classes: list[list[Tensor]]) -> np.ndarray:
        """Log of the mean of p(row | set) over the sets of each class, `(N, classes)`."""
        rows: np.ndarray = _validated(self, X, reset=False)
        images, sets = self._images(rows), [s for sets in classes for s in sets]
        some = max(1, BATCH // max(map(len, sets)))
        with evaluating(self.model_):
            blocks = [
                self._under(sets[i : i + some], images, rows.shape[1])
                for i in range(0, len(sets), some)
            ]
        nats = torch.cat(blocks, dim=1).split([len(sets) for sets in classes], dim=1)
        means = [n.logsumexp(dim=1) - float(np.log(n.shape[1])) for n in nats]
        return torch.stack(means, dim=1).cpu().numpy()

    def _under(self, sets: list[Tensor], images: Tensor, features: int) -> Tensor:
        """Nats of the first values of images under each of some sets, `(N, sets)`."""
        p, parts = self.model_(*padded(sets)), []
        for part in images.split(max(1, BATCH // len(sets))):
            each = p.log_prob_per_dim(part[:, None].expand(-1, len(sets), -1, -1, -1))
            raster = each.movedim(-3, -1).flatten(-3)[..., :features]
            parts.append(raster.double().sum(dim=-1))
        return torch.cat(parts)


class FewShotClassifier(ClassifierMixin, _FewShot):
    r"""Which class is a row, by Bayes' rule on the nats of a few-shot model.

    .. math:: p(c \mid x) \propto \pi_c \, p(x \mid s_c)^{1/T}

    Nothing is trained: `fit` keeps the examples of each class as its support set.

    Arguments:
        model: A model, the name of one that ships with the package, or a directory.
        scale: `"pixels"` takes integers `0..levels-1` and refuses all else; `"range"` cuts the
            range of every feature in the training rows into `levels` equal steps.
        ink: With `scale="range"` and a model of drawings, whether ink is `"dark"`, low, or
            `"light"`; by default most training rows tell, by the rule of `ilk.data.read_image`.
        shots: Most examples of a support set. A class with more is the mean of the distributions
            of several sets; by default as many as the model was trained for.
        priors: Weights of the classes in their order; equal by default.
        temperature: T, see `ilk.evaluation.posterior`; `ilk.evaluation.fit_temperature` finds one.

    Attributes:
        classes_: The classes, in order.

    Example:
        >>> import ilk
        >>> model = ilk.models.ConditionalPixelCNN((1, 4, 4), width=8, depth=2)
        >>> X, y = np.eye(16)[:8], ["left", "right"] * 4
        >>> FewShotClassifier(model).fit(X, y).predict_proba(X[:3]).shape
        (3, 2)
    """

    def __init__(
        self,
        model: str | Path | Model = "omniglot",
        *,
        scale: Scale = "pixels",
        shots: int | None = None,
        ink: Polarity = "auto",
        priors: ArrayLike | None = None,
        temperature: float = 1.0,
    ) -> None:
        super().__init__(model, scale=scale, shots=shots, ink=ink)
        self.priors = priors
        self.temperature = temperature

    def fit(self, X: ArrayLike, y: ArrayLike) -> FewShotClassifier:
        """Keeps the examples of each class.

        Raises:
            ValueError: If rows are no images of the model, or `y` no classes.
        """
        rows, y = self._start(X, y)
        check_classification_targets(y)
        self.classes_, index = np.unique(y, return_inverse=True)
        if self.priors is not None and np.shape(self.priors) != self.classes_.shape:
            raise ValueError(
                f"priors must be {len(self.classes_)} weights, got shape {np.shape(self.priors)}"
            )
        if not (isinstance(self.temperature, float | int) and self.temperature > 0):
            raise ValueError(
                f"temperature must be a number above 0, got {self.temperature!r};"
                " ilk.evaluation.fit_temperature finds one"
            )
        images = self._images(rows)
        self.sets_ = [self._sets(images[index == k]) for k in range(len(self.classes_))]
        return self

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Probabilities of the classes, `(N, classes)`."""
        return posterior(*self._evidence(X)).numpy()

    def predict_log_proba(self, X: ArrayLike) -> np.ndarray:
        """Logarithms of `predict_proba`, finite where it is too small to be told from zero."""
        return log_posterior(*self._evidence(X)).numpy()

    def predict(self, X: ArrayLike) -> np.ndarray:
        """The most probable classes, `(N,)`."""
        chances = self.predict_proba(X)
        return self.classes_[chances.argmax(axis=1)]

    def _evidence(self, X: ArrayLike) -> tuple[Tensor, Tensor | None, float]:
        """What `posterior` takes."""
        check_is_fitted(self)
        weights = None if self.priors is None else torch.as_tensor(self.priors).double()
        return torch.from_numpy(self._nats(X, self.sets_)), weights, self.temperature


class FewShotDensity(DensityMixin, _FewShot):
    r"""The distribution of rows like those shown: the model's p(x | rows).

    Arguments:
        model, scale, shots, ink: As in `FewShotClassifier`.

    Example:
        >>> import ilk
        >>> model = ilk.models.ConditionalPixelCNN((1, 4, 4), width=8, depth=2)
        >>> density = FewShotDensity(model).fit(np.eye(16)[:4])
        >>> x = density.sample(5, random_state=0)
        >>> x.shape, density.score_samples(x).shape
        ((5, 16), (5,))
    """

    def fit(self, X: ArrayLike, y: Any = None) -> FewShotDensity:
        """Keeps the rows as support sets.

        Raises:
            ValueError: If rows are no images of the model.
        """
        rows, _ = self._start(X)
        self.sets_ = self._sets(self._images(rows))
        return self

    def score_samples(self, X: ArrayLike) -> np.ndarray:
        """Nats `(N,)` of rows: the log of a probability, of pixels after scaling."""
        check_is_fitted(self)
        return self._nats(X, [self.sets_])[:, 0]

    def score(self, X: ArrayLike, y: Any = None) -> float:
        """The mean of `score_samples`."""
        return float(self.score_samples(X).mean())

    def sample(
        self, n_samples: int = 1, random_state: int | np.random.RandomState | None = None
    ) -> np.ndarray:
        """Draws rows `(n_samples, n_features)`; with `scale="range"` the middles of the steps.

        Raises:
            ValueError: If `n_samples` is below 1.
        """
        check_is_fitted(self)
        if n_samples < 1:
            raise ValueError(f"n_samples must be at least 1, got {n_samples}")
        random = cast(np.random.RandomState, check_random_state(random_state))
        generator = torch.Generator().manual_seed(int(random.randint(2**31)))
        chosen = random.randint(len(self.sets_), size=n_samples)
        levels = np.zeros((n_samples, self.n_features_in_), dtype=np.int64)
        with evaluating(self.model_):
            for k in np.unique(chosen):
                x = self.model_(self.sets_[k]).sample((int((chosen == k).sum()),), generator)
                raster = x.movedim(-3, -1).flatten(1).cpu().numpy()
                levels[chosen == k] = raster[:, : self.n_features_in_]
        if self.scale == "pixels":
            return levels
        steps = (levels + 0.5) / self.model_.levels * self._spread()
        return self.high_ - steps if self.dark_ else self.low_ + steps
