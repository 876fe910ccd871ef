"""Every architecture the installed timm knows, read off its source files without importing it.

timm imports torch, which takes seconds; a list of names must not. So the files under `timm/models` are parsed (not
run): functions under `@register_model` are the architectures, `generate_default_cfgs({...})` holds their pretrained
tags. The result is kept in the cache folder, per timm version. Models that a program registers by itself are known
only to timm and only once it is imported; `known` asks it then.
"""

from __future__ import annotations

import ast
import functools
import importlib.metadata
import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lab.errors import LabError, nearest
from lab.files import read_json, write_json
from lab.settings import cache_dir

ZOO_VERSION = 2


@dataclass(frozen=True)
class Tag:
    """One set of pretrained weights of an architecture: `name` after the dot, where it lies on the hub.

    `licence` is what timm says of it, "" when it says nothing.
    """

    name: str
    hub: str
    url: str
    input_size: tuple[int, int, int] | None
    licence: str = ""


@dataclass(frozen=True)
class Architecture:
    """An architecture by its timm name; its first tag is the one timm takes when none is named."""

    name: str
    tags: tuple[Tag, ...] = ()

    def tag(self, name: str = "") -> Tag | None:
        """Return the tag of this name, the first for "", or None."""
        return next((tag for tag in self.tags if tag.name == name or not name), None)


def timm_version() -> str:
    """Return the version of the installed timm, without importing it."""
    return importlib.metadata.version("timm")


@functools.cache
def architectures() -> dict[str, Architecture]:
    """Return every architecture by name (1371 in timm 1.0.31)."""
    path = cache_dir("models") / f"zoo-{ZOO_VERSION}-{timm_version()}.json"
    kept = _kept(path)
    if kept is None:
        kept = {name: asdict(found) for name, found in _read_sources().items()}
        write_json(path, kept)
    return {name: _architecture(values) for name, values in kept.items()}


def find(id: str) -> tuple[Architecture, Tag | None]:
    """Return the architecture and the tag of a timm id such as `resnet50.a1_in1k`.

    The tag is None when the architecture has no weights, and for the few tags that timm composes while it is
    imported. Raises LabError, with the nearest names, when the installed timm has no architecture of that name.
    """
    name, _, tag = id.partition(".")
    known = architectures()
    if name not in known:
        if _registered(name):
            return Architecture(name), None
        raise LabError(
            f"timm {timm_version()} has no model {id!r}{_nearest_ids(name)}; `feature-lab models --search` lists them"
        )
    if tag and known[name].tags and known[name].tag(tag) is None:
        tags = ", ".join(f"{name}.{t.name}" for t in known[name].tags)
        raise LabError(f"timm {timm_version()} has no weights {id!r}; it has {tags}")
    return known[name], known[name].tag(tag)


def _nearest_ids(name: str) -> str:
    return nearest(name, architectures())


def _registered(name: str) -> bool:
    timm = sys.modules.get("timm")
    return timm is not None and bool(timm.is_model(name))


def _kept(path: Path) -> dict[str, Any] | None:
    try:
        return read_json(path)
    except LabError:  # a damaged cache file is made again
        return None


def _architecture(values: dict[str, Any]) -> Architecture:
    tags = (
        Tag(t["name"], t["hub"], t["url"], tuple(t["input_size"]) if t["input_size"] else None, t["licence"])
        for t in values["tags"]
    )
    return Architecture(values["name"], tuple(tags))


def _read_sources() -> dict[str, Architecture]:
    spec = importlib.util.find_spec("timm")
    if spec is None or spec.origin is None:
        raise LabError("timm is not installed; install the lab's requirements: `pip install -e .`")
    names: set[str] = set()
    tags: dict[str, list[Tag]] = {}
    for path in sorted((Path(spec.origin).parent / "models").glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names.update(_registered_names(tree))
        for name, tag in _tags(tree):
            tags.setdefault(name, []).append(tag)
    return {name: Architecture(name, tuple(tags.get(name, ()))) for name in sorted(names)}


def _registered_names(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            marks = {d.id for d in node.decorator_list if isinstance(d, ast.Name)}
            if "register_model" in marks:
                yield node.name
        elif isinstance(node, ast.Expr) and _called(node.value) == "register_model_deprecations":
            renamed = node.value.args[1]  # type: ignore[attr-defined]
            if isinstance(renamed, ast.Dict):
                yield from (str(key.value) for key in renamed.keys if isinstance(key, ast.Constant))


def _tags(tree: ast.Module) -> Iterator[tuple[str, Tag]]:
    """Yield (architecture, tag) for each entry of the tables given to `generate_default_cfgs`."""
    sizes, licences = _defaults(tree, "input_size"), _defaults(tree, "license")
    tables = dict(_assigned_tables(tree))
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or _called(node) != "generate_default_cfgs":
            continue
        table = tables.get(node.args[0].id) if isinstance(node.args[0], ast.Name) else node.args[0]
        if isinstance(table, ast.Dict):
            for id, value in _pairs(table):
                name, _, tag = id.partition(".")
                yield name, _tag(id.rstrip("*"), tag.rstrip("*"), value, sizes, licences)


def _assigned_tables(tree: ast.Module) -> Iterator[tuple[str, ast.Dict]]:
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Dict):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Name):
                    yield target.id, node.value


def _tag(id: str, tag: str, entry: ast.expr, sizes: dict[str, Any], licences: dict[str, Any]) -> Tag:
    options = {name: _literal(value) for name, value in _pairs(entry)}
    hub = str(options.get("hf_hub_id") or "")
    if hub.endswith("/"):
        hub += id
    first = entry.args[0] if isinstance(entry, ast.Call) and entry.args else None
    url = options.get("url") or (_literal(first) if first else "")
    size = options.get("input_size", sizes.get(_called(entry) or ""))
    licence = options.get("license", licences.get(_called(entry) or "")) or ""
    return Tag(tag, hub, str(url or ""), tuple(size) if size else None, str(licence))


def _defaults(tree: ast.Module, option: str) -> dict[str, Any]:
    """Return, per `_cfg`-like function of a file, what it (or the one it calls) fills in for `option`."""
    found: dict[str, Any] = {}
    for function in tree.body:
        if isinstance(function, ast.FunctionDef) and "cfg" in function.name:
            for node in ast.walk(function):
                inherited = found.get(_called(node) or "")
                values = [_literal(value) for name, value in _pairs(node) if name == option]
                if values or inherited:
                    found[function.name] = values[0] if values else inherited
    return found


def _pairs(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Yield the literal keys, or keyword arguments, of a dict display or a call with their values."""
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        yield from ((str(key.value), value) for key, value in pairs if isinstance(key, ast.Constant))
    elif isinstance(node, ast.Call):
        yield from ((keyword.arg, keyword.value) for keyword in node.keywords if keyword.arg)


def _called(node: ast.AST) -> str | None:
    return node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else None


def _literal(node: ast.AST) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None
