"""The page that a hub shows of a model, made from its card."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .base import Model
from .identity import fingerprint

__all__ = ["readme"]

_ADAPTED = (
    "It was adapted to one kind. In nats a dimension: `held`, pictures of the kind that no step"
    " saw; `own`, images that the model drew before; `moved`, how much more these cost now."
)


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
    parts = [
        _front(model, licence),
        f"# {repo.split('/')[-1]}",
        _about(model),
        _usage(model, repo),
        *_told(card or {}, "Figures", "How it was made"),
    ]
    return "\n\n".join(parts) + "\n"


def _told(card: Mapping[str, Any], figures: str, made: str) -> Iterator[str]:
    """What a card knows, under two titles; then the card of the model that it began as."""
    rest = {k: v for k, v in card.items() if k != "figures"}
    name, before = _origin(card)
    if name:
        rest["from"] = name
    if card.get("figures"):
        yield f"## {figures}"
        yield from [_ADAPTED] if name else []
        yield from _tables(card["figures"])
    if rest:
        yield f"## {made}"
        yield "\n".join(_items(rest))
    if before:
        yield from _told(
            before, f"Figures of `{name}`, before it was adapted", f"How `{name}` was made"
        )


def _origin(card: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """The model that one was adapted from, and its card; nothing if it was not adapted."""
    origin = card.get("from")
    if not isinstance(origin, Mapping) or "model" not in origin:
        return "", {}
    return str(origin["model"]), origin.get("card") or {}


def _front(model: Model, licence: str) -> str:
    few_shot = ["- few-shot"] if model.conditioning == "support" else []
    lines = ["library_name: ilk", "tags:", "- density-estimation", *few_shot, "- pytorch"]
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
    if _is_table(value):
        yield _table([{"": key, **row} for key, row in value.items()])
    elif isinstance(value, Mapping):
        said = {k: v for k, v in value.items() if not isinstance(v, (Mapping, list))}
        if said:
            yield "\n".join(_items(said))
        for key, inner in value.items():
            if isinstance(inner, (Mapping, list)):
                yield from _tables(inner, (*path, key))
    elif value and isinstance(value[0], Mapping):
        yield f"{', '.join(path)}:"
        yield _table(value)


def _is_table(value: Any) -> bool:
    """Whether it is rows by name, of figures alone."""
    return (
        isinstance(value, Mapping)
        and len(value) > 0
        and all(isinstance(row, Mapping) for row in value.values())
        and not any(isinstance(v, (Mapping, list)) for row in value.values() for v in row.values())
    )


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = [[_short(row.get(name, "")) for name in names] for row in rows]
    lines = [[name.replace("_", " ") for name in names], ["---"] * len(names), *cells]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _items(value: Mapping[str, Any]) -> Iterator[str]:
    for key, inner in value.items():
        text = _pairs(inner) if isinstance(inner, Mapping) else f"`{_plain(inner)}`"
        yield f"- {key.replace('_', ' ')}: {text}"


def _pairs(value: Mapping[str, Any]) -> str:
    return ", ".join(f"{key.replace('_', ' ')} `{_plain(v)}`" for key, v in value.items())


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return json.dumps(value) if isinstance(value, (Mapping, list)) else str(value)


def _short(value: Any) -> str:
    """A cell of a table; a negative number that rounds to zero has no sign."""
    if isinstance(value, float):
        return f"{round(value, 4) + 0.0:.4f}"
    return str(value).replace("|", r"\|")
