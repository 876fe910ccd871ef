"""Vectors that are given rather than computed: layers `(N, D)` in order of depth, checked, with classes and more.

From Python or from a file (`vector_files`). Every wrong value ends in one sentence here, so that what comes after can
rely on shapes, finite numbers and labels from 0.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from lab.embeddings.vector_files import COLUMN_KINDS, VectorFile, read_columns, read_vectors
from lab.errors import LabError, briefly, nearest
from lab.images.row_targets import RowTargets, row_targets
from lab.images.row_values import group_numbers, listed, on_cpu, tested_rows
from lab.images.targets import CLASS
from lab.images.uploads import is_upload, upload_name

LABELS: Final = ("label", "labels", "y", "class", "target")
GROUPS: Final = ("group", "groups")
SPLITS: Final = ("split",)
NAMES: Final = ("image", "file_name", "id")
MODEL: Final = "the network"


@dataclass(frozen=True)
class VectorLayer:
    """One layer: whose it is, its name, its relative depth 0 to 1, its vectors `(N, D)`."""

    model: str
    name: str
    depth: float
    vectors: np.ndarray = field(repr=False)


@dataclass(frozen=True, eq=False)
class VectorSet:
    """Layers in order, and of every row what is to be read of it, and where they were given its name, its group (rows
    of one never straddle a split) and whether it is for testing."""

    layers: tuple[VectorLayer, ...]
    targets: RowTargets
    names: tuple[str, ...] = ()
    groups: np.ndarray | None = None
    tested: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.targets.labels)

    @property
    def labels(self) -> np.ndarray:
        """Position of every row's class in `classes`, `(N,)`."""
        return self.targets.labels

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes, or the several labels, or the number's name."""
        return self.targets.classes

    @property
    def digest(self) -> str:
        """Hex SHA-256 of all that is given: layers, labels, names, groups and split."""
        found = hashlib.sha256()
        for layer in self.layers:
            found.update(repr((layer.model, layer.name, layer.depth)).encode() + array_digest(layer.vectors).encode())
        named = [self.classes[label] for label in self.labels]
        rest = [None if a is None else a.tolist() for a in (self.groups, self.tested)]
        found.update(repr((self.classes, named, self.names, rest)).encode())
        if self.targets.values is not None or self.targets.several is not None:
            values = None if self.targets.values is None else self.targets.values.tolist()
            found.update(repr((values, self.targets.several)).encode())
        return found.hexdigest()


def array_digest(array: np.ndarray) -> str:
    """Return the hex SHA-256 of an array's type, shape and content."""
    head = f"{array.dtype.str}{array.shape}".encode()
    return hashlib.sha256(head + np.ascontiguousarray(array).tobytes()).hexdigest()


def vector_set(
    layers: Mapping[str, Any],
    labels: Any,
    *,
    groups: Any = None,
    split: Any = None,
    names: Any = (),
    model: str = MODEL,
    classes: Sequence[str] = (),
    target: str = CLASS,
    label: str = "",
) -> VectorSet:
    """Return arrays as a checked set, layers in the order of `layers` at equal distances of depth.

    `labels` `(N,)` are whole numbers or text, or what another `target` has (`row_targets`; `label` is a number's name),
    `split` `(N,)` is "train" or "test". Raises LabError, in one sentence, for arrays that differ in length or are no
    finite numbers, and for labels that are none.
    """
    if not isinstance(layers, Mapping):
        raise LabError(f"layers are {briefly(layers)}; give a dictionary of arrays (N, D) by name, in order of depth")
    if not layers:
        raise LabError("no layer was given; give at least one array (N, D) by its name")
    places = np.linspace(0, 1, len(layers)) if len(layers) > 1 else np.zeros(1)
    given = [
        VectorLayer(model, str(name), float(depth), _vectors(str(name), array))
        for depth, (name, array) in zip(places, layers.items(), strict=True)
    ]
    targets = row_targets(labels, target, classes, label)
    numbers = targets.labels
    _same_length({layer.name: layer.vectors for layer in given} | {"the labels": numbers})
    extra = {"groups": groups, "split": split, "names": listed(() if names is None else names) or None}
    several = {name: listed(values) for name, values in extra.items() if values is not None}
    _same_length({"the labels": numbers} | several)
    ids = [str(name) for name in several.get("names", ())]
    return VectorSet(
        tuple(given), targets,
        tuple(ids) if len(set(ids)) == len(ids) else (),
        group_numbers(several["groups"]) if "groups" in several else None,
        tested_rows(several["split"]) if "split" in several else None,
    )  # fmt: skip


def read_vector_set(
    path: str,
    labels: str = "",
    layers: Sequence[str] = (),
    *,
    target: str = CLASS,
    label: str = "",
    classes: Sequence[str] = (),
) -> VectorSet:
    """Return the vectors in a file or folder.

    `labels` names the array or column that holds them, or a table beside the file (`label`, and if there are `group`,
    `split` and `image`, which puts its rows in order); "" takes what is called like one of `LABELS`, `label` another
    column of file or table. Several labels (`target`) may be an array `(N, L)` too. `layers` picks some, in this order,
    `classes` some of several labels. Raises LabError as `vector_set` does, and for names that are not there.
    """
    found = _labels_beside(read_vectors(path), {labels, label, *LABELS} - {*layers})
    columns = _with_table(found, labels, label)
    key = label or (labels if labels in found.columns else _first(columns, LABELS))
    if key is None or key not in columns:
        there = f"; its columns are {', '.join(columns)}" if columns else ""
        told = f"{path} has no column {key!r}{nearest(key, columns)}" if key else f"{path} holds no labels"
        raise LabError(f"{told}{there}; name them {' or '.join(LABELS[:2])}, or give --labels FILE.csv")
    picked = _picked(found.layers, layers, path)
    known = found.about.get("classes", ())
    made = vector_set(
        picked, columns[key], names=_column(columns, NAMES, ()), groups=_column(columns, GROUPS),
        split=_column(columns, SPLITS), model=Path(upload_name(path)).stem.replace("@", " at "),
        classes=classes or ([str(name) for name in known] if isinstance(known, list) and target == CLASS else ()),
        target=target, label=key,
    )  # fmt: skip
    return replace(made, layers=_described(made.layers, found.about.get("layers")))


