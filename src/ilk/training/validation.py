"""Validation: fixed episodes, which the average of the weights is measured on."""

from __future__ import annotations

import torch

from ilk.data.episodes import Batch
from ilk.data.kinds import Kinds
from ilk.models import Model

from .batches import validation_batch
from .objective import score
from .recipe import Recipe

__all__ = ["Validation"]


class Validation:
    """Episodes of training kinds and of kinds held back, and the last figures on them.

    By label, kinds that are not trained on have no label, and are left out.

    Arguments:
        recipe: Of the run: how episodes are drawn, and the model called.
        kinds: Trained on.
        held_back: Not trained on, if there are any.

    Example:
        >>> images = torch.randint(2, (40, 1, 4, 4)).byte()
        >>> kinds = Kinds(images, torch.arange(40) // 20, ("a", "b"), 2, "noise")
        >>> validation = Validation(Recipe(queries=2), kinds, None)
        >>> validation.train.queries.shape, validation.valid
        (torch.Size([2, 128, 1, 4, 4]), None)
    """

    train_nats: float | None = None
    """Nats a dimension on training kinds."""
    valid_nats: float | None = None
    """Nats a dimension on kinds held back."""
    message: str | None = None
    """What was left out, if anything was."""

    def __init__(self, recipe: Recipe, kinds: Kinds, held_back: Kinds | None) -> None:
        self.size = recipe.batch
        self.train = validation_batch(recipe, kinds)
        self.valid: Batch | None = None
        if held_back is not None and recipe.by_label:
            self.valid = self._labelled(recipe, kinds, held_back)
        elif held_back is not None:
            self.valid = validation_batch(recipe, held_back)

    @property
    def shown(self) -> Batch:
        """Episodes to draw samples for: of kinds held back, if there are any."""
        return self.valid or self.train

    def measure(self, model: Model) -> None:
        """Score a model on both."""
        self.train_nats = score(model, self.train, self.size)
        if self.valid is not None:
            self.valid_nats = score(model, self.valid, self.size)

    def _labelled(self, recipe: Recipe, kinds: Kinds, held_back: Kinds) -> Batch | None:
        label = {name: k for k, name in enumerate(kinds.names)}
        kept = [k for k, name in enumerate(held_back.names) if name in label]
        if len(kept) < len(held_back):
            self.message = (
                f"{len(held_back) - len(kept)} of {len(held_back)} validation kinds left out,"
                " which are not among the training kinds and so have no label"
                + ("" if kept else ": nothing is validated")
            )
        if not kept:
            return None
        batch = validation_batch(recipe, held_back.subset(kept))
        labels = torch.tensor([label[held_back.names[k]] for k in kept])
        return batch._replace(kind=labels[batch.kind])
