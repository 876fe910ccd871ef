"""Finding models by name, with what is known of them while none is loaded. Torch-free."""

from __future__ import annotations

import fnmatch
from typing import Any

from lab.models.cards import known_parameters
from lab.weights import package_of, zoo
from lab.weights.hub import cached_repositories


def search_models(query: str = "") -> list[dict[str, Any]]:
    """Return the models whose id holds `query` (with `*` or `?` in it: fits it), packaged ones first. JSON-able.

    Each row: name (a timm id), weights (the source that would be taken), offline (whether the weights are on this
    machine), input_size ("3×224×224", "" when not known), parameters (None unless a card of it is in the cache).
    """
    pattern = query.lower() if any(sign in query for sign in "*?") else f"*{query.lower()}*"
    cached, parameters = cached_repositories(), known_parameters()
    rows = [
        _row(architecture, tag, cached, parameters)
        for architecture in zoo.architectures().values()
        for tag in architecture.tags or (None,)
        if fnmatch.fnmatchcase(_id(architecture, tag).lower(), pattern)
    ]
    return sorted(rows, key=lambda row: (not row["offline"], row["weights"] != "packaged", row["name"]))


def _row(
    architecture: zoo.Architecture, tag: zoo.Tag | None, cached: set[str], parameters: dict[str, int]
) -> dict[str, Any]:
    id = _id(architecture, tag)
    package = package_of(id)
    weights = "packaged" if package else "pretrained" if tag and (tag.hub or tag.url) else "untrained"
    offline = bool(package and package.file()) or bool(tag and tag.hub in cached)
    size = "×".join(map(str, tag.input_size)) if tag and tag.input_size else ""
    return {
        "name": architecture.name if package else id,
        "weights": weights,
        "offline": offline,
        "input_size": size,
        "parameters": parameters.get(architecture.name),
    }


def _id(architecture: zoo.Architecture, tag: zoo.Tag | None) -> str:
    return f"{architecture.name}.{tag.name}" if tag and tag.name else architecture.name
