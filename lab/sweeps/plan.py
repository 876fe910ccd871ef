"""What a sweep asks: a TOML file of axes, spelled out into units.

    name = "small networks"
    networks = ["tf_efficientnet_lite0", "test_*@untrained", { match = "*", family = "resnet", max_parameters = "5M" }]
    images = ["drawn:pets", { data = "photos/pets", per_class = 100, name = "photographs" }]
    layers = ["stages"]
    seeds = [0, 1, 2]
    [[probes]]
    name = "quick"
    controls = ["pixels"]
    repeats = 1

Only `networks` and `images` must be there. An entry with `*` or `?` stands for all that `feature-lab models` finds by
it; a probe takes the fields of a probe request that no axis has. Paths are as on the command line: from the current
folder.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from lab.errors import LabError, check_type, nearest
from lab.experiments.base import type_name
from lab.experiments.early import card_at_hand
from lab.experiments.separability.request import ProbeRequest
from lab.images import short_name
from lab.models import ModelRef
from lab.models.search import ModelFilter, quantity, search_models
from lab.weights.sources import check_id

AXES = {  # each with an example, as a file has it
    "networks": '["tf_efficientnet_lite0"]', "images": '["drawn:pets", "photos/pets"]', "layers": '["stages"]',
    "probes": '[{ name = "quick", repeats = 1 }]', "seeds": "[0, 1]",
}  # fmt: skip
OF_IMAGES = ("data", "classes", "per_class")
ELSEWHERE = ("models", *OF_IMAGES, "layers", "seed", "embeddings", "labels", "images")
FIELDS = {field.name: field for field in dataclasses.fields(ProbeRequest)}
OF_PROBES = tuple(name for name in FIELDS if name not in ELSEWHERE)
FILTERS = tuple(field.name for field in dataclasses.fields(ModelFilter))
TYPES: dict[str, tuple[type, str]] = {
    "str": (str, "a text"), "int": (int, "a whole number"), "int | None": (int, "a whole number"),
    "tuple[str, ...]": (list, "a list of texts"),
}  # fmt: skip

Values = dict[str, Any]


@dataclass(frozen=True)
class Unit:
    """One cell of a sweep and the request that answers it; `images` and `probe` are their names in the plan."""

    network: str
    images: str
    layers: str
    probe: str
    seed: int
    request: ProbeRequest

    @property
    def place(self) -> Values:
        """Where in the plan it is, an axis each."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {name: value for name, value in values.items() if name != "request"}

    @property
    def reads(self) -> tuple[Any, ...]:
        """What is passed through the network: units that agree in it need one pass, whose vectors are kept."""
        asked = self.request
        return (asked.models, asked.data, asked.classes, asked.per_class, asked.layers, asked.pooling)


@dataclass(frozen=True)
class Plan:
    """A plan with its wild cards and paths spelled out: `images` and `probes` are fields of the request by name."""

    name: str
    networks: tuple[str, ...]
    images: Mapping[str, Values]
    layers: tuple[str, ...]
    probes: Mapping[str, Values]
    seeds: tuple[int, ...]

    def as_dict(self) -> Values:
        """Return the plan as a file has it, spelled out."""
        return {
            "name": self.name,
            "networks": list(self.networks),
            "images": [{"name": name, **values} for name, values in self.images.items()],
            "layers": list(self.layers),
            "probes": [{"name": name, **values} for name, values in self.probes.items()],
            "seeds": list(self.seeds),
        }

    @cached_property
    def units(self) -> tuple[Unit, ...]:
        """Every cell, the last axis fastest."""
        axes = (self.networks, self.images, self.layers, self.probes, self.seeds)
        return tuple(self._unit(*place) for place in itertools.product(*axes))

    @property
    def id(self) -> str:
        """The name of the sweep's folder: plans with the same cells have the same."""
        cells = [[unit.place, unit.request.digest] for unit in self.units]
        return f"sweep-{hashlib.sha256(json.dumps(cells).encode()).hexdigest()[:12]}"

    def check(self) -> None:
        """Raise LabError, with the cell it is about, for what can be told to be wrong before any work."""
        for unit in {unit.reads: unit for unit in self.units}.values():
            try:
                _check_network(ModelRef.parse(unit.network))
                unit.request.check(card_at_hand)
                unit.request.sources()
            except LabError as error:
                raise LabError(f"{unit.network} on {unit.images}: {error}") from error

    def _unit(self, network: str, images: str, layers: str, probe: str, seed: int) -> Unit:
        axes = {"models": [network], "layers": layers, "seed": seed}
        try:
            request = ProbeRequest.from_dict({**self.images[images], **self.probes[probe], **axes})
            return Unit(network, images, layers, probe, seed, request.canonical())
        except LabError as error:
            raise LabError(f"plan: probe {probe!r} on {images!r}: {error}") from error


def _check_network(ref: ModelRef) -> None:
    """Raise LabError for a network that is not there; a hub is not asked, since it may be back when its unit comes."""
    check_id(ref.id) if ref.source.name in ("pretrained", "untrained") else ref.check()


