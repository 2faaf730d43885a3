"""Training: recipes, the loop, checkpoints that survive.

* `Recipe` says everything that decides a run; `RECIPES` has the named ones.
* `train(recipe, out, on_progress=None, *, kinds=None) -> Result` runs it, or goes on with what
  `out` already holds. It needs the extra `train` (Accelerate).
* `plan_folder(recipe) -> Plan` completes a recipe for a folder of folders of pictures,
  `fit_folder(recipe) -> Fitted` for an hour on this machine too, and `estimate(recipe, kinds)`
  times a few steps.
* `adapt(model, images) -> Adapted` improves a model on one kind, without losing the others.
* `memorise(model, images) -> Model` is a copy that learned a few images, for a likelihood ratio.
* `on_progress` is called with a `Progress` on the main process, and nothing is printed.

What a run leaves in `out`:

========================  ==================================================================
`model/`                  the averaged weights, at every checkpoint: for `ilk.load`
`checkpoints/step-.../`   weights, average and optimiser, the newest `keep` of them
`log.jsonl`               a JSON object a line: progress, validation
`samples/*.png`           sheets of samples
`tensorboard/`            the same figures for TensorBoard, on request
`nan-step-N.safetensors`  the batch on which the loss stopped being a number, if it did
========================  ==================================================================

Example:
    >>> from ilk.training import RECIPES, train
    >>> result = train(RECIPES["omniglot"], "runs/omniglot")          # doctest: +SKIP
    >>> model = ilk.load(result.model)                                # doctest: +SKIP
"""

from __future__ import annotations

from .adapting import Adapted, Look, adapt
from .fitting import Fitted, fit_folder
from .folder import Plan, plan_folder, preview
from .loop import estimate, train
from .memorising import memorise
from .optimizer import Muon
from .recipe import Recipe
from .recipes import RECIPES
from .rehearsal import divergence, own_episodes
from .report import Progress, Result, SaveError
from .schedule import ema_decay, learning_rate

__all__ = [
    "RECIPES",
    "Adapted",
    "Fitted",
    "Look",
    "Muon",
    "Plan",
    "Progress",
    "Recipe",
    "Result",
    "SaveError",
    "adapt",
    "divergence",
    "ema_decay",
    "estimate",
    "fit_folder",
    "learning_rate",
    "memorise",
    "own_episodes",
    "plan_folder",
    "preview",
    "train",
]