def _labels_beside(found: VectorFile, names: Collection[str]) -> VectorFile:
    """Return a file whose arrays of these names, several labels `(N, L)`, are columns and no layers."""
    layers = {name: array for name, array in found.layers.items() if name not in names}
    labels = {name: array for name, array in found.layers.items() if name in names}
    return replace(found, layers=layers, columns=found.columns | labels)


def _vectors(name: str, given: Any) -> np.ndarray:
    try:
        array = np.asarray(on_cpu(given))
    except ValueError as error:  # rows of different lengths
        raise LabError(f"layer {name!r} is no array: its rows differ in length; give numbers (N, D)") from error
    if array.dtype.kind not in "fiub":
        raise LabError(f"layer {name!r} holds {_kind(array)}, not numbers; give real numbers (N, D)")
    if array.ndim != 2 or not array.shape[1]:
        raise LabError(f"layer {name!r} has the shape {array.shape}; pool it to one vector a row, (N, D)")
    if array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float32 if array.dtype.itemsize <= 2 else np.float64)
    wrong = np.flatnonzero(~np.isfinite(array).all(axis=1))
    if len(wrong):
        raise LabError(
            f"layer {name!r} holds nan or infinity in {len(wrong)} of {len(array)} rows, the first is row {wrong[0]}; "
            "leave these rows or the layer out"
        )
    most = np.abs(array).max(initial=0)
    if most > np.finfo(np.float32).max:  # a sum of squares of such numbers is infinite
        raise LabError(f"layer {name!r} holds numbers up to {most:.0e}, more than single precision has; scale it")
    return array


def _kind(array: np.ndarray) -> str:
    kinds = {"O": "Python objects", "U": "text", "S": "bytes", "c": "complex numbers"}
    return kinds.get(array.dtype.kind, f"values of type {array.dtype}")


def _same_length(arrays: Mapping[str, Any]) -> None:
    first, *others = arrays
    for name in others:
        if len(arrays[name]) != len(arrays[first]):
            raise LabError(
                f"{first!r} has {len(arrays[first])} rows and {name!r} {len(arrays[name])}; every array needs one row "
                "for every image, in one order"
            )


def _first(columns: Mapping[str, Any], names: Iterable[str]) -> str | None:
    return next((name for name in names if name in columns), None)


def _column(columns: Mapping[str, Any], names: Iterable[str], default: Any = None) -> Any:
    key = _first(columns, names)
    return default if key is None else columns[key]


def _with_table(found: VectorFile, labels: str, label: str) -> dict[str, np.ndarray]:
    """Return the file's columns, those of a table of labels instead where there are such, its rows in the file's
    order."""
    if not labels or labels in found.columns:
        return dict(found.columns)
    if not (is_upload(labels) or labels.lower().endswith(COLUMN_KINDS)):
        known = ", ".join(found.columns) or "none"
        raise LabError(f"there are no labels {labels!r}{nearest(labels, found.columns)}; columns of the file: {known}")
    table = read_columns(labels)
    if _first(table, (label,) if label else LABELS) is None and label not in found.columns:
        told = f"{label!r}{nearest(label, table)}" if label else "of labels"
        more = "" if label else f"; name one {LABELS[0]}"
        raise LabError(f"{labels} has no column {told}; it has {', '.join(table)}{more}")
    own, theirs = _column(found.columns, NAMES), _column(table, NAMES)
    if own is not None and theirs is not None:
        table = _in_order(table, [str(name) for name in own], [str(name) for name in theirs], labels)
    kept = {name: array for name, array in found.columns.items() if name not in LABELS}
    return kept | table


def _in_order(table: dict[str, np.ndarray], own: list[str], theirs: list[str], path: str) -> dict[str, np.ndarray]:
    place = {name: row for row, name in enumerate(theirs)}
    missing = [name for name in own if name not in place]
    if missing:
        raise LabError(f"{path} has no row for {len(missing)} of {len(own)} images, such as {missing[0]!r}; add them")
    order = [place[name] for name in own]
    return {name: array[order] for name, array in table.items()}


def _picked(layers: Mapping[str, np.ndarray], wanted: Sequence[str], path: str) -> dict[str, np.ndarray]:
    if not layers:
        raise LabError(f"{path} holds no array (N, D); give one a layer")
    for name in wanted:
        if name not in layers:
            raise LabError(f"{path} has no layer {name!r}{nearest(name, layers)}; it has {', '.join(layers)}")
    return {name: layers[name] for name in wanted or layers}


def _described(layers: Sequence[VectorLayer], about: Any) -> tuple[VectorLayer, ...]:
    """Return layers with the model, name and depth under which the lab wrote them, in its order, where it did."""
    try:
        known = {str(row["array"]): (str(row["model"]), str(row["layer"]), float(row["depth"])) for row in about}
    except (TypeError, KeyError, ValueError):
        return tuple(layers)
    if not {layer.name for layer in layers} <= set(known):
        return tuple(layers)
    by_name = {layer.name: layer for layer in layers}
    return tuple(
        VectorLayer(*known[name], by_name[name].vectors)
        for name in known
        if name in by_name and 0 <= known[name][2] <= 1
    )
