"""The fields of a request: their help, what values are allowed, and how a command line, Python and JSON write them."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from typing import Any

from lab.errors import LabError, briefly, nearest
from lab.images import from_python
from lab.names import list_of, names_in

# What a value must be, by the type of its field, and how a sentence calls that
KINDS: dict[str, tuple[tuple[type, ...], str]] = {
    "str": ((str,), "text"),
    "int": ((int,), "a whole number"),
    "int | None": ((int, type(None)), "a whole number, or None"),
    "float": ((int, float), "a number"),
    "bool": ((bool,), "True or False"),
    "tuple[str, ...]": ((tuple,), "a list of texts"),
}


def option(
    default: Any,
    about: str,
    *,
    least: float | None = None,
    most: float | None = None,
    choices: Sequence[str] = (),
    known: Sequence[str] = (),
    repeated: str = "",
) -> Any:
    """Return a dataclass field of a request: its default, a help text, and what values are allowed.

    Of a tuple, `known` are the members there are ("all" and "none" then stand for all and none of them), and
    `repeated` is the name of an option that is given once for each member; otherwise commas stand between them.
    """
    metadata = {"about": about, "least": least, "most": most, "choices": tuple(choices), "known": tuple(known)}
    return dataclasses.field(default=default, metadata={**metadata, "repeated": repeated})


def type_name(field: dataclasses.Field[Any]) -> str:
    """Return a field's type as it is written, whether or not its module postpones annotations."""
    return field.type if isinstance(field.type, str) else getattr(field.type, "__name__", str(field.type))


def as_words(field: dataclasses.Field[Any], value: Any) -> list[tuple[str, str]]:
    name = field.name.replace("_", "-")
    if not isinstance(value, tuple):
        return [(name, str(value))]
    if repeated := field.metadata.get("repeated"):
        return [(repeated, member) for member in value]
    return [(name, list_of(value) or "none")]


def in_python(value: Any) -> str:
    """Return a value as Python writes it; what was given from Python by its own name."""
    if isinstance(value, tuple):
        return f"({', '.join(map(in_python, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, str) and from_python(value):
        return "images"
    return (isinstance(value, str) and given_id(value)) or repr(value)


def from_caller(field: dataclasses.Field[Any], value: Any) -> Any:
    """Return a field's value as requests hold it: a tuple of texts, one text, a number of Python's own."""
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if isinstance(field.default, tuple):
        known = field.metadata.get("known", ())
        if isinstance(value, str):  # not its letters
            return {"all": known, "none": ()}.get(value, names_in(value)) if known else (value,)
        return tuple(value) if isinstance(value, (list, tuple, set, frozenset)) else value
    if isinstance(field.default, str) and isinstance(value, (list, tuple)) and not field.metadata.get("choices"):
        names = [str(name) for member in value if isinstance(name := getattr(member, "name", member), str)]
        return list_of(names) if len(names) == len(value) else value  # layers, by name
    if hasattr(value, "item") and not getattr(value, "shape", None):
        return value.item()  # a number of numpy's
    return value


def _check_kind(field: dataclasses.Field[Any], value: Any) -> None:
    """Raise LabError for a value that is not of its field's kind."""
    kinds, told = KINDS.get(type_name(field), ((object,), ""))
    fits = isinstance(value, kinds) and (bool in kinds or object in kinds or not isinstance(value, bool))
    if fits and isinstance(value, tuple) and tuple in kinds:
        fits = all(isinstance(member, str) for member in value)
    if not fits:
        raise LabError(f"{field.name} is {briefly(value)}; it must be {told}")


def check_value(field: dataclasses.Field[Any], value: Any) -> None:
    _check_kind(field, value)
    name = field.name.replace("_", "-")
    least, most = field.metadata.get("least"), field.metadata.get("most")
    choices, known = field.metadata.get("choices", ()), field.metadata.get("known", ())
    if choices and value not in choices:
        raise LabError(f"there is no {name} {value!r}{nearest(str(value), choices)}; known: {', '.join(choices)}")
    for member in value if known else ():
        if member not in known:
            single = name.removesuffix("s")
            listed = ", ".join((*known, "all", "none"))
            raise LabError(f"there is no {single} {member!r}{nearest(member, known)}; known: {listed}")
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return
    # Asked this way round, what is no number at all (nan) is out of range too.
    if not ((least is None or value >= least) and (most is None or value <= most)):
        limits = f"{least} or more" if most is None else f"from {least} to {most}"
        raise LabError(f"{name} is {value}; it must be {limits}")


def given_id(model: str) -> str:
    """Return what a network is called that only this process has, "" for any other. Takes any text."""
    id, _, weights = model.rpartition("@")
    return id if weights.partition(":")[0] in ("memory", "python") else ""
