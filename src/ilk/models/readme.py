"""The page that a hub shows of a model, made from its card."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..coding.fingerprint import fingerprint
from .base import Model

__all__ = ["readme"]


def readme(
    model: Model, repo: str, card: Mapping[str, Any] | None = None, licence: str = ""
) -> str:
    """Markdown, with the front matter that hubs read.

    What the card knows is in it: figures, and the commands, data (with their hash), software and
    hardware that they were made with. Nothing else is claimed.

    Arguments:
        model: The model.
        repo: Its name on the hub, `you/name`.
        card: Its card, see `ilk.models.storage.card`.
        licence: Identifier of a licence, such as `mit`; none is named by default.

    Example:
        >>> import ilk
        >>> model = ilk.models.GatedPixelCNN((1, 4, 4), width=8, depth=2)
        >>> print(readme(model, "you/name", {"command": "ilk train"})[:49])
        ---
        library_name: ilk
        tags:
        - density-estimation
    """
    parts = [_front(licence), f"# {repo.split('/')[-1]}", _about(model), _usage(model, repo)]
    card = dict(card or {})
    figures = card.pop("figures", {})
    if figures:
        parts += ["## Figures", *_tables(figures)]
    made = "\n".join(_items(card))
    if made:
        parts += ["## How it was made", made]
    return "\n\n".join(parts) + "\n"


def _front(licence: str) -> str:
    lines = ["library_name: ilk", "tags:", "- density-estimation", "- few-shot", "- pytorch"]
    return "\n".join(["---", *lines, *([f"license: {licence}"] if licence else []), "---"])


def _about(model: Model) -> str:
    channels, height, width = model.shape
    takes = {
        "support": f"given a support set of 0 to {model.shots} images",
        "label": "given a label",
        "none": "unconditional",
    }[model.conditioning]
    count = sum(p.numel() for p in model.parameters())
    return (
        f"`{type(model).__name__}` of ilk: a probability"
        f" distribution over images of {height}x{width}, {channels} channel"
        f"{'s' if channels > 1 else ''}, {model.levels} levels, {takes}, with exact log p(x) in"
        f" nats. {count:,} parameters, fingerprint `{fingerprint(model)}`."
    )


def _usage(model: Model, repo: str) -> str:
    given = {"support": "model(support)", "label": "model(label=3)", "none": "model()"}
    return f"""```python
import ilk

model = ilk.load("hub:{repo}")
p = {given[model.conditioning]}
x = p.sample((16,))
nats = p.log_prob(x)
```"""


def _tables(value: Any, path: tuple[str, ...] = ()) -> Iterator[str]:
    """A table for every list of rows, under its names; what is said beside them as items."""
    if isinstance(value, Mapping):
        said = {k: v for k, v in value.items() if not isinstance(v, (Mapping, list))}
        if said:
            yield "\n".join(_items(said))
        for key, inner in value.items():
            if isinstance(inner, (Mapping, list)):
                yield from _tables(inner, (*path, key))
    elif value and isinstance(value[0], Mapping):
        yield f"{', '.join(path)}:"
        yield _table(value)


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = [[_short(row.get(name, "")) for name in names] for row in rows]
    lines = [[name.replace("_", " ") for name in names], ["---"] * len(names), *cells]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _items(value: Mapping[str, Any]) -> Iterator[str]:
    for key, inner in value.items():
        text = json.dumps(inner) if isinstance(inner, (Mapping, list)) else _short(inner)
        yield f"- {key.replace('_', ' ')}: `{text}`"


def _short(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value).replace("|", r"\|")