def read_plan(source: str | Path | Mapping[str, Any]) -> Plan:
    """Return the plan in a TOML file, or in values such as one holds.

    Raises LabError for a file that cannot be read, an entry that is not known, has another type or fits nothing, and
    for two entries of one name.
    """
    if isinstance(source, Mapping):
        return _plan(source, "plan", "the plan")
    check_type("plan", source, (str, os.PathLike), "the path of a TOML file, or a dictionary such as one holds")
    path = Path(source).expanduser()
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        listed = "name a plan, a TOML file, or a sweep that `feature-lab sweep` lists"
        raise LabError(f"{path} cannot be read ({error.strerror}); {listed}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise LabError(f"{path} is no TOML file: {error}") from error
    return _plan(values, path.stem, str(path))


def _plan(values: Mapping[str, Any], name: str, where: str) -> Plan:
    _known(values, ("name", *AXES), where)
    for axis in ("networks", "images"):
        if axis not in values:
            raise LabError(f"{where} names no {axis}; write {axis} = {AXES[axis]}")
    lists = {axis: _entries(values, axis, where) for axis in AXES}
    networks = [network for entry in lists["networks"] for network in _networks(entry, where)]
    plan = Plan(
        _typed(values.get("name", name), "str", f"{where}: name"),
        tuple(networks),
        _by_name([_images(entry, where) for entry in lists["images"]], "images", where),
        tuple(_typed(entry, "str", f"{where}: layers") for entry in lists["layers"]),
        _by_name([_probe(entry, where) for entry in lists["probes"]], "probes", where),
        tuple(_typed(entry, "int", f"{where}: seeds") for entry in lists["seeds"]),
    )
    for axis in ("networks", "layers", "seeds"):
        _refuse_twice(getattr(plan, axis), axis, where)
    _ = plan.units  # says which request's value is out of range
    return plan


def _entries(values: Mapping[str, Any], axis: str, where: str) -> list[Any]:
    usual: dict[str, list[Any]] = {"layers": ["stages"], "probes": [{"name": "probe"}], "seeds": [0]}
    found = values.get(axis, usual.get(axis))
    if not isinstance(found, list) or not found:
        raise LabError(f"{where}: {axis} is {found!r}; write a list, such as {axis} = {AXES[axis]}")
    return found


def _networks(entry: Any, where: str) -> list[str]:
    """Return the networks that an entry names: itself, or all that its wild card and its limits fit."""
    if isinstance(entry, str) and not any(sign in entry.partition("@")[0] for sign in "*?"):
        ref = ModelRef.parse(entry)
        return [str(ref)]
    if isinstance(entry, str):
        pattern, _, weights = entry.partition("@")
        return _matching(pattern, weights, {}, f"{where}: networks {entry!r}")
    wanted = _table(entry, ("match", "weights", *FILTERS), f"{where}: networks")
    limits = {name: value for name, value in wanted.items() if name in FILTERS}
    for name in ("max_parameters", "max_flops"):
        if name in limits:
            limits[name] = quantity(str(limits[name]))
    return _matching(str(wanted.get("match", "*")), str(wanted.get("weights", "")), limits, f"{where}: {entry}")


def _matching(pattern: str, weights: str, limits: Values, where: str) -> list[str]:
    """Return the models that fit, by name; with random weights each architecture once, whatever it was trained on."""
    rows = search_models(pattern, ModelFilter(**limits) if limits else None)
    if not rows:
        raise LabError(f"{where} fits no network of timm; `feature-lab models --search` tries it out")
    names = [(row["name"], weights or row["weights"]) for row in rows]
    if weights.partition(":")[0] == "untrained":
        names = [(name.partition(".")[0], weights) for name, _ in names]
    return sorted({str(ModelRef.parse(f"{name}@{of}")) for name, of in names})


def _images(entry: Any, where: str) -> tuple[str, Values]:
    values = {"data": entry} if isinstance(entry, str) else _table(entry, ("name", *OF_IMAGES), f"{where}: images")
    if "data" not in values:
        raise LabError(f"{where}: images {entry!r} has no data; write {{ data = ..., name = ... }}")
    fields = _fields(values, OF_IMAGES, f"{where}: images")
    fields = {**fields, "data": ProbeRequest(data=fields["data"]).canonical().data}
    more = [*fields.get("classes", ()), *([f"{fields['per_class']} a class"] if "per_class" in fields else ())]
    usual = short_name(fields["data"]) + (f" ({', '.join(more)})" if more else "")
    return _typed(values.get("name", usual), "str", f"{where}: images: name"), fields


def _probe(entry: Any, where: str) -> tuple[str, Values]:
    values = _table(entry, ("name", *OF_PROBES), f"{where}: probes")
    name = _typed(values.get("name", "probe"), "str", f"{where}: probes: name")
    return name, _fields(values, OF_PROBES, f"{where}: probe {name!r}")


def _fields(values: Mapping[str, Any], names: Sequence[str], where: str) -> Values:
    """Return the values of a request's fields among `values`, after checking their types."""
    return {n: _typed(values[n], type_name(FIELDS[n]), f"{where}: {n}") for n in names if n in values}


def _table(entry: Any, names: Sequence[str], where: str) -> Values:
    if not isinstance(entry, dict):
        raise LabError(f"{where}: {entry!r} is no table; write {{ {names[0]} = ... }}")
    _known(entry, names, where)
    return entry


def _known(values: Mapping[str, Any], names: Sequence[str], where: str) -> None:
    for name in values:
        if name not in names:
            raise LabError(f"{where} has no entry {name!r}{nearest(name, names)}; known: {', '.join(names)}")


def _typed(value: Any, kind: str, where: str) -> Any:
    wanted, called = TYPES[kind]
    right = isinstance(value, wanted) and not isinstance(value, bool)
    if not right or (wanted is list and not all(isinstance(member, str) for member in value)):
        raise LabError(f"{where} is {value!r}; it must be {called}")
    return value


def _by_name(entries: Sequence[tuple[str, Values]], axis: str, where: str) -> dict[str, Values]:
    _refuse_twice([name for name, _ in entries], axis, where, "; give each a name of its own")
    return dict(entries)


def _refuse_twice(names: Sequence[Any], axis: str, where: str, way_out: str = "; name each once") -> None:
    for place, name in enumerate(names):
        if name in names[:place]:
            raise LabError(f"{where}: {axis} has {name!r} twice{way_out}")
